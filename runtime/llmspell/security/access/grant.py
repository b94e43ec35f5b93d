"""A grant: who may do what, where, under which conditions, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from llmspell.errors import InvalidArgument
from llmspell.security.access.conditions import KINDS, Condition, read_conditions
from llmspell.security.access.moments import moment_text, moment_us
from llmspell.security.access.pattern import check_pattern
from llmspell.security.access.permission import Permission
from llmspell_bridges.values import is_unicode

__all__ = ["DEFERRED", "Grant", "check_name"]

MAX_NAME_CHARACTERS: Final = 200
#: The kinds of conditions that only the value about to be written can answer.
DEFERRED: Final = frozenset({"size", "encryption"})
_FACTS: Final = ("actor", "role", "scope", "permission", "until", "by", "at", *KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Permits an actor, or whoever has a role, something in the scopes of a pattern.

    ``id`` names it among all grants: those of the configuration by their place in it, stored ones
    as ``g1`` and so on. Times are microseconds since the Unix epoch; from ``expires_at`` on it
    permits nothing.
    """

    id: str
    actor: str | None = None
    role: str | None = None
    scope: str
    permission: Permission
    conditions: tuple[Condition, ...] = ()
    granted_at: int | None = None
    granted_by: str | None = None
    expires_at: int | None = None

    @classmethod
    def read(cls, id_: str, facts: Mapping[str, Any]) -> Self:
        """Make a grant of plain data. Raises ``InvalidArgument`` for whatever is wrong with it.

        The data has ``scope``, ``permission``, one of ``actor`` and ``role``, and may have
        ``until``, ``at``, ``by`` and the kinds of conditions.
        """
        given = {str(name): value for name, value in facts.items() if value is not None}
        if wrong := [name for name in given if name not in _FACTS]:
            raise _invalid(f"a grant has no {wrong[0]!r}; it takes {', '.join(_FACTS)}", wrong[0])
        for name in ("scope", "permission"):
            if name not in given:
                raise _invalid(f"a grant needs its {name}", name)
        if ("actor" in given) == ("role" in given):
            raise _invalid("a grant is for an actor or for a role, for one of them", "actor")
        return cls(
            id=id_,
            **{name: check_name(name, given[name]) for name in ("actor", "role") if name in given},
            scope=check_pattern(given["scope"]),
            permission=Permission.named(given["permission"]),
            conditions=read_conditions({kind: given[kind] for kind in KINDS if kind in given}),
            granted_at=moment_us(given["at"], name="at") if "at" in given else None,
            granted_by=check_name("by", given["by"]) if "by" in given else None,
            expires_at=moment_us(given["until"], name="until") if "until" in given else None,
        )

    def told(self) -> dict[str, Any]:
        """Return the plain data that ``read`` takes."""
        told: dict[str, Any] = {
            "actor": self.actor,
            "role": self.role,
            "scope": self.scope,
            "permission": self.permission.text,
            "until": None if self.expires_at is None else moment_text(self.expires_at),
            "at": None if self.granted_at is None else moment_text(self.granted_at),
            "by": self.granted_by,
        }
        told |= {condition.kind: condition.told() for condition in self.conditions}
        return {name: value for name, value in told.items() if value is not None}

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the scope decides what it permits, now and later."""
        return not self.conditions and self.expires_at is None

    @property
    def deferred(self) -> tuple[Condition, ...]:
        """The conditions that are about the value itself."""
        return tuple(each for each in self.conditions if each.kind in DEFERRED)

    def has_expired(self, latest_us: int) -> bool:
        """Return whether it permits nothing any more."""
        return self.expires_at is not None and latest_us >= self.expires_at


def check_name(what: str, name: object) -> str:
    """Return the name of an actor or a role: printable text. Raises ``InvalidArgument``."""
    if type(name) is not str or not name.isprintable() or not is_unicode(name):
        raise _invalid(f"{what} must be printable text", what)
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or name != name.strip():
        raise _invalid(
            f"{what} must have 1 to {MAX_NAME_CHARACTERS} characters, and none of them blank at"
            " either end",
            what,
        )
    return name


def _invalid(message: str, parameter: str) -> InvalidArgument:
    return InvalidArgument(message, parameter=parameter)
