"""Reading a relaxed store: everything that was accepted shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from llmspell.store.base import Reader, Ref, Row, Store
from llmspell.store.changes import Change, Compacted, JournalSpan, Swept
from llmspell.store.relaxed.core import RelaxedCore

__all__ = ["RelaxedReader"]


class RelaxedReader(RelaxedCore):
    """Shows what is pending when entries are read, and flushes before anything else is asked."""

    def __init__(self, inner: Store, flush_s: float) -> None:
        super().__init__(inner, flush_s)
        self._latest = self._pending.latest

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        latest = self._latest
        if not latest:
            return self.inner.read(refs)
        # What is not pending any more is stored, so no lock is needed to look for one key.
        if len(refs) == 1:
            row = latest.get(refs[0])
            return self.inner.read(refs) if row is None else [row]
        with self._lock:
            found = [latest.get(ref) for ref in refs]
        if None not in found:
            return found
        if not any(found):
            return self.inner.read(refs)
        return self._read_both(refs)

    def _read_both(self, refs: Sequence[Ref]) -> list[Row | None]:
        """Read entries of which some are pending, while nothing of these can be written."""
        with self._flushing:
            with self._lock:
                pending = [self._latest.get(ref) for ref in refs]
            rest = [ref for ref, row in zip(refs, pending, strict=True) if row is None]
            stored = iter(self.inner.read(rest))
            return [next(stored) if row is None else row for row in pending]

    def _catch_up(self) -> None:
        if self._pending.runs:
            self.flush()

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        self._catch_up()
        return self.inner.scan(scope, prefix=prefix, after=after, limit=limit, values=values)

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        self._catch_up()
        return self.inner.scopes(prefix)

    def versions(self) -> list[tuple[str, int, int]]:
        self._catch_up()
        return self.inner.versions()

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        self._catch_up()
        return self.inner.walk(after, limit=limit)

    def position(self) -> int:
        self._catch_up()
        return self.inner.position()

    def snapshot(self) -> AbstractContextManager[Reader]:
        self._catch_up()
        return self.inner.snapshot()

    def span(self) -> JournalSpan:
        self._catch_up()
        return self.inner.span()

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        self._catch_up()
        return self.inner.changes(after, limit=limit, values=values)

    def recall(self, seqs: Sequence[int]) -> Mapping[int, Change]:
        self._catch_up()
        return self.inner.recall(seqs)

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        self._catch_up()
        return self.inner.history(ref, below=below, limit=limit, values=values)

    def compact(
        self, *, before: int | None = None, keep: int | None = None, limit: int = 1000
    ) -> Compacted:
        self._catch_up()
        return self.inner.compact(before=before, keep=keep, limit=limit)

    def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        self._catch_up()
        swept = self.inner.sweep(now, limit=limit)
        if swept.expired:
            self._knows_last = False
        return swept

    def stats(self) -> dict[str, Any]:
        self._catch_up()
        return self.inner.stats()
