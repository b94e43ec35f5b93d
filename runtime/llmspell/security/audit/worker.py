"""The thread that writes what waits, and the moments at which a process forks or ends."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from threading import Event, Thread, current_thread
from typing import Any, Final, Protocol
from weakref import WeakSet

__all__ = ["Forkable", "Worker", "tell_of_forks"]

_LONGEST_DELAY_S: Final = 5.0


class Worker:
    """Calls ``work`` ``delay_s`` after it was woken, in a thread that starts when first needed.

    ``work`` returns after how many seconds it wants to be called without being woken, None for
    never. While it raises, it is called again, each time after a longer pause. ``at_exit`` is
    called when the process ends before ``stop``.
    """

    def __init__(
        self, work: Callable[[], float | None], at_exit: Callable[[], None], *, delay_s: float
    ) -> None:
        self._work = work
        self._at_exit = at_exit
        self._delay_s = delay_s
        self.forget()

    def wake(self) -> bool:
        """See to it that ``work`` is called soon; return False where no thread can start."""
        if self._thread is None:
            try:
                self._start()
            except RuntimeError:  # the interpreter is ending
                return False
        self._woken.set()
        return True

    def stop(self) -> None:
        """End the thread. Nothing is written."""
        self._end.set()
        self._woken.set()
        atexit.unregister(self._at_exit)
        if self._finalizer is not None:
            self._finalizer.cancel()
        if self._thread is not None and self._thread is not current_thread():
            self._thread.join()

    def forget(self) -> None:
        """Begin anew in the child of a fork, which has no thread and no use for its signals."""
        self._thread: Thread | None = None
        self._woken = Event()
        self._end = Event()
        self._finalizer: Any = None

    def _start(self) -> None:
        thread = Thread(target=self._run, name="llmspell-audit", daemon=True)
        thread.start()
        self._thread = thread
        atexit.unregister(self._at_exit)  # the child of a fork inherits it
        atexit.register(self._at_exit)
        # A process that multiprocessing made ends without atexit; this is its own way.
        if "multiprocessing.util" in sys.modules:
            from multiprocessing.util import Finalize

            self._finalizer = Finalize(None, self._at_exit, exitpriority=0)

    def _run(self) -> None:
        delay_s, again_s = self._delay_s, None
        while True:
            self._woken.wait(again_s)
            self._woken.clear()
            if self._end.wait(delay_s):
                return
            try:
                again_s = self._work()
            except Exception:  # whoever records next is told; here it is only tried again
                delay_s = min(delay_s * 2, _LONGEST_DELAY_S)
                self._woken.set()
            else:
                delay_s = self._delay_s


class Forkable(Protocol):
    """What is told around a fork of its process."""

    def before_fork(self) -> None:
        """Finish what is under way and keep others out."""
        ...

    def after_fork(self, *, in_child: bool) -> None:
        """Let others in again; in the child first drop what only the parent may use."""
        ...


_told: WeakSet[Any] = WeakSet()
_held: list[Forkable] = []


def tell_of_forks(one: Forkable) -> None:
    """Have ``one`` told before and after each fork, for as long as it lives."""
    _told.add(one)


def _before() -> None:
    for one in list(_told):
        one.before_fork()
        _held.append(one)


def _after(in_child: bool) -> None:
    while _held:
        _held.pop().after_fork(in_child=in_child)


if hasattr(os, "register_at_fork"):  # absent on Windows, which has no fork
    os.register_at_fork(
        before=_before,
        after_in_parent=lambda: _after(False),
        after_in_child=lambda: _after(True),
    )
