"""Giving a VM that is out of memory the little it needs to be ended when its time is over.

The watch over the time is a hook, and calling it takes memory. A script that catches the error of
having none, again and again, would never be ended.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from time import monotonic
from typing import Final

from llmspell_bridges.lua.memory import Memory

__all__ = ["relieved"]

#: The hook has its turn before, unless it cannot.
_GRACE_S: Final = 0.02
#: Runs that ended in time are cleared away when there are more than so many entries.
_FEW: Final = 256


class _Relief:
    """One thread for all VMs of the process; it begins with the first of them."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, list[Memory]]] = []
        self._changed = threading.Condition()
        self._numbers = count()
        self._pid = 0
        self._crowded = _FEW

    def expect(self, at: float, waiting: list[Memory]) -> None:
        """Relieve at a time whatever is in ``waiting`` then."""
        if self._pid != os.getpid():  # a thread does not survive a fork
            self.__init__()  # type: ignore[misc]
            self._pid = os.getpid()
            threading.Thread(target=self._run, name="lua-relief", daemon=True).start()
        with self._changed:
            if len(self._due) >= self._crowded:
                self._due = [each for each in self._due if each[2]]
                heapify(self._due)
                self._crowded = max(_FEW, 2 * len(self._due))
            heappush(self._due, (at, next(self._numbers), waiting))
            if self._due[0][2] is waiting:
                self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while True:
                while self._due and self._due[0][0] <= monotonic():
                    for memory in heappop(self._due)[2]:
                        memory.relieve()
                self._changed.wait(self._due[0][0] - monotonic() if self._due else None)


_relief: Final = _Relief()


@contextmanager
def relieved(memory: Memory | None, deadline_at: float | None) -> Iterator[None]:
    """See to it that a run which lasts beyond its deadline finds memory to be ended with."""
    if memory is None or deadline_at is None:
        yield
        return
    waiting = [memory]
    _relief.expect(deadline_at + _GRACE_S, waiting)
    try:
        yield
    finally:
        waiting.clear()
