"""An open RocksDB: who may use it when, what happens when it fails, is closed, or is forked.

The lock is held for every short call and for every write. Whoever reads for longer, or waits
for the disk, enters under the lock, goes on without it, and is counted. Who wants to close the
database, or to fork the process, takes the lock and waits until they have left.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Condition, Lock, get_ident
from typing import TYPE_CHECKING, TypeVar

from llmspell.store.base import Reader
from llmspell.store.checks import closed_error
from llmspell.store.clock import Clock
from llmspell.store.forking import hold_over_fork
from llmspell.store.restoring import Restorer
from llmspell.store.rocks.errors import failure, forked_error, translated
from llmspell.store.rocks.journal import last_seq
from llmspell.store.rocks.place import RocksOptions, Tables, open_tables, prepare_place, probe_place
from llmspell.store.rocks.reader import MOMENT, Moment, finish

if TYPE_CHECKING:
    from rocksdict import WriteBatch

__all__ = ["Database"]

_T = TypeVar("_T")


class Database:
    """Owns the tables. ``opened``, ``writable`` and ``commit`` are called under ``lock``.

    ``last`` is the number of the latest change, ``epoch`` counts what was written to entries.
    """

    def __init__(self, path: Path, options: RocksOptions, *, journal: bool) -> None:
        self.path = prepare_place(path, journal=journal)
        self.lock = Lock()
        self.changed = Condition(self.lock)
        self.waiting = 0
        self._restorer = Restorer()
        self._restored = Condition(self.lock)
        self.epoch = 0
        self.last = 0
        self.gone: Callable[[], Exception] | None = None
        self._options = options
        self._busy = 0
        self._left = Condition(Lock())
        self._moments: set[Moment] = set()
        self._broken = False
        self._tables: Tables | None = None
        self._open()
        hold_over_fork(self)

    def opened(self) -> Tables:
        """Return the tables to read from."""
        if self.gone is not None:
            raise self.gone()
        if self._tables is None:
            self._open()
        return self._tables  # type: ignore[return-value]

    def writable(self) -> Tables:
        """Return the tables to write to, opened anew if a write has failed before.

        Waits until nobody restores.
        """
        while self._restorer.thread is not None:
            self._restorer.refuse_own()
            self._restored.wait()
        tables = self.opened()
        if self._broken and not self._moments:
            self._mend()
            return self.opened()
        return tables

    @contextmanager
    def alone(self) -> Iterator[Tables]:
        """Let nobody else write; return the tables to write to. Called without the lock."""
        mine = False
        try:
            with self.lock:
                tables = self.writable()
                mine = True
                self._restorer.thread = get_ident()
            yield tables
        finally:
            if mine:
                with self.lock:
                    self._restorer.thread = None
                    self._restored.notify_all()

    def commit(self, tables: Tables, batch: WriteBatch, last: int, *, entries: bool = True) -> None:
        """Write a batch; ``last`` is the journal's end then, ``entries`` whether any changes."""
        try:
            tables.meta.write(batch)
            self.last = last
            self.epoch += entries
        except BaseException as error:
            # An interrupt may have come after the write, so what is true stands in the journal.
            self.epoch += 1
            with translated(self.path):
                self.last = last_seq(tables)
            if isinstance(error, Exception):
                self._broken = True
                raise failure(error, self.path) from error
            raise
        if self.waiting:
            self.changed.notify_all()

    def sync(self) -> None:
        """Wait until all that was committed is on the disk. Called without the lock.

        The driver would let no other thread run if it were to do this within the write.
        """
        with self.lock:
            tables = self._tables
            if tables is None:  # closing has written everything out
                return
            self._enter()
        try:
            tables.meta.flush_wal(True)
        except Exception as error:
            self._broken = True
            raise failure(error, self.path) from error
        finally:
            self._leave()

    def iterate(self, work: Callable[..., _T], *tables: str) -> _T:
        """Call ``work`` with iterators over the tables, all of one moment."""
        with self.lock:
            opened = self.opened()
            iterators = [getattr(opened, table).iter() for table in tables]
            self._enter()
        try:
            return finish(work, iterators, self.path)
        finally:
            self._leave()

    @contextmanager
    def moment(self, clock: Clock) -> Iterator[Reader]:
        """Open a reader of what there is now."""
        with self.lock:
            opened = self.opened()
            iterators = {table: getattr(opened, table).iter() for table in MOMENT}
            moment = Moment(iterators, clock, self.path, self.last)
            self._moments.add(moment)
        del iterators
        try:
            yield moment
        finally:
            moment.close()
            with self.lock:
                self._moments.discard(moment)

    def close(self) -> None:
        """Wait for those who are busy, then release the folder."""
        with self.lock:
            if self.gone is not None:
                return
            self.gone = closed_error
            self.changed.notify_all()
            self._wait_until_idle()
            tables, self._tables = self._tables, None
            moments, self._moments = self._moments, set()
        for moment in moments:
            moment.close()
        if tables is not None:
            _close(tables)

    def before_fork(self) -> None:
        self.lock.acquire()
        self._wait_until_idle()

    def after_fork(self, *, in_child: bool) -> None:
        if in_child:
            self._disown()
        self.lock.release()

    def _open(self) -> None:
        tables = open_tables(self.path, self._options)
        try:
            with translated(self.path):
                self.last = last_seq(tables)
        except BaseException:
            _close(tables)
            raise
        self._tables = tables
        self._broken = False

    def _mend(self) -> None:
        # RocksDB refuses all writes after one that failed, until it is opened anew. If the
        # disk is still full that would not work, and reading would end as well.
        probe_place(self.path)
        self._wait_until_idle()
        tables, self._tables = self._tables, None
        if tables is not None:
            _close(tables)
        self._open()

    def _enter(self) -> None:
        with self._left:
            self._busy += 1

    def _leave(self) -> None:
        with self._left:
            self._busy -= 1
            self._left.notify_all()

    def _wait_until_idle(self) -> None:
        with self._left:
            self._left.wait_for(lambda: not self._busy)

    def _disown(self) -> None:
        """Leave the database to the parent process.

        The driver writes and waits for threads when its objects go; here are no such threads,
        and the files are the parent's. So the objects must never go.
        """
        kept = [] if self._tables is None else self._tables.parts()
        if self.gone is None:
            self.gone = partial(forked_error, self.path)
        for moment in self._moments:
            kept += moment.abandon(self.gone)
        for part in kept:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(part))
        self._tables = None
        self._moments = set()
        # Whoever was busy or waited did so in the parent.
        self._busy = self.waiting = 0
        self._left = Condition(Lock())
        self.changed = Condition(self.lock)
        self._restored = Condition(self.lock)
        self._restorer.forget_others()


def _close(tables: Tables) -> None:
    # What was promised is in the log already; if it cannot be written out now, it will be when
    # the database is opened again.
    with suppress(Exception):
        tables.close()
