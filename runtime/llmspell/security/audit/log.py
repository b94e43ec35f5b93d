"""The audit log: records are queued at once and appended a moment later, or before returning."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Final, TypeAlias

from llmspell.errors import AuditError
from llmspell.security.audit.chain import Chain
from llmspell.security.audit.database import FAILURES
from llmspell.security.audit.hashing import Hashers
from llmspell.security.audit.problems import failure
from llmspell.security.audit.record import Details, Entry, Fact
from llmspell.security.audit.worker import Worker, tell_of_forks

__all__ = ["NOBODY", "AuditLog"]

#: Actor, run id, correlation id.
Origin: TypeAlias = "tuple[str | None, str | None, str | None]"
NOBODY: Final[Origin] = (None, None, None)
_FLUSH_S: Final = 0.05
_HEAD_S: Final = 1.0
_MOST_WAITING: Final = 100_000
#: So many are appended in one transaction: others get their turn in between.
_BATCH: Final = 1000


def _now_us() -> int:
    return time.time_ns() // 1000


class AuditLog:
    """An append-only log whose records are chained by their hashes. Any number of processes append.

    ``key`` (32 bytes) makes the hashes ones that nobody without it can forge; ``older_keys`` are
    those that earlier records may have been made with. ``clock`` tells the time in microseconds.
    With ``fsync`` an appended record also survives a power loss. A context manager. After a fork
    both sides go on; what was queued before it is the parent's. Raises AuditError where no log
    can be, and where the log was made with another key.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        key: bytes | None = None,
        older_keys: Sequence[bytes] = (),
        clock: Callable[[], int] = _now_us,
        fsync: bool = False,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self.path = Path(path)
        self._hashers = Hashers(key, older_keys)
        self._clock = clock
        self._fsync = fsync
        self._most_waiting = most_waiting
        self._queue: deque[Entry] = deque()
        self._is_woken = False
        self._is_closed = False
        # Re-entrant: a signal handler may record while its thread is writing.
        self._lock = RLock()
        self._worker = Worker(self._work, self._finish, delay_s=_FLUSH_S)
        self._chain: Chain | None = None
        self._head_due = 0.0
        with self._lock:
            self._failing(self._open)
        tell_of_forks(self)

    def record(
        self,
        action: str,
        *,
        scope: str | None = None,
        key: str | None = None,
        version: int | None = None,
        outcome: str = "ok",
        origin: Origin = NOBODY,
        details: Details | None = None,
    ) -> None:
        """Queue a record and return; it is written within about 50 milliseconds.

        ``details`` must not be changed afterwards, and never hold a value. When 100,000 records
        wait, this one waits for them to be written. Raises AuditError only then, if they cannot
        be written, and after ``close``: the record is not taken.
        """
        queue = self._queue
        if len(queue) >= self._most_waiting:
            self.flush()
        entry = (self._clock(), action, scope, key, version, outcome, origin, details)
        queue.append(entry)
        if not self._is_woken or self._is_closed:
            self._wake(entry)

    def record_now(
        self,
        action: str,
        *,
        scope: str | None = None,
        key: str | None = None,
        version: int | None = None,
        outcome: str = "ok",
        origin: Origin = NOBODY,
        details: Details | None = None,
    ) -> None:
        """Write a record, and all that wait, before returning.

        Raises AuditError when that fails: this record is not in the log then and will not be,
        those that waited still wait.
        """
        self.record_all_now([(action, scope, key, version, outcome, details)], origin=origin)

    def record_all_now(self, facts: Sequence[Fact], *, origin: Origin = NOBODY) -> None:
        """Do what ``record_now`` does with several records, in one transaction: all or none."""
        at_us = self._clock()
        entries = [(at_us, *fact[:5], origin, fact[5]) for fact in facts]
        self._failing(lambda: self._write(entries))
        if not self._is_woken:
            self._wake()  # for the head beside the log

    def flush(self) -> None:
        """Write all that waits. Raises AuditError; what could not be written still waits."""
        self._failing(self._write)

    def close(self) -> None:
        """Write all that waits, and close the file. May be called again.

        Raises AuditError when something cannot be written; the log stays open then.
        """
        if self._is_closed:
            return
        self._failing(self._end)
        self._worker.stop()

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def waiting(self) -> int:
        """Return how many records wait to be written."""
        return len(self._queue)

    # Writing -------------------------------------------------------------------------------

    def _wake(self, entry: Entry | None = None) -> None:
        if self._is_closed:
            with self._lock, suppress(ValueError):  # closing the log may have written it
                self._queue.remove(entry)  # type: ignore[arg-type]
                raise _closed(self.path)
            return
        self._is_woken = True
        if not self._worker.wake():
            self.flush()

    def _work(self) -> float | None:
        """Write what waits, in the worker's thread; return when the head is due."""
        # First: who records from now on wakes the worker again.
        self._is_woken = False
        try:
            self._write()
            with self._lock:
                left_s = self._head_due - time.monotonic()
                if left_s > 0:
                    return left_s
                if self._chain is not None:
                    self._chain.write_head()
                    self._head_due = time.monotonic() + _HEAD_S
        except FAILURES as error:
            raise failure(error, self.path) from error
        return None

    def _write(self, last: Sequence[Entry] = ()) -> None:
        """Append what waits, then ``last``. Others may go on recording."""
        queue = self._queue
        with self._lock:
            if self._is_closed and last:
                raise _closed(self.path)
            more = len(queue)
            while more > 0 or last:
                # Only whoever holds the lock takes away from the left.
                batch = [queue[i] for i in range(min(more, _BATCH))]
                is_end = len(batch) == more
                if is_end:
                    batch += last
                self._open().append(batch, at_us=self._clock())
                for _ in range(min(more, _BATCH)):
                    queue.popleft()
                more -= len(batch)
                if is_end:
                    return

    def _open(self) -> Chain:
        chain = self._chain
        if chain is None:
            chain = self._chain = Chain(self.path, self._hashers, fsync=self._fsync)
        return chain

    def _failing(self, work: Callable[[], object]) -> None:
        """Do it; what the file fails with becomes an AuditError that tells what waits."""
        try:
            work()
        except FAILURES as error:
            told = failure(error, self.path)
            waiting = len(self._queue)
            if waiting:
                told.details["waiting"] = waiting
            if told is error:
                raise
            raise told from error

    # Forks and the end ---------------------------------------------------------------------

    def _end(self) -> None:
        with self._lock:
            self._write()
            self._is_closed = True
            try:
                self._write()  # what others recorded meanwhile; from now on they are refused
                if self._chain is not None:
                    self._chain.write_head()
                    self._chain.close()
            except BaseException:
                self._is_closed = False
                raise
            self._chain = None

    def _finish(self) -> None:
        """Close the log when the process ends and nobody did."""
        try:
            self.close()
        except AuditError as error:
            sys.stderr.write(
                f"llmspell: {self.waiting()} audit records were not written: {error}\n"
            )

    def before_fork(self) -> None:
        self._lock.acquire()
        if self._chain is not None:  # a connection must not be used on both sides
            self._chain.close()
            self._chain = None

    def after_fork(self, *, in_child: bool) -> None:
        """In the child, forget what waits: the parent writes it."""
        if in_child:
            self._queue.clear()
            self._is_woken = False
            self._worker.forget()
        self._lock.release()


def _closed(path: Path) -> AuditError:
    return AuditError(
        f"the audit log {path} is closed; nothing was recorded", reason="closed", path=str(path)
    )
