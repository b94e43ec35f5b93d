"""The table ``[state.sensitive]``: what is looked for in values and what is done about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from llmspell.config.problems import closest
from llmspell.config.section import Section

__all__ = ["Sensitive"]

Does: TypeAlias = Literal["tag", "redact", "hash", "encrypt", "refuse"]


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def _fields(value: Any) -> tuple[str, ...]:
    """Check paths at once, so that a mistake in one is told with its place in the file."""
    from llmspell.security.sensitive.fields import parse_field

    paths = _texts(value)
    try:
        for path in paths:
            parse_field(path)
    except ValueError as error:
        raise _mistake(f"is wrong: {error}") from None
    return paths


def _detectors(value: Any) -> tuple[str, ...]:
    names = _texts(value)
    for name in names:
        if problem := _unknown(name):
            raise _mistake(f"names {problem}")
    return names


def _unknown(name: str, *others: str) -> str | None:
    """Say that there is no such detector, if there is none."""
    from llmspell.security.sensitive.detectors import DETECTORS

    known = [*DETECTORS, *others]
    if name in known:
        return None
    guess = closest(name, known)
    meant = f'did you mean "{guess}"?' if guess else f"there are {', '.join(known)}"
    return f'an unknown detector, "{name}": {meant}'


def _expression(value: str) -> str:
    from llmspell.security.sensitive.patterns import Pattern

    Pattern("any", value)
    return value


_Texts: TypeAlias = Annotated[tuple[str, ...], PlainValidator(_texts)]
_Fields: TypeAlias = Annotated[tuple[str, ...], PlainValidator(_fields)]
_Detectors: TypeAlias = Annotated[tuple[str, ...], PlainValidator(_detectors)]
_Expression: TypeAlias = Annotated[str, AfterValidator(_expression)]

_ACTIONS = "tag, redact, hash, encrypt, refuse"
_PATHS: dict[str, Any] = {"values": "list of paths"}


class Sensitive(Section):
    """Search values for sensitive data before they are stored. Rules for fields always hold."""

    enabled: bool = Field(False, description="Search what is saved with the detectors.")
    action: Does = Field(
        "tag",
        description="What is done about a finding: record it, take it out, replace it by a keyed "
        "hash, encrypt the text it is in, or refuse the value.",
    )
    patterns: dict[str, _Expression] = Field(
        {},
        json_schema_extra={"values": "regular expressions, by name"},
        description="Patterns of your own; each is a detector of its name.",
    )
    actions: dict[str, Does] = Field(
        {},
        json_schema_extra={"values": f"by detector: {_ACTIONS}"},
        description="What is done instead about the findings of single detectors and patterns.",
    )
    detectors: _Detectors | None = Field(
        None,
        json_schema_extra={"values": "list of detectors"},
        description="The detectors in use; left out: all of them.",
    )
    encrypt_fields: _Fields = Field(
        (), json_schema_extra=_PATHS, description="Fields to encrypt, such as user.api_key."
    )
    hash_fields: _Fields = Field(
        (), json_schema_extra=_PATHS, description="Fields to replace by their keyed hash."
    )
    redact_fields: _Fields = Field(
        (), json_schema_extra=_PATHS, description="Fields to replace by [redacted]."
    )
    refuse_fields: _Fields = Field(
        (), json_schema_extra=_PATHS, description="Fields that no stored value may have."
    )
    allow: _Texts = Field(
        (),
        json_schema_extra={"values": "list of texts"},
        description='Texts that are no findings; * stands for anything: "*@example.com".',
    )

    @field_validator("patterns")
    @classmethod
    def _check_patterns(cls, patterns: dict[str, str]) -> dict[str, str]:
        _check_names(patterns)
        return patterns

    @field_validator("actions")
    @classmethod
    def _check_actions(cls, actions: dict[str, Does], info: ValidationInfo) -> dict[str, Does]:
        for name in actions:
            # Patterns that are wrong themselves are missing here; that has been told.
            if problem := _unknown(name, *info.data.get("patterns", actions)):
                raise _mistake(f"has {problem}")
        return actions


def _check_names(patterns: Iterable[str]) -> None:
    from llmspell.security.sensitive.detectors import DETECTORS
    from llmspell.security.sensitive.patterns import check_name

    for name in patterns:
        try:
            check_name(name)
        except ValueError as error:
            raise _mistake(str(error)) from None
        if name in DETECTORS:
            raise _mistake(f'has a pattern "{name}", which is the name of a detector')


def _mistake(problem: str) -> PydanticCustomError:
    return PydanticCustomError("entry", "{problem}", {"problem": problem})
