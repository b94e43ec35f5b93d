"""How long the write-ahead log may get before SQLite tries to empty it.

While somebody reads one moment for long, as a backup does, the log cannot be emptied, and from a
certain length on SQLite would try in vain at every commit, which takes ten times as long as the
commit. So a commit that took long is followed by a look; where a reader is in the way the next
try is put off until the log is twice as long, and looked after every second.
"""

from __future__ import annotations

from math import inf
from time import perf_counter
from typing import Final

from llmspell.store.sqlite.connection import Connection

__all__ = ["CHECKPOINT_PAGES", "SLOW_COMMIT_S", "WriteAheadLog"]

#: SQLite tries when the log has as many pages: 16 MiB. A page that was written often since the last
#: time is copied into the database once: with the default of 1,000 a save took a tenth longer.
CHECKPOINT_PAGES: Final = 8000
#: A commit that takes longer may have tried in vain.
SLOW_COMMIT_S: Final = 0.0001
_LOOK_AGAIN_S: Final = 1.0
#: Looking takes at most this share of the time: a try that succeeds waits for the disk.
_SHARE: Final = 0.05
_LEAST_PAUSE_S: Final = 0.02


class WriteAheadLog:
    """Looks after the log of one writer connection. ``due`` is when it wants to, at the latest."""

    __slots__ = ("_not_before", "_pages", "due")

    def __init__(self) -> None:
        self.due = inf
        self._not_before = 0.0
        self._pages = CHECKPOINT_PAGES

    def look(self, writer: Connection, now: float) -> None:
        """Empty the log as far as can be, and say when SQLite is to try again by itself.

        Not within a transaction. ``now`` is of ``perf_counter``.
        """
        if now < self._not_before:
            return
        _, length, emptied = writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        is_held = emptied < length
        pages = max(2 * length, 2 * CHECKPOINT_PAGES) if is_held else CHECKPOINT_PAGES
        if pages != self._pages:
            # Its answer must be fetched: an open statement would keep the log from being removed.
            writer.execute(f"PRAGMA wal_autocheckpoint = {pages}").fetchone()
            self._pages = pages
        after = perf_counter()
        self._not_before = after + max(_LEAST_PAUSE_S, (after - now) / _SHARE)
        self.due = after + _LOOK_AGAIN_S if is_held else inf
