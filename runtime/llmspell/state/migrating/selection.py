"""Which entries a migration is about, and of which schema each of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from llmspell.security.wildcard import wildcard
from llmspell.store.base import Reader

if TYPE_CHECKING:
    from llmspell.migration.versioning import Versioning

__all__ = ["Selection"]

_KNOWN_SCOPES: Final = 1024


class Selection:
    """Entries of some families in the scopes and keys that two patterns stand for.

    ``targets`` are the versions to reach, by family.
    """

    def __init__(
        self,
        versioning: Versioning,
        targets: Mapping[str, int],
        *,
        scope: str | None = None,
        key: str | None = None,
    ) -> None:
        self.targets = dict(targets)
        self.scope, self.key = scope, key
        self._versioning = versioning
        self._has_scope = wildcard(scope or "*").matches
        self._has_key = wildcard(key or "*").matches
        self._families = lru_cache(_KNOWN_SCOPES)(self._families_of)
        self._claims = {
            name: [(wildcard(s).matches, k) for s, k in versioning.claims(name)]
            for name in versioning.planner.names
        }

    def scopes(self, reader: Reader) -> Iterator[tuple[str, int]]:
        """Yield each scope that may hold such entries, with the number of all its entries."""
        for scope, count in reader.scopes():
            if self.concerns(scope):
                yield scope, count

    def concerns(self, scope: str) -> bool:
        """Tell whether a scope may hold such entries."""
        return self._has_scope(scope) and not self.targets.keys().isdisjoint(self._families(scope))

    def sole_family(self, scope: str) -> str | None:
        """Return the family that all entries of a scope belong to, if they all are selected."""
        families = self._families(scope)
        if self.key is not None or len(families) != 1:
            return None
        ((name, patterns),) = families.items()
        return name if "*" in patterns and name in self.targets else None

    def family_in(self, scope: str) -> Callable[[str], str | None]:
        """Return what tells the family of a key in a scope; None if it is not selected."""
        sole = self.sole_family(scope)
        if sole is not None:
            return lambda _key: sole
        targets, has_key, family_of = self.targets, self._has_key, self._versioning.family_of

        def family(key: str) -> str | None:
            found = family_of(scope, key) if has_key(key) else None
            return found if found in targets else None

        return family

    def told(self) -> list[object]:
        """Return what tells two selections apart."""
        return [[list(item) for item in sorted(self.targets.items())], self.scope, self.key]

    def _families_of(self, scope: str) -> dict[str, list[str]]:
        """Return the patterns of keys with which families claim a scope."""
        claimed: dict[str, list[str]] = {}
        for name, claims in self._claims.items():
            keys = [key for has_scope, key in claims if has_scope(scope)]
            if keys:
                claimed[name] = keys
        return claimed
