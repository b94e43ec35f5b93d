"""Delivering the journal's changes to those who watch, in order and each once.

One position in the journal serves all watches. Who writes in this process delivers right after
his commit; a thread that waits for the store delivers what other processes write. Whoever finds
a delivery under way leaves the rest to it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from llmspell.errors import LlmSpellError, RuntimeClosed
from llmspell.store.base import Store
from llmspell.store.changes import Change

__all__ = ["Hub"]

_log = logging.getLogger("llmspell.watch")
_PAGE: Final = 500
_WAIT_S: Final = 1.0
#: After a failure of the store the thread pauses before it asks again.
_PAUSE_S: Final = 1.0
#: It lets those who wrote in this process deliver that themselves, which they do at once.
_HEAD_START_S: Final = 0.002
#: A callback that takes longer than this delays nobody else.
_SETTLE_S: Final = 0.1


class Hub:
    """Calls ``deliver(change)`` of each watch for every change made after it began."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watches: dict[int, tuple[Callable[[Change], None], int]] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._more = False
        self._teller: int | None = None
        self._position = store.span().last
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, number: int, deliver: Callable[[Change], None]) -> None:
        """Begin to deliver what is changed from now on; the thread starts with the first watch."""
        since = self._store.span().last
        with self._lock:
            self._watches[number] = deliver, since
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="llmspell-watch", daemon=True
                )
                self._thread.start()

    def remove(self, number: int) -> bool:
        """Deliver no more to a watch; tell whether there was one."""
        with self._lock:
            return self._watches.pop(number, None) is not None

    def stop(self) -> None:
        """Deliver nothing more, and end the thread."""
        self._stopped.set()

    def dispatch(self) -> None:
        """Deliver what is new, unless somebody is at it, who will then deliver this too."""
        self._more = True
        while self._more and self._turn.acquire(blocking=False):
            try:
                self._more = False
                self._teller = threading.get_ident()
                while page := self._store.changes(self._position, limit=_PAGE):
                    if page[0].seq > self._position + 1:
                        missed = page[0].seq - self._position - 1
                        _log.warning("%d changes were compacted before they were told", missed)
                    for change in page:
                        if self._stopped.is_set():
                            return
                        self._position = change.seq
                        self._deliver(change)
            finally:
                self._teller = None
                self._turn.release()

    def settle(self) -> None:
        """Wait a moment for what was committed before this call and another thread delivers."""
        deadline = time.monotonic() + _SETTLE_S
        while (self._more or self._turn.locked()) and self._teller != threading.get_ident():
            if not self._turn.acquire(timeout=max(0, deadline - time.monotonic())):
                return
            self._turn.release()
            self.dispatch()

    def _deliver(self, change: Change) -> None:
        with self._lock:
            watches = list(self._watches.items())
        for number, (deliver, since) in watches:
            # One of the watchers before may have ended this one.
            if change.seq <= since or number not in self._watches:
                continue
            try:
                deliver(change)
            except Exception as error:
                # A watcher's failure is not the writer's. What it holds may be a value: its
                # type must do.
                _log.error("watch %d failed with %s", number, type(error).__name__)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._store.wait(self._position, _WAIT_S):
                    self._stopped.wait(_HEAD_START_S)
                    self.dispatch()
            except RuntimeClosed:
                return
            except LlmSpellError:
                self._stopped.wait(_PAUSE_S)
