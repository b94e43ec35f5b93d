"""How much there is in a backup, counted while it is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from llmspell.backup.model import ScopeInfo
from llmspell.backup.records import Changed, Gone, Record

__all__ = ["Counts"]

_MOST_SCOPES: Final = 1000


class Counts:
    """How much of what was backed up; of the scopes the first thousand are told apart."""

    def __init__(self) -> None:
        self.records = self.deletions = self.scope_count = 0
        self._by_scope: dict[str, int] = {}
        self._last = ""

    def add(self, records: Sequence[Record]) -> None:
        """Count a page."""
        self.records += len(records)
        self.deletions += sum(1 for each in records if _is_deletion(each))
        for scope, count in Counter(each.scope for each in records).items():
            if scope in self._by_scope or len(self._by_scope) < _MOST_SCOPES:
                self.scope_count += scope not in self._by_scope
                self._by_scope[scope] = self._by_scope.get(scope, 0) + count
            elif scope != self._last:  # entries come scope by scope
                self.scope_count += 1
            self._last = scope

    def scopes(self) -> tuple[ScopeInfo, ...]:
        """Return the first thousand scopes, sorted."""
        return tuple(ScopeInfo(scope=name, records=n) for name, n in sorted(self._by_scope.items()))


def _is_deletion(record: Record) -> bool:
    return type(record) is Gone or (type(record) is Changed and record.op != "put")
