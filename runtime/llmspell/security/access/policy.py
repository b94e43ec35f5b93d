"""All grants there are, found fast: by actor, then by the text before the first ``*``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from llmspell.security.access.grant import Grant
from llmspell.security.access.pattern import Pattern, compiled, own_patterns
from llmspell.security.access.permission import Permission

__all__ = ["Holdings", "Policy"]

#: So many decisions are kept; then all are forgotten, which costs no more than making them again.
_MOST_MASKS: Final = 100_000
_OWNED: Final = Permission.NOT_ADMIN


class _Held(NamedTuple):
    grant: Grant
    pattern: Pattern


class _Index:
    """Grants by where they hold."""

    def __init__(self, held: Iterable[_Held]) -> None:
        self._exact: dict[str, list[Grant]] = {}
        self._open: dict[str, list[_Held]] = {}
        for each in held:
            if each.pattern.rest is None:
                self._exact.setdefault(each.pattern.literal, []).append(each.grant)
            else:
                self._open.setdefault(each.pattern.literal, []).append(each)
        self._lengths = sorted({len(literal) for literal in self._open})

    def over(self, scope: str) -> Iterator[Grant]:
        """Yield the grants whose pattern covers a scope."""
        yield from self._exact.get(scope, ())
        for length in self._lengths:
            if length > len(scope):
                return
            for grant, pattern in self._open.get(scope[:length], ()):
                if pattern.matches(scope):
                    yield grant


class Holdings:
    """What one actor holds: by name, by role, and by being named as a scope."""

    def __init__(self, actor: str, grants: Iterable[Grant]) -> None:
        self.grants = tuple(grants)
        self.own = own_patterns(actor)
        held = [_Held(grant, compiled(grant.scope, actor)) for grant in self.grants]
        self._plain = _Index(each for each in held if each.grant.is_plain)
        self._bound = _Index(each for each in held if not each.grant.is_plain)

    def mask(self, scope: str) -> Permission:
        """Return what is permitted in a scope whatever the circumstances."""
        mask = _OWNED if self.owns(scope) else Permission.NONE
        for grant in self._plain.over(scope):
            mask |= grant.permission
        return mask

    def bound(self, scope: str) -> Iterator[Grant]:
        """Yield the grants over a scope that depend on conditions or expire."""
        return self._bound.over(scope)

    def owns(self, scope: str) -> bool:
        """Return whether the actor is named as this scope, or its step."""
        return any(pattern.matches(scope) for pattern in self.own)

    def is_known(self, latest_us: int) -> bool:
        """Return whether there is anything the actor may do."""
        return bool(self.own) or any(not grant.has_expired(latest_us) for grant in self.grants)


class Policy:
    """The grants and the roles of one moment. Never changes; others may use it at any time."""

    def __init__(
        self, grants: Iterable[Grant] = (), roles_of: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.grants = tuple(grants)
        self.roles_of = dict(roles_of or {})
        self.has_deferred = any(grant.deferred for grant in self.grants)
        self.masks: dict[tuple[str | None, str], int] = {}
        self._by_actor: dict[str, list[Grant]] = {}
        self._by_role: dict[str, list[Grant]] = {}
        for grant in self.grants:
            holders = self._by_role if grant.actor is None else self._by_actor
            holders.setdefault(str(grant.actor or grant.role), []).append(grant)
        self._holdings: dict[str, Holdings] = {}

    def extended(self, grants: Iterable[Grant]) -> Policy:
        """Return a policy with more grants."""
        return Policy((*self.grants, *grants), self.roles_of)

    def holdings(self, actor: str) -> Holdings:
        """Return what an actor holds."""
        found = self._holdings.get(actor)
        if found is None:
            of_roles = (
                grant
                for role in self.roles_of.get(actor, ())
                for grant in self._by_role.get(role, ())
            )
            found = Holdings(actor, (*self._by_actor.get(actor, ()), *of_roles))
            if len(self._holdings) >= _MOST_MASKS:
                self._holdings.clear()
            self._holdings[actor] = found
        return found

    def keep(self, asked: str | None, scope: str, mask: Permission) -> None:
        """Remember what is permitted to one who calls himself so."""
        if len(self.masks) >= _MOST_MASKS:
            self.masks.clear()
        # As a plain number: an enumeration's operators take ten times as long.
        self.masks[asked, scope] = int(mask)
