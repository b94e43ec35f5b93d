"""The journal of the SQLite store: reading it, and keeping it and the entries to their size."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from llmspell.store.backend import Resealed
from llmspell.store.base import Ref
from llmspell.store.changes import Change, Compacted, JournalSpan, Swept
from llmspell.store.plan import Known, Plan
from llmspell.store.sqlite.statements import parts
from llmspell.store.sqlite.writer import SqliteWriter

__all__ = ["SqliteJournal"]

_new_change: Any = partial(tuple.__new__, Change)
_new_known: Any = partial(tuple.__new__, Known)
#: How long to sleep between two looks at the mapped epoch; a look costs half a microsecond.
_FIRST_WAIT_S: Final = 0.0005
_LONGEST_WAIT_S: Final = 0.02


class SqliteJournal(SqliteWriter):
    """What a store tells of its changes."""

    def span(self) -> JournalSpan:
        connection = self._connection()
        execute, statements = connection.execute, self._statements
        try:
            with connection.lock, connection.moment():
                (last,) = execute(statements.last).fetchone()
                facts = dict(execute(statements.facts).fetchall())
        except self._driver.error as error:
            raise self._failure(connection, error) from error
        # Numbers have no gaps, so this is how many there are, without counting them.
        return JournalSpan(facts.get("floor", 0), last, last - facts.get("removed", 0))

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        statement = self._statements.changes(values=values, limit=limit is not None)
        rows = self._fetch_all(statement, after=after, limit=limit)
        return [_new_change(row) for row in rows]

    def recall(self, seqs: Sequence[int]) -> dict[int, Change]:
        connection = self._connection()
        found: dict[int, Change] = {}
        try:
            with connection.lock:
                for part, count in parts(seqs):
                    text = self._statements.recall(count)
                    for row in connection.execute(text, part).fetchall():
                        found[row[0]] = _new_change(row)
        except self._driver.error as error:
            raise self._failure(connection, error) from error
        return found

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        statement = self._statements.history(
            values=values, below=below is not None, limit=limit is not None
        )
        scope, key = ref
        rows = self._fetch_all(statement, scope=scope, key=key, below=below, limit=limit)
        return sorted((_new_change(row) for row in rows), key=_version, reverse=True)

    def reseal(self, items: Sequence[Resealed]) -> int:
        self._restorer.refuse_own()
        with self._lock:
            writer = self._writer or self._open_writer()
            try:  # what a row held before is overwritten with zeros from now on
                writer.execute("PRAGMA secure_delete = ON").fetchall()
            except self._driver.error as error:
                raise self._failure(writer, error) from error
            return self._transact_quietly(self._reseal, (items,))

    def _reseal(self, items: Sequence[Resealed]) -> int:
        execute, statements = self._execute, self._statements
        done = 0
        for old, new, ref, version, seq in items:
            if ref is None:
                changed = execute(statements.reseal_change, (new, seq, old))
            else:
                changed = execute(statements.reseal_entry, (new, *ref, old, version))
            done += changed.rowcount
        return done

    def scrub(self) -> None:
        self._restorer.refuse_own()
        with self._lock:
            writer = self._writer or self._open_writer()
            # Who reads at this moment keeps the log from being emptied; a later one will do it.
            with suppress(*self._driver.error):
                writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def compact(
        self, *, before: int | None = None, keep: int | None = None, limit: int = 1000
    ) -> Compacted:
        self._restorer.refuse_own()
        with self._lock:
            return self._transact_quietly(self._compact, (before, keep, limit))

    def _compact(self, before: int | None, keep: int | None, limit: int) -> Compacted:
        execute, statements = self._execute, self._statements
        facts = dict(execute(statements.facts).fetchall())
        start = floor = facts.get("floor", 0)
        (last,) = execute(statements.last).fetchone()
        # The store's last change stays even if it is a deletion; it is the last no longer.
        forget: list[tuple[int]] = [(floor,)] if floor != last else []
        removed = self._forget(statements.forget_deletion, forget)
        forget.clear()
        oldest = execute(statements.oldest, (floor, limit)).fetchall()
        for seq, at, op, previous in oldest:
            too_old = before is not None and at < before
            if not too_old and (keep is None or last - seq < keep):
                break
            floor = seq
            if previous is not None:
                forget.append((previous,))
            if op != "put" and seq != last:
                forget.append((seq,))
        removed += self._forget(statements.forget, forget)
        if floor != start:
            execute(statements.set_fact, ("floor", floor))
        if removed:
            execute(statements.set_fact, ("removed", facts.get("removed", 0) + removed))
        return Compacted(removed, floor, len(oldest) < limit or floor < oldest[-1][0])

    def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        # Nothing is due most of the time, and looking disturbs no writer.
        connection = self._connection()
        try:
            with connection.lock:
                due = connection.execute(self._statements.due, (now, 1)).fetchone()
        except self._driver.error as error:
            raise self._failure(connection, error) from error
        if due is None:
            return Swept(0, 0, True)
        self._restorer.refuse_own()
        with self._lock:
            swept, _, _ = self._transact(self._driver.durability, self._sweep, (now, limit))
        return swept or Swept(0, 0, True)

    def _sweep(self, before: int, now: int, limit: int) -> Swept | None:
        rows = self._execute(self._statements.due, (now, limit)).fetchall()
        known = {Ref(row[0], row[1]): _new_known(row[2:]) for row in rows}
        plan = Plan(known, self._last_seq(before), journal=self._journals)
        old = [ref for ref in known if not plan.sweep(ref, now)]
        self._store(plan, before)
        self._forget(self._statements.purge, old)
        return Swept(len(known) - len(old), len(old), len(rows) < limit) if rows else None

    def _forget(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run a deletion for each row; return how many there were to delete."""
        if not rows:
            return 0
        assert self._writer is not None
        count: int = self._writer.raw.executemany(statement, rows).rowcount
        return count

    @abstractmethod
    def _store(self, plan: Plan, before: int) -> None: ...

    def wait(self, after: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        pause = _FIRST_WAIT_S
        while not self._closed:
            epoch = self.epoch()
            if self._fetch_all(
                self._statements.changes(values=False, limit=True), after=after, limit=1
            ):
                return True
            while (remaining := deadline - time.monotonic()) > 0 and not self._closed:
                time.sleep(min(pause, remaining))
                pause = min(pause * 1.5, _LONGEST_WAIT_S)
                if epoch == -1 or self._seen_epoch() != epoch:
                    break
            else:
                return self._closed
        return True


def _version(change: Change) -> int:
    return change.version
