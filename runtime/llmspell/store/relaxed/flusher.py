"""The thread that writes what is pending, and the moments at which a process ends."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from threading import Event, Thread, current_thread
from typing import Any, Final

__all__ = ["Flusher"]

_LONGEST_DELAY_S: Final = 5.0


class Flusher:
    """Calls ``flush`` ``delay_s`` after it was woken, in a thread that starts when first needed.

    While ``flush`` raises, it is called again and again, each time after a longer pause.
    ``at_exit`` is called when the process ends before ``stop``.
    """

    def __init__(
        self, flush: Callable[[], None], at_exit: Callable[[], None], delay_s: float
    ) -> None:
        self._flush = flush
        self._at_exit = at_exit
        self._delay_s = delay_s
        self.forget()

    def wake(self) -> None:
        """See to it that a flush follows. Returns at once."""
        if self._thread is None:
            self._start()
        self._work.set()

    def stop(self) -> None:
        """End the thread. Nothing is flushed."""
        self._end.set()
        self._work.set()
        atexit.unregister(self._at_exit)
        if self._finalizer is not None:
            self._finalizer.cancel()
        if self._thread is not None and self._thread is not current_thread():
            self._thread.join()

    def forget(self) -> None:
        """Begin anew in the child of a fork, which has no thread and no use for its signals."""
        self._thread: Thread | None = None
        self._work = Event()
        self._end = Event()
        self._finalizer: Any = None

    def _start(self) -> None:
        thread = Thread(target=self._run, name="llmspell-flush", daemon=True)
        thread.start()
        self._thread = thread
        atexit.unregister(self._at_exit)  # the child of a fork inherits it
        atexit.register(self._at_exit)
        # A process that multiprocessing made ends without atexit; this is its own way.
        if "multiprocessing.util" in sys.modules:
            from multiprocessing.util import Finalize

            self._finalizer = Finalize(None, self._at_exit, exitpriority=0)

    def _run(self) -> None:
        delay_s = self._delay_s
        while True:
            self._work.wait()
            self._work.clear()
            if self._end.wait(delay_s):
                return
            try:
                self._flush()
            except Exception:  # the store has kept it for whoever writes next
                delay_s = min(max(delay_s, 0.01) * 2, max(_LONGEST_DELAY_S, self._delay_s))
                self._work.set()
            else:
                delay_s = self._delay_s
