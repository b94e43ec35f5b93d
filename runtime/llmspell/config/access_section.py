"""The tables ``[state.access]``: roles, actors and what they are granted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from llmspell.config.problems import closest
from llmspell.config.section import Section
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from llmspell.security.access import Policy

__all__ = ["Access", "AccessActor", "AccessRole"]

_GRANTS = "list of grants"


def _grants(value: Any) -> tuple[dict[str, Any], ...]:
    """Check a list at once, so that a mistake in it is told with its place in the file."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError('must be a list of grants: {scope = "user:*", permission = "read"}')
    from llmspell.security.access import Grant

    found = []
    for number, facts in enumerate(value, start=1):
        known = {key: of for key, of in facts.items() if key not in ("actor", "role", "at", "by")}
        if wrong := [key for key in facts if key not in known]:
            raise _wrong(number, f"has no {wrong[0]!r}: whose it is says the table it stands in")
        try:
            told = Grant.read("", {**known, "role": "role"}).told()
        except InvalidArgument as error:
            meant = f" ({error.hint})" if error.hint else ""
            raise _wrong(number, f"is wrong: {error.message}{meant}") from None
        found.append({key: of for key, of in told.items() if key != "role"})
    return tuple(found)


def _wrong(number: int, problem: str) -> PydanticCustomError:
    return PydanticCustomError(
        "entry", "grant {number} {problem}", {"number": number, "problem": problem}
    )


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


_Grants: TypeAlias = Annotated[tuple[dict[str, Any], ...], PlainValidator(_grants)]
_Texts: TypeAlias = Annotated[tuple[str, ...], PlainValidator(_texts)]


class AccessRole(Section):
    """What everybody may do who has the role."""

    grants: _Grants = Field(
        (),
        json_schema_extra={"values": _GRANTS},
        description="What is permitted where: maps with scope, permission and, if need be, until "
        "and conditions.",
    )


class AccessActor(Section):
    """What one actor may do."""

    roles: _Texts = Field(
        (), json_schema_extra={"values": "list of texts"}, description="The roles he has."
    )
    grants: _Grants = Field(
        (),
        json_schema_extra={"values": _GRANTS},
        description="What he is permitted besides, in the same form as for a role.",
    )


class Access(Section):
    """Who may do what in which scope, once state.security.access_control_enabled is on."""

    roles: dict[str, AccessRole] = Field(
        {}, json_schema_extra={"values": "tables"}, description="The roles, by name."
    )
    actors: dict[str, AccessActor] = Field(
        {},
        json_schema_extra={"values": "tables"},
        description='The actors, by name; "anonymous" is who gives no name.',
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Access:
        if self.roles or self.actors:
            _check_names("roles", self.roles)
            _check_names("actors", self.actors)
        for actor, section in self.actors.items():
            for role in section.roles:
                if role not in self.roles:
                    near = closest(role, list(self.roles))
                    meant = f': did you mean "{near}"?' if near else ""
                    raise ValueError(f'gives actor "{actor}" the role "{role}", of no table{meant}')
        return self

    def policy(self) -> Policy:
        """Return the grants and roles as the access control takes them."""
        from llmspell.security.access import Grant, Policy

        grants = [
            Grant.read(f"{table}.{name}.grants[{at}]", {**facts, kind: name})
            for table, kind, sections in (
                ("roles", "role", self.roles),
                ("actors", "actor", self.actors),
            )
            for name, section in sections.items()
            for at, facts in enumerate(section.grants)
        ]
        return Policy(grants, {name: actor.roles for name, actor in self.actors.items()})


def _check_names(table: str, sections: Mapping[str, Any]) -> None:
    from llmspell.security.access.grant import check_name

    try:
        for name in sections:
            check_name(f"a name in {table}", name)
    except InvalidArgument as error:
        raise ValueError(f"is wrong: {error.message}") from None
