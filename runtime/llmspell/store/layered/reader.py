"""Reading two stores as one, the upper hiding what the lower has under the same address."""

from __future__ import annotations

from collections.abc import Sequence

from llmspell.store.base import Reader, Ref, Row
from llmspell.store.counting import versions_by_scan

__all__ = ["LayeredReader"]


class LayeredReader:
    """Reads ``upper`` over ``lower``. What it returns is of one moment if they stand still."""

    def __init__(self, upper: Reader, lower: Reader) -> None:
        self.upper = upper
        self.lower = lower

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        found = self.upper.read(refs)
        rest = [ref for ref, row in zip(refs, found, strict=True) if row is None]
        if not rest:
            return found
        below = iter(self.lower.read(rest))
        return [next(below) if row is None else row for row in found]

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        # The first rows of both have the first rows of the whole among them.
        rows = {
            row.key: row
            for reader in (self.lower, self.upper)
            for row in reader.scan(scope, prefix=prefix, after=after, limit=limit, values=values)
        }
        return [rows[key] for key in sorted(rows)][:limit]

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        counts = dict(self.lower.scopes(prefix))
        for scope, _ in self.upper.scopes(prefix):
            counts[scope] = counts.get(scope, 0) + len(self.alone(scope))
        return sorted(counts.items())

    def versions(self) -> list[tuple[str, int, int]]:
        return versions_by_scan(self) if self.upper.scopes() else self.lower.versions()

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        return self.lower.walk(after, limit=limit)

    def position(self) -> int:
        return self.lower.position()

    def alone(self, scope: str) -> list[Row]:
        """Return what the upper store has of a scope and the lower one has not, without values."""
        rows = self.upper.scan(scope, values=False)
        below = self.lower.read([Ref(row.scope, row.key) for row in rows])
        return [row for row, hidden in zip(rows, below, strict=True) if hidden is None]
