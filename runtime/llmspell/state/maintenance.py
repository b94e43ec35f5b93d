"""Keeping a store to its size: compaction of the journal, sweeping of what expired.

Nothing runs while nothing is written. A write that finds maintenance due starts a thread, which
does it in small steps and ends; a process too short-lived for that does one step as it closes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from llmspell.errors import LlmSpellError
from llmspell.store.base import Store
from llmspell.store.holds import held

__all__ = ["Maintenance", "Retention", "Tidied"]

_SECOND_US: Final = 1_000_000
_FIRST_AFTER_US: Final = 5 * _SECOND_US
_EVERY_US: Final = 60 * _SECOND_US
#: A step holds the right to write for about a millisecond; in between others have it.
_STEP: Final = 500
_PAUSE_S: Final = 0.005


class Retention(NamedTuple):
    """How much of the journal is kept: changes of the last ``max_age_us``, ``max_changes`` of them.

    Whatever is beyond either bound may go; None sets no bound.
    """

    max_age_us: int | None = 30 * 24 * 3600 * _SECOND_US
    max_changes: int | None = 1_000_000


class Tidied(NamedTuple):
    """What maintenance did: changes removed, entries expired, tombstones purged, and the floor."""

    removed: int
    expired: int
    purged: int
    floor: int
    done: bool


class Maintenance:
    """Runs compaction and sweeping for what ``store`` returns.

    ``due_at`` is when that is due next, in microseconds.
    """

    def __init__(self, store: Callable[[], Store], retention: Retention) -> None:
        self._store = store
        self._retention = retention
        self._one = threading.Lock()
        self._wrote = False
        self._opened_at = _now()
        self.due_at = 0

    def step(self, *, limit: int = _STEP, retention: Retention | None = None) -> Tidied:
        """Do one bounded step; ``done`` tells whether nothing is left."""
        age, most = retention or self._retention
        now = _now()
        store = self._store()
        swept = store.sweep(now, limit=limit)
        before = None if age is None else now - age
        hold = held(store, now)
        if hold is not None:  # a migration may have to be rolled back to there
            before = None if before is None else min(before, hold.at)
            most = None if most is None else max(most, store.span().last - hold.seq)
        compacted = store.compact(before=before, keep=most, limit=limit)
        return Tidied(
            compacted.removed,
            swept.expired,
            swept.purged,
            compacted.floor,
            swept.done and compacted.done,
        )

    def start(self, now: int) -> None:
        """Begin in a thread of its own, unless the process is too young or one is at it."""
        self._wrote = True
        self.due_at = self._opened_at + _FIRST_AFTER_US
        if now >= self.due_at:
            self.due_at = now + _EVERY_US
            threading.Thread(target=self._run, name="llmspell-maintenance", daemon=True).start()

    def _run(self) -> None:
        if not self._one.locked():
            # Whoever uses the store next hears of what is wrong with it.
            with self._one, suppress(LlmSpellError):
                while not self.step().done:
                    time.sleep(_PAUSE_S)

    def finish(self) -> None:
        """Do a step before the store is closed, if anything was written through it."""
        if self._wrote and not self._one.locked():
            with self._one, suppress(LlmSpellError):
                self.step()
        self._wrote = False

    def restart(self) -> None:
        """Begin anew in the child of a fork, where the thread does not exist."""
        self._one = threading.Lock()


def _now() -> int:
    return time.time_ns() // 1000
