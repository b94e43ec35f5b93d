"""Delivering the journal's changes to those who watch, in order and each once.

One position in the journal serves all watches. Who writes in this process delivers right after
his commit; a thread that waits for the store delivers what other processes write. Whoever finds
a delivery under way leaves the rest to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from llmspell.errors import LlmSpellError, RuntimeClosed
from llmspell.security.sensitive.logs import get_log
from llmspell.store.base import Store
from llmspell.store.changes import Change

__all__ = ["Hub"]

_log = get_log("llmspell.watch")
_PAGE: Final = 500
_WAIT_S: Final = 1.0
#: After a failure of the store the thread pauses before it asks again.
_PAUSE_S: Final = 1.0
#: It lets those who wrote in this process deliver that themselves, which they do at once.
_HEAD_START_S: Final = 0.002
#: A callback that takes longer than this delays nobody else.
_SETTLE_S: Final = 0.1
_LOOK_S: Final = 0.0005
#: The one key under which the turn to deliver is claimed.
_TURN: Final = "turn"


class Hub:
    """Calls ``deliver(change)`` of each watch for every change made after it began."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watches: dict[int, tuple[Callable[[Change], None], int]] = {}
        self._lock = threading.Lock()
        # Whose turn it is to deliver, as a tuple of his own with his thread in it. A lock would do
        # but for interrupts: one that strikes as it is taken would leave it taken for ever.
        self._turn: dict[str, tuple[int]] = {}
        self._more = False
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

    def notify(self) -> None:
        """Deliver what is new after a commit, which no failure to do so can undo.

        What cannot be delivered now the hub's own thread tries again.
        """
        with suppress(LlmSpellError):
            self.dispatch()

    def dispatch(self) -> None:
        """Deliver what is new, unless somebody is at it, who will then deliver this too."""
        claim = (threading.get_ident(),)
        self._more = True
        try:
            while self._more and self._turn.setdefault(_TURN, claim) is claim:
                self._more = False
                self._deliver_all()
                del self._turn[_TURN]
        finally:
            if self._turn.get(_TURN) is claim:
                del self._turn[_TURN]

    def settle(self) -> None:
        """Wait a moment for what was committed before this call and another thread delivers."""
        deadline = time.monotonic() + _SETTLE_S
        while self._more or self._turn:
            teller = self._turn.get(_TURN)
            if teller is None:
                self.dispatch()
            elif teller[0] == threading.get_ident() or time.monotonic() >= deadline:
                return
            else:
                time.sleep(_LOOK_S)

    def _deliver_all(self) -> None:
        while not self._stopped.is_set():
            page = self._store.changes(self._position, limit=_PAGE)
            if not page:
                return
            for change in page:
                if self._stopped.is_set():
                    return
                self._position = change.seq
                self._deliver(change)

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
