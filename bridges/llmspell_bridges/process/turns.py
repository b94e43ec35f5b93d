"""Turns at something of which there is only so much: first come, first served."""

from __future__ import annotations

import threading
from collections import Counter, deque

__all__ = ["Turns"]


class Turns:
    """``size`` threads have a turn at a time. A thread that has one gets another without waiting.

    Otherwise a function called by a script that itself runs a script would wait for itself.
    """

    def __init__(self, size: int) -> None:
        self._lock = threading.Lock()
        self._free = size
        self._waiting: deque[threading.Event] = deque()
        self._held: Counter[int] = Counter()

    def take(self, timeout_s: float) -> bool:
        """Wait for a turn; return whether there was one in time."""
        thread = threading.get_ident()
        with self._lock:
            self._held[thread] += 1
            if self._held[thread] > 1:
                return True
            if self._free > 0 and not self._waiting:
                self._free -= 1
                return True
            called = threading.Event()
            self._waiting.append(called)
        try:
            if called.wait(timeout_s):
                return True
        except BaseException:
            if not self._leave(thread, called):
                self.give(thread)
            raise
        return not self._leave(thread, called)

    def _leave(self, thread: int, called: threading.Event) -> bool:
        """Stop waiting; return whether there was no turn. One that came too late goes on."""
        with self._lock:
            if called in self._waiting:
                self._waiting.remove(called)
                self._drop(thread)
                return True
        return False

    def give(self, thread: int) -> None:
        """Return a turn that a thread took."""
        with self._lock:
            if self._drop(thread):
                return
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1

    def _drop(self, thread: int) -> bool:
        """Count one turn of a thread less; return whether it keeps another."""
        self._held[thread] -= 1
        if self._held[thread] > 0:
            return True
        del self._held[thread]
        return False
