"""Rewriting a thousand entries of SQLite at a time, most of it inside SQLite."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final, TypeAlias

from llmspell.store.backend import Seal
from llmspell.store.base import INTERNAL, Put, Rewritten
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.checks import check_durability
from llmspell.store.requests import Waiting
from llmspell.store.rewriting import RewritesByWriting, check_rewrite
from llmspell.store.sqlite.journal import SqliteJournal
from llmspell.store.sqlite.statements import NO_NUMBER, NO_TEXT, REWRITES_AT_ONCE

__all__ = ["SqliteRewriter"]

_Row: TypeAlias = tuple[Any, ...]
#: SQLite holds so many new entries back until it has them all: with more it would use a file.
_APPLIED_AT_ONCE: Final = 64
#: Scope, time and schema version: what entries of one statement have in common.
_common: Final = itemgetter(0, 3, 4)


class SqliteRewriter(SqliteJournal, RewritesByWriting):
    """Has SQLite make the changes of the entries, and the new entries of the changes.

    That needs no plan, and nothing is read into Python. What it cannot do is written as always.
    """

    seal: Seal | None
    _waiting: Waiting

    def rewrite(
        self,
        batch: Sequence[Put],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        check_durability(durability)
        check_rewrite(batch)
        if batch and self._journals and all(put[0][:1] != INTERNAL for put in batch):
            chosen = durability or self._driver.durability
            self._restorer.refuse_own()
            with self._lock:
                if self._waiting:  # one rewrite comes after the other: let others in between
                    self._serve()
                seq, before, after = self._transact(chosen, self._rewrite, (batch, origin))
            if seq is not None:
                return Rewritten(before, after, seq)
        return super().rewrite(batch, durability=durability, origin=origin)

    def _rewrite(self, before: int, batch: Sequence[Put], origin: Origin) -> int | None:
        """Return the journal's last position; None if not all is as the batch demands."""
        assert self._writer is not None
        raw = self._writer.raw
        self._remembered.clear()
        self._look_at_ring(before)
        (last,) = self._execute(self._statements.last).fetchone()
        try:
            runs = [(common, self._rows([*run])) for common, run in groupby(batch, _common)]
        except Exception:
            # A condition that fails earlier in the batch is what is to be told; or this is.
            return None
        unchanged = raw.total_changes
        for common, rows in runs:
            for text, values in self._cut(rows, _shared(common, origin)):
                raw.executemany(text, values)
        if raw.total_changes - unchanged != len(batch):
            return None
        end: int = last + len(batch)
        spans = ((at, min(at + _APPLIED_AT_ONCE, end)) for at in range(last, end, _APPLIED_AT_ONCE))
        if raw.executemany(self._statements.apply_rewrites, spans).rowcount != len(batch):
            return None
        self._last, self._last_at = end, before
        return end

    def _rows(self, puts: Sequence[Put]) -> list[_Row]:
        """Seal, and return what is told of each entry; see rows.py for the forms."""
        _, keys, blobs, _, _, classes, ends, versions, _ = zip(*puts, strict=True)
        if self.seal is not None:
            blobs = tuple(self.seal(p[0], p[1], p[7] + 1, p[4], p[2]) for p in puts)  # type: ignore[operator]
        until = (NO_NUMBER if end is None else end for end in ends)
        return [*zip(keys, versions, map(bytearray, blobs), until, classes, strict=True)]

    def _cut(self, rows: list[_Row], shared: _Row) -> Iterator[tuple[str, Iterator[_Row]]]:
        """Yield statements that take all rows, each with the values of each of its calls."""
        start = 0
        for count in REWRITES_AT_ONCE:
            end = len(rows) - (len(rows) - start) % count
            text = self._statements.journal_rewrites(count)
            starts = range(start, end, count)
            yield text, ((*chain.from_iterable(rows[i : i + count]), *shared) for i in starts)
            start = end

    @abstractmethod
    def _look_at_ring(self, before: int) -> None: ...

    @abstractmethod
    def _serve(self) -> None: ...


def _shared(common: tuple[str, int, int], origin: Origin) -> _Row:
    scope, at, schema_version = common
    return (at, schema_version, *(text or NO_TEXT for text in origin), scope, at)
