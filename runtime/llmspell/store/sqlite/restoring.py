"""Restoring a SQLite store: one transaction, which holds no more in memory than a batch."""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any, Final

from llmspell.store.backend import Seal
from llmspell.store.base import FIRST_SCOPE, INTERNAL, Ref, Restored, RestoreWork, Rewritten
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.checks import check_durability
from llmspell.store.plan import Known, Plan
from llmspell.store.restoring import Batches, came_twice, refs_of
from llmspell.store.sqlite.rewriting import SqliteRewriter
from llmspell.store.sqlite.rows import change_row, record_row
from llmspell.store.sqlite.statements import NO_NUMBER, NO_TEXT, rows_at_once

__all__ = ["SqliteRestorer"]

#: How many rows one statement inserts: half the cost of one each, and with more little is saved.
_AT_ONCE: Final = 32
#: Measured with a million keys in random order: a third faster than with SQLite's own 2 MB.
_CACHE_KIB: Final = 32_000


class SqliteRestorer(SqliteRewriter):
    """Puts entries back, each batch as it comes.

    Of entries whose keys are new it tells SQLite once, and has it make their changes.
    """

    seal: Seal | None

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        check_durability(durability)
        self._restorer.refuse_own()
        batches = Batches(work, self)
        with self._lock, self._restorer.at_work():
            chosen = durability or self._driver.durability
            try:
                with self._roomy():
                    _, before, after = self._transact(chosen, self._restore, (batches, origin))
            except Exception:  # what the work raised may have become any error of the driver
                batches.raise_own()
                raise
            return Rewritten(before, after, self._last)

    @contextmanager
    def _roomy(self) -> Iterator[None]:
        """Let the writer keep more of the index in memory: keys come in any order."""
        writer = self._writer or self._open_writer()
        try:
            (usual,) = writer.execute("PRAGMA cache_size").fetchone()
            writer.execute(f"PRAGMA cache_size = -{_CACHE_KIB}").fetchall()
            yield
        finally:
            with suppress(*self._driver.error):  # it must not hide what went wrong before
                writer.execute(f"PRAGMA cache_size = {usual}").fetchall()
                writer.execute("PRAGMA shrink_memory").fetchall()

    def _restore(self, before: int, batches: Batches, origin: Origin) -> bool | None:
        """Restore all; None if there is nothing to."""
        self._remembered.clear()
        self._look_at_ring(before)
        since = self._last_seq(before)
        was_empty = self._execute(self._statements.any_entry, (FIRST_SCOPE,)).fetchone() is None
        written = False
        for batch in batches:
            refs = refs_of(batch)
            simple = self._journals and _is_simple(batch)
            known = {} if simple and was_empty else self._known(refs, [])
            if simple and not known:
                written = True
                self._insert(before, batch, origin, since)  # type: ignore[arg-type]
                continue
            plan = self._plan(known, before)
            plan.restore(batch, origin, since=since)
            if plan.records:
                written = True
                self._fill(self._statements.upsert, map(record_row, plan.records.values()))
                self._fill(self._statements.insert_change, map(change_row, plan.changes))
                self._last, self._last_at = plan.last, before
        return True if written else None

    def _insert(self, before: int, batch: Sequence[Restored], origin: Origin, since: int) -> None:
        """Put back entries whose keys were never written, all at one time.

        SQLite numbers rows one after the other, so the new ones are those after the last.
        """
        statements, seal = self._statements, self.seal
        last = self._last_seq(before)
        (row_id,) = self._execute(statements.last_row).fetchone()
        rows = []
        for seq, it in enumerate(batch, last + 1):
            scope, key, blob, _, version, created_at, updated_at, schema, kind, end, why = it
            if seal is not None:
                blob = seal(scope, key, version, schema, blob)
            life = (scope, key, version, created_at, updated_at, schema, kind)
            until = NO_NUMBER if end is None else end
            rows.append((*life, until, why or NO_TEXT, bytearray(blob), seq))  # as in rows.py
        try:
            self._fill(statements.insert, rows)
        except sqlite3.IntegrityError:
            for ref, known in self._known(refs_of(batch), []).items():
                if (known.last_seq or 0) > since:
                    raise came_twice(*ref) from None
            raise
        who = (text or NO_TEXT for text in origin)
        self._execute(statements.journal_inserted, (batch[0].at, *who, row_id))
        self._last, self._last_at = last + len(rows), before

    def _fill(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run the insertion of one row for many rows, many at a time."""
        assert self._writer is not None
        raw, rows = self._writer.raw, list(rows)
        whole = len(rows) - len(rows) % _AT_ONCE
        parts = (rows[at : at + _AT_ONCE] for at in range(0, whole, _AT_ONCE))
        many = rows_at_once(statement, _AT_ONCE)
        raw.executemany(many, ([*chain.from_iterable(part)] for part in parts))
        raw.executemany(statement, rows[whole:])

    @abstractmethod
    def _known(self, refs: list[Ref], cleared: list[str]) -> dict[Ref, Known]: ...

    @abstractmethod
    def _plan(self, known: Mapping[Ref, Known], before: int) -> Plan: ...


def _is_simple(batch: Sequence[Any]) -> bool:
    """Tell whether all are entries that are journalled, and at one time."""
    at = batch[0].at
    return all(type(it) is Restored and it[3] == at and it[0][:1] != INTERNAL for it in batch)
