"""The line to a primary store: whether it is up, who notices that it is down, who tries again.

While it is down a daemon thread tries when a probe is due, so that replay does not wait for
the next call; where no thread can be had, calls do it themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple
from weakref import ref

from llmspell.errors import LlmSpellError, RuntimeClosed
from llmspell.store.base import Store
from llmspell.store.checks import closed_error
from llmspell.store.clock import Clock
from llmspell.store.failover.breaker import Breaker, is_outage
from llmspell.store.forking import hold_over_fork

__all__ = ["Line", "Up"]

#: How long to wait at the end for a thread that may be stuck in connecting.
_LONGEST_END_S: Final = 2.0


class Up(NamedTuple):
    """A primary in use. ``shift`` is added to its epochs: none of an earlier one comes back."""

    primary: Store
    shift: int

    def epoch(self, epoch: int) -> int:
        return epoch if epoch == -1 else epoch + self.shift


class Line:
    """Owns the primary and the breaker. ``up`` is None while the breaker is not closed.

    ``lock`` guards every change of ``up``; who holds it while ``up`` is None may rely on that.
    ``on_down`` is called under it. ``bring_back`` gets a new primary and must have it in order
    when it returns, under the lock as well if its second argument says so.
    """

    def __init__(
        self,
        open_primary: Callable[[], Store],
        breaker: Breaker,
        clock: Clock,
        *,
        on_down: Callable[[], None],
        bring_back: Callable[[Store, bool], None],
    ) -> None:
        self.lock = threading.RLock()
        self.up: Up | None = None
        self.closed = False
        self.breaker = breaker
        self.last_error: LlmSpellError | None = None
        self.since = clock()
        self._open_primary = open_primary
        self._clock = clock
        self._on_down = on_down
        self._bring_back = bring_back
        self._generation = 0
        self._former: Store | None = None
        self._trying = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._guards: list[_ForkGuard] = []
        self.guard()

    def start(self) -> None:
        """Open the primary. An outage is none of the caller's errors; any other one is."""
        self.breaker.probe()
        primary = None
        try:
            primary = self._open_primary()
            self._install(primary)
        except LlmSpellError as error:
            if primary is None and not is_outage(error):
                raise
            self._probe_failed(error)
            self.attend()

    def failed(self, up: Up, error: LlmSpellError) -> None:
        """Take note of an error of ``up``; returns if the call may be served without it now."""
        if self.closed:
            raise closed_error() from error
        if not is_outage(error) and not isinstance(error, RuntimeClosed):
            if self.breaker.state == "closed":
                self.breaker.failures = 0
            raise error
        with self.lock:
            if self.up is up:
                self.last_error = error
                if not self.breaker.failed():
                    raise error
                self.up, self._former = None, up.primary
                self.since = self._clock()
                self._on_down()
        self.attend()
        # Nobody knows whether it was done: to do it here might be to do it twice.
        if error.details.get("reason") == "unknown_outcome":
            raise error

    def answered(self) -> None:
        """Take note that a call succeeded: failures only count in a row."""
        if self.breaker.state == "closed":
            self.breaker.failures = 0

    def attend(self) -> None:
        """See to it that somebody tries again when it is time."""
        with self.lock:
            if self.closed or self.up is not None or self._thread is not None:
                return
            thread = threading.Thread(target=_watch, args=(ref(self), self._ending), daemon=True)
            thread.name = "failover"
            self._thread = thread
            try:
                thread.start()
                return
            except RuntimeError:  # no more threads, or the interpreter is about to end
                self._thread = None
        if self.breaker.wait_s() == 0:
            self.try_now()

    def try_now(self) -> bool:
        """Try to have the primary back; tell whether it is. Does nothing while another tries."""
        if not self._trying.acquire(blocking=False):
            return self.up is not None
        try:
            with self.lock:
                if self.closed or self.up is not None:
                    return self.up is not None
                self.breaker.probe()
            try:
                former, self._former = self._former, None
                if former is not None:
                    with suppress(LlmSpellError):
                        former.close()
                self._install(self._open_primary())
            except BaseException as error:
                self._probe_failed(error)
                if isinstance(error, LlmSpellError):
                    return False
                raise
            return True
        finally:
            self._trying.release()

    def _probe_failed(self, error: BaseException) -> None:
        with self.lock:
            if isinstance(error, LlmSpellError):
                self.last_error = error
            self.breaker.failed()
            self.breaker.open()

    def _install(self, primary: Store) -> None:
        self.guard()
        try:
            self._bring_back(primary, False)
            with self.lock:
                if self.closed:
                    raise closed_error()
                self._bring_back(primary, True)
                # Epochs are 64-bit numbers; each generation has a range of its own.
                self.up = Up(primary, self._generation << 64)
                self._generation += 1
                self.breaker.close()
                self.since = self._clock()
        except BaseException:
            with suppress(LlmSpellError):
                primary.close()
            raise

    def close(self) -> None:
        """Close the primary and end the thread. May be called again."""
        self.closed = True  # ends a replay, which may have the lock
        with self.lock:
            up, self.up, former = self.up, None, self._former
            thread, self._thread = self._thread, None
        self._ending.set()
        for primary in (up.primary if up else None, former):
            if primary is not None:
                primary.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LONGEST_END_S)

    def guard(self) -> None:
        """Have the lock taken over a fork before those of the stores opened so far.

        That is the order in which calls take them.
        """
        # The former one stays: a fork that has begun may be about to call it.
        self._guards = [*self._guards[-1:], _ForkGuard(self)]

    def pause(self) -> float | None:
        """Return how long the thread is to wait, None when it is to end."""
        with self.lock:
            if self.closed or self.up is not None:
                self._thread = None
                return None
            return self.breaker.wait_s()

    def forget_thread(self) -> None:
        """Let the next call start another thread."""
        self._thread = None

    def after_fork(self) -> None:
        """Begin anew in a child process, to which no thread has come along."""
        self.forget_thread()
        self._ending = threading.Event()
        self._trying = threading.Lock()
        if self.breaker.state == "half-open":
            self.breaker.open()


class _ForkGuard:
    """Takes a line's lock over a fork."""

    def __init__(self, line: Line) -> None:
        self._line = ref(line)
        self._held: Line | None = None
        hold_over_fork(self)

    def before_fork(self) -> None:
        line = self._line()
        if line is not None:
            line.lock.acquire()
            self._held = line

    def after_fork(self, *, in_child: bool) -> None:
        line, self._held = self._held, None
        if line is not None:
            if in_child:
                line.after_fork()
            line.lock.release()


def _watch(line_of: ref[Line], ending: threading.Event) -> None:
    """Try again whenever it is time. Holds the line only while it does."""
    while (line := line_of()) is not None and (pause := line.pause()) is not None:
        del line
        if ending.wait(pause):
            return
        if (line := line_of()) is not None:
            try:
                line.try_now()
            except BaseException:
                line.forget_thread()
                raise
            del line
