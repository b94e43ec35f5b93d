"""The connections of a SQLite store: the one that writes, those that read, what a fork does.

One thread at a time holds the lock, and with it the writer connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakSet

from llmspell.errors import RuntimeClosed
from llmspell.store.checks import closed_error
from llmspell.store.clock import Clock
from llmspell.store.forking import hold_over_fork
from llmspell.store.restoring import Restorer
from llmspell.store.sqlite.coherence import Coherence
from llmspell.store.sqlite.connection import Connection
from llmspell.store.sqlite.driver import SqliteDriver
from llmspell.store.sqlite.log import SLOW_COMMIT_S, WriteAheadLog
from llmspell.store.sqlite.reader import SqliteReader
from llmspell.store.sqlite.statements import Statements

__all__ = ["SqliteWriter"]

T = TypeVar("T")


class SqliteWriter(SqliteReader):
    """Owns every connection to the database that ``driver`` opens."""

    def __init__(self, driver: SqliteDriver, clock: Clock) -> None:
        super().__init__(driver, Statements(), clock)
        self._journals = driver.journal
        self._lock = threading.Lock()
        self._restorer = Restorer()
        self._registry_lock = threading.Lock()
        self._readers: WeakSet[Connection] = WeakSet()
        self._local = threading.local()
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
        self._log = WriteAheadLog()
        self._durability = self._driver.durability
        former: Coherence | None = getattr(self, "_coherence", None)
        self._coherence = self._driver.coherence(writer, after=former)
        # The journal's last position, and the epoch for which that is known.
        self._last, self._last_at = 0, -1
        # What this store wrote, as the quick put asks for it: valid while nobody else writes.
        self._remembered: dict[tuple[str, str], tuple[Any, ...]] = {}
        return writer

    def _transact(
        self, durability: str, work: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> tuple[Any, int, int]:
        """Do ``work(before, *arguments)`` in a transaction; return its result and the epochs.

        When it returns None there is nothing to commit. It may set ``_writes``, by how much the
        epoch rises.
        """
        writer = self._writer or self._open_writer()
        execute, coherence = self._execute, self._coherence
        announced = None
        self._writes = 1
        try:
            if durability != self._durability:
                self._driver.set_durability(writer, durability)
                self._durability = durability
            execute("BEGIN IMMEDIATE")
            before = coherence.begin()
            result = work(before, *arguments)
            if result is None:
                self._roll_back(None)
                return None, before, before
            announced = coherence.announce(self._writes)
            began = perf_counter()
            execute("COMMIT")
        except BaseException as error:
            self._roll_back(announced)
            if isinstance(error, self._driver.error):
                raise self._failure(writer, error) from error
            raise
        self._last_at = after = coherence.settle(announced)
        now = perf_counter()
        if now - began > SLOW_COMMIT_S or now > self._log.due:
            with suppress(*self._driver.error):  # what is committed is committed
                self._log.look(writer, now)
        return result, before, after

    def _transact_quietly(self, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        """Do ``work(*arguments)`` in a transaction that changes nothing readers of entries see."""
        writer = self._writer or self._open_writer()
        try:
            self._execute("BEGIN IMMEDIATE")
            result = work(*arguments)
            self._execute("COMMIT")
        except BaseException as error:
            self._roll_back(None)
            if isinstance(error, self._driver.error):
                raise self._failure(writer, error) from error
            raise
        return result

    def _roll_back(self, announced: int | None) -> None:
        self._last_at = -1
        self._remembered.clear()
        # SQLite itself rolls back on some errors; a second failure must not hide the first.
        with suppress(*self._driver.error):
            if self._writer is not None and self._writer.raw.in_transaction:
                self._execute("ROLLBACK")
        if announced is not None:
            self._coherence.settle(announced)

    def _last_seq(self, before: int) -> int:
        """Return the journal's last position, asked only when others may have written."""
        if before != self._last_at or before == -1:
            (self._last,) = self._execute(self._statements.last).fetchone()
        return self._last

    def epoch(self) -> int:
        epoch = self._coherence.current()
        return self._checked_epoch() if epoch is None else epoch

    def _seen_epoch(self) -> int:
        """Return the epoch, or -1 after close."""
        try:
            return self.epoch()
        except RuntimeClosed:
            return -1

    def _checked_epoch(self) -> int:
        # When another thread writes, its write makes the check if that is due. Until then the
        # honest answer is that nobody knows.
        if self._lock.locked():
            return -1
        with self._lock:
            writer = self._writer or self._open_writer()
            try:
                return self._coherence.check()
            except self._driver.error as error:
                raise self._failure(writer, error) from error

    def close(self) -> None:
        self._restorer.refuse_own()
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
