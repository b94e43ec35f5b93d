"""The store on SQLite: one writer connection, a reader connection for each thread.

Statements come compiled from SQLAlchemy Core; opening and checking the file is the driver's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any, Final

from llmspell.store.backend import RingSeen, Seal
from llmspell.store.base import (
    FIRST_SCOPE,
    INTERNAL,
    KEY_RING,
    Operation,
    Put,
    Reader,
    Ref,
    WriteResult,
)
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.checks import check_durability, conflict_error
from llmspell.store.clock import Clock, system_clock
from llmspell.store.plan import Known, Plan, touched
from llmspell.store.requests import Request, Waiting, answer_all, fail_all, plan_all
from llmspell.store.sqlite.driver import SqliteDriver
from llmspell.store.sqlite.reader import SqliteSnapshot
from llmspell.store.sqlite.restoring import SqliteRestorer
from llmspell.store.sqlite.rows import change_row, record_row
from llmspell.store.sqlite.statements import NO_NUMBER, NO_TEXT, parts_by_scope

__all__ = ["SqliteStore"]

#: How many entries of its own a store knows without asking the database.
_MOST_REMEMBERED: Final = 4096
_new_known: Any = partial(tuple.__new__, Known)


class SqliteStore(SqliteRestorer):
    """A store on the database that ``driver`` opens. Owns every connection it makes.

    Threads that write at the same time share a transaction. A child process made by
    ``os.fork`` may go on using the store; it then has connections of its own. A fork waits for
    calls under way, and snapshots do not survive it.
    """

    def __init__(self, driver: SqliteDriver, *, clock: Clock = system_clock) -> None:
        super().__init__(driver, clock)
        self.seal: Seal | None = None
        self.ring_seen: RingSeen | None = None
        self._ring_version = 0
        self._waiting = Waiting()

    # Writing -------------------------------------------------------------------------------

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        if durability is not None:
            check_durability(durability)
        touched(batch)  # what is no operation must not fail the batches it is served with
        return self._submit(Request(batch, durability or self._driver.durability, origin))

    def put(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
        origin: Origin,
    ) -> tuple[int, int, int, int]:
        # Who finds others waiting serves them along with himself; a lock alone would go again
        # and again to the thread that is running. Only `with` lets no signal strike between
        # taking the lock and the promise to give it back.
        if not self._waiting and not self._lock.locked():
            with self._lock:
                (version, created_at), before, after = self._transact(
                    self._driver.durability,
                    self._put,
                    (scope, key, blob, at, schema_version, state_class, if_version, origin),
                )
            return version, created_at, before, after
        operation = Put(scope, key, blob, at, schema_version, state_class, None, if_version)
        request = Request((operation,), self._driver.durability, origin)
        written, before, after, _ = self._submit(request)
        return written[0][0], written[0][1], before, after

    def _submit(self, request: Request) -> WriteResult:
        self._restorer.refuse_own()
        self._waiting.add(request)
        try:
            with self._lock:
                # Whoever finds his request taken when he gets the lock knows that it was served.
                while not request.taken:
                    self._serve()
        except BaseException:
            # Whoever serves next must not write what its caller was told had failed.
            request.taken = True
            raise
        return request.answer()

    def _serve(self) -> None:
        """Apply what waits in one transaction, and answer it."""
        requests: list[Request] = []
        self._waiting.take(requests)
        try:
            durability = "fsync" if any(r.durability == "fsync" for r in requests) else "commit"
            _, before, after = self._transact(durability, self._apply, (requests,))
            answer_all(requests, before, after)
        except Exception as error:
            fail_all(requests, error)

    def _put(
        self,
        before: int,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
        origin: Origin,
    ) -> tuple[int, int]:
        """Do what a plan with one Put does, without its cost where that is not needed."""
        execute, statements = self._execute, self._statements
        if before != self._last_at or before == -1 or len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.clear()
            self._look_at_ring(before)
        remembered = self._remembered.pop((scope, key), None)
        found = remembered or execute(statements.known_one, (scope, key)).fetchone()
        if found is None:
            row_id, version, created_at, previous = 0, 0, at, NO_NUMBER
        elif found[3] is None and found[4]:
            row_id, version, created_at, _, _, previous = found
            if previous is None:
                previous = NO_NUMBER
        else:
            operation = Put(scope, key, blob, at, schema_version, state_class, None, if_version)
            return self._put_planned(before, operation, origin, found[1:])
        wrong = if_version is not None and if_version != version
        if wrong and not remembered:
            raise conflict_error(scope, key, expected=if_version or 0, actual=version)
        seal = self.seal
        stored = blob if seal is None else seal(scope, key, version + 1, schema_version, blob)
        raw, seq = bytearray(stored), NO_NUMBER  # as in rows.py
        journals = self._journals and scope[:1] != INTERNAL
        if journals:
            seq = self._last_seq(before) + 1
        kept = (version + 1, created_at, at, schema_version, state_class, NO_NUMBER)
        last = (origin[2] or NO_TEXT, raw, seq)
        if found is None:
            execute(statements.insert, (scope, key, *kept, *last))
        elif wrong or execute(statements.replace, (*kept, *last, row_id, version)).rowcount != 1:
            # Somebody who is not llmspell has been here: look before saying or writing anything.
            self._remembered.clear()
            again = (scope, key, blob, at, schema_version, state_class, if_version, origin)
            return self._put(before, *again)
        else:
            self._remembered[scope, key] = (row_id, version + 1, created_at, None, True, seq)
        if journals:
            self._last, self._last_at = seq, before
            change = (seq, at, scope, key, "put", *kept[:2], schema_version, state_class)
            who = (origin[0] or NO_TEXT, origin[1] or NO_TEXT, origin[2] or NO_TEXT)
            execute(statements.insert_change, (*change, NO_NUMBER, *who, previous, raw))
        return version + 1, created_at

    def _put_planned(
        self, before: int, operation: Put, origin: Origin, facts: tuple[Any, ...]
    ) -> tuple[int, int]:
        """Write over a tombstone, or over an entry that expires or has expired."""
        known = {Ref(operation.scope, operation.key): _new_known(facts)}
        plan = self._plan(known, before)
        ((version, created_at, _, _),) = plan.apply((operation,), origin)
        self._store(plan, before)
        return version, created_at

    def _apply(self, before: int, requests: list[Request]) -> bool | None:
        """Plan all requests and write what comes of it; None if nothing does."""
        self._look_at_ring(before)
        addresses, cleared = touched(chain.from_iterable(r.batch for r in requests))
        plan = self._plan(self._known(addresses, cleared), before)
        self._writes = plan_all(plan, requests)
        self._store(plan, before)
        return True if plan.records else None

    def _look_at_ring(self, before: int) -> None:
        """Tell of a key ring that others have changed since this store's last write."""
        if self.ring_seen is None or before == self._last_at != -1:
            return
        found = self._execute(self._statements.read_one, KEY_RING).fetchone()
        if found is not None and found[2] != self._ring_version:
            self.ring_seen(found[2], found[9])
            self._ring_version = found[2]

    def _known(self, refs: list[Ref], cleared: list[str]) -> dict[Ref, Known]:
        execute, statements = self._execute, self._statements
        known: dict[Ref, Known] = {}
        for part, count in parts_by_scope(refs):
            for row in execute(statements.known_many(count), part).fetchall():
                known[Ref(row[0], row[1])] = _new_known(row[2:])
        for scope in cleared:
            for row in execute(statements.known_scope, (scope,)).fetchall():
                known[Ref(row[0], row[1])] = _new_known(row[2:])
        return known

    def _plan(self, known: Mapping[Ref, Known], before: int) -> Plan:
        last = self._last_seq(before)
        return Plan(known, last, journal=self._journals, seal=self.seal)

    def _store(self, plan: Plan, before: int) -> None:
        """Write a plan's records and changes."""
        writer, statements = self._writer, self._statements
        assert writer is not None
        self._remembered.clear()
        writer.raw.executemany(statements.upsert, map(record_row, plan.records.values()))
        if plan.changes:
            writer.raw.executemany(statements.insert_change, map(change_row, plan.changes))
        self._last, self._last_at = plan.last, before

    # Reading -------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        connection = self._open_reader()
        reader = SqliteSnapshot(self._driver, self._statements, self._clock, connection)
        try:
            reader.pin()
            yield reader
        finally:
            with connection.lock:
                connection.close()

    def stats(self) -> dict[str, Any]:
        connection = self._connection()
        execute, statements = connection.execute, self._statements
        try:
            with connection.lock:
                users = (FIRST_SCOPE, self._clock())
                entries, scopes = execute(statements.totals, users).fetchone()
                facts = self._driver.facts(connection)
        except self._driver.error as error:
            raise self._failure(connection, error) from error
        return {
            "backend": self._driver.name,
            "entries": entries,
            "scopes": scopes,
            "durability": self._driver.durability,
            **facts,
        }
