"""The store on a SQL database: one writer connection, a reader connection for each thread.

Statements come compiled from SQLAlchemy Core; what one database does differently is in its
driver.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from weakref import WeakSet

from llmspell.store.base import Clear, Delete, Operation, Put, Reader, WriteResult, Written
from llmspell.store.checks import Handlers, check_durability, closed_error, conflict_error
from llmspell.store.coherence import Coherence
from llmspell.store.connection import Connection
from llmspell.store.forking import hold_over_fork
from llmspell.store.sql_reader import SqlReader, SqlSnapshot
from llmspell.store.sqlite import SqliteDriver
from llmspell.store.statements import Statements

__all__ = ["SqlStore"]

_new_written = partial(tuple.__new__, Written)
_new_result = partial(tuple.__new__, WriteResult)


class SqlStore(SqlReader):
    """A store on the database that ``driver`` opens. Owns every connection it makes.

    A child process made by ``os.fork`` may go on using the store; it then has connections of
    its own. A fork waits for calls under way, and snapshots do not survive it.
    """

    def __init__(self, driver: SqliteDriver) -> None:
        super().__init__(driver, Statements(driver.dialect, driver.insert))
        self._lock = threading.Lock()
        self._registry_lock = threading.Lock()
        self._readers: WeakSet[Connection] = WeakSet()
        self._local = threading.local()
        self._apply = Handlers({Put: self._put, Delete: self._delete, Clear: self._clear})
        self._held: list[Connection] = []  # readers whose locks a fork has taken
        self._closed = False
        self._writer: Connection | None = None
        self._open_writer()
        hold_over_fork(self)

    def _open_writer(self) -> Connection:
        """Open the writer when the store starts, and again in the child of a fork."""
        if self._closed:
            raise closed_error()
        writer = self._writer = self._driver.open_writer()
        self._execute = writer.execute
        self._put_text = self._statements.put
        self._durability = self._driver.durability
        former: Coherence | None = getattr(self, "_coherence", None)
        self._coherence = self._driver.coherence(writer, after=former)
        return writer

    def write(self, batch: Sequence[Operation], *, durability: str | None = None) -> WriteResult:
        if durability is not None:
            check_durability(durability)
        with self._lock:
            writer = self._writer or self._open_writer()
            try:
                self._choose(writer, durability or self._driver.durability)
                return self._write(batch)
            except self._driver.error as error:
                raise self._failure(writer, error) from error

    def put(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
    ) -> tuple[int, int, int, int]:
        row = (scope, key, at, at, schema_version, state_class, None, None, blob)
        with self._lock:
            writer = self._writer or self._open_writer()
            execute, coherence = self._execute, self._coherence
            announced = None
            try:
                self._choose(writer, self._driver.durability)
                execute("BEGIN IMMEDIATE")
                before = coherence.begin()
                if if_version is not None:
                    self._require(scope, key, if_version)
                version, created_at, _ = execute(self._put_text, row).fetchone()
                announced = coherence.announce()
                execute("COMMIT")
            except BaseException as error:
                self._roll_back(announced)
                if isinstance(error, self._driver.error):
                    raise self._failure(writer, error) from error
                raise
            return version, created_at, before, coherence.settle(announced)

    def _write(self, batch: Sequence[Operation]) -> WriteResult:
        execute, apply, coherence = self._execute, self._apply, self._coherence
        announced = None
        try:
            execute("BEGIN IMMEDIATE")
            before = coherence.begin()
            written = [apply[type(operation)](operation) for operation in batch]
            announced = coherence.announce()
            execute("COMMIT")
        except BaseException:
            self._roll_back(announced)
            raise
        return _new_result((written, before, coherence.settle(announced)))

    def _choose(self, writer: Connection, durability: str) -> None:
        if durability != self._durability:
            self._driver.set_durability(writer, durability)
            self._durability = durability

    def _roll_back(self, announced: int | None) -> None:
        # SQLite itself rolls back on some errors; a second failure must not hide the first.
        with suppress(self._driver.error):
            if self._writer is not None and self._writer.raw.in_transaction:
                self._execute("ROLLBACK")
        if announced is not None:
            self._coherence.settle(announced)

    def _put(self, operation: Put) -> Written:
        scope, key, blob, at, schema_version, state_class, expires_at, correlation_id, wanted = (
            operation
        )
        if wanted is not None:
            self._require(scope, key, wanted)
        version, created_at, born_version = self._execute(
            self._statements.put,
            (scope, key, at, at, schema_version, state_class, expires_at, correlation_id, blob),
        ).fetchone()
        return _new_written((version, created_at, version != born_version, 1))

    def _delete(self, operation: Delete) -> Written:
        scope, key, at, wanted = operation
        if wanted is not None:
            self._require(scope, key, wanted)
        row = self._execute(self._statements.delete, (at, scope, key)).fetchone()
        return Written(row[0], row[1], True, 1) if row else Written(0, 0, False, 0)

    def _clear(self, operation: Clear) -> Written:
        count: int = self._execute(self._statements.clear, (operation.at, operation.scope)).rowcount
        return Written(0, 0, count > 0, count)

    def _require(self, scope: str, key: str, wanted: int) -> None:
        row = self._execute(self._statements.version, (scope, key)).fetchone()
        actual = row[0] if row else 0
        if actual != wanted:
            raise conflict_error(scope, key, expected=wanted, actual=actual)

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        connection = self._open_reader()
        reader = SqlSnapshot(self._driver, self._statements, connection)
        try:
            reader.pin()
            yield reader
        finally:
            with connection.lock:
                connection.close()

    def epoch(self) -> int:
        epoch = self._coherence.current()
        return self._checked_epoch() if epoch is None else epoch

    def _checked_epoch(self) -> int:
        # When another thread writes, its write makes the check if that is due. Until then the
        # honest answer is that nobody knows.
        if not self._lock.acquire(blocking=False):
            return -1
        try:
            writer = self._writer or self._open_writer()
            try:
                return self._coherence.check()
            except self._driver.error as error:
                raise self._failure(writer, error) from error
        finally:
            self._lock.release()

    def stats(self) -> dict[str, Any]:
        connection = self._connection()
        try:
            with connection.lock:
                entries, scopes = connection.execute(self._statements.totals).fetchone()
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

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._close_readers()
            self._coherence.close()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _close_readers(self) -> None:
        with self._registry_lock:
            readers = list(self._readers)
            self._readers.clear()
        for reader in readers:
            with reader.lock:
                reader.close()

    def _connection(self) -> Connection:
        try:
            connection: Connection = self._local.connection
        except AttributeError:
            connection = self._local.connection = self._open_reader()
        return connection

    def _open_reader(self) -> Connection:
        with self._registry_lock:
            if self._closed:
                raise closed_error()
            connection = self._driver.open_reader()
            self._readers.add(connection)
        return connection

    def before_fork(self) -> None:
        self._lock.acquire()
        self._registry_lock.acquire()
        self._held = list(self._readers)
        for reader in self._held:
            reader.lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """In the child, drop the connections; new ones are opened when they are needed.

        Closing the inherited ones is safe: none is in the middle of a statement or of a
        write, and the locks on the file are the parent's alone. Keeping them open is what
        would harm: SQLite would believe that the child holds those locks as well.
        """
        for reader in self._held:
            reader.lock.release()
            if in_child:
                reader.close()
        self._held = []
        if in_child and self._writer is not None:
            self._readers = WeakSet()
            self._local = threading.local()
            self._coherence.close()
            self._writer.close()
            self._writer = None
        self._registry_lock.release()
        self._lock.release()
