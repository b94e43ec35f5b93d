"""How far the store on the server has come, as this process has heard."""

from __future__ import annotations

import time
from threading import Condition

from llmspell.store.checks import closed_error

__all__ = ["Position"]


class Position:
    """The last position and number of commits known here, and how old that knowledge can be.

    An epoch is the number of commits, plus an offset that grows whenever the connection was
    lost: a server that took over from another may have lost commits, and no number may come
    back. Without ``max_stale_s`` every epoch is -1, since others may write at any moment.
    """

    def __init__(self, max_stale_s: float) -> None:
        self.max_stale_s = max_stale_s
        self._changed = Condition()
        self._seq = 0
        self._commits = -1
        self._offset = 0
        self._as_of = float("-inf")
        self._closed = False

    def heard(self, seq: int, commits: int, *, as_of: float | None = None) -> None:
        """Take note of a position. ``as_of`` is when it was certainly the latest, if known."""
        with self._changed:
            self._advance(seq, commits)
            if as_of is not None:
                self._as_of = max(self._as_of, as_of)

    def wrote(self, seq: int, before: int, after: int, *, as_of: float) -> tuple[int, int]:
        """Take note of an own commit; return the epochs before and after it."""
        with self._changed:
            self._advance(seq, after)
            self._as_of = max(self._as_of, as_of)
            if not self.max_stale_s:
                return -1, -1
            return before + self._offset, after + self._offset

    def _advance(self, seq: int, commits: int) -> None:
        self._commits = max(self._commits, commits)
        if seq > self._seq:
            self._seq = seq
            self._changed.notify_all()

    def lost(self) -> None:
        """Forget what is known: nobody tells any more what others write."""
        with self._changed:
            self._offset += max(self._commits, 0) + 1
            self._commits, self._as_of = -1, float("-inf")

    def epoch(self) -> int:
        """Return the epoch, -1 when it may be out of date by more than was asked for."""
        with self._changed:
            if self._closed:
                raise closed_error()
            if self._commits < 0 or time.monotonic() - self._as_of > self.max_stale_s:
                return -1
            return self._commits + self._offset

    def wait_beyond(self, after: int, timeout_s: float) -> bool:
        """Wait for a position above ``after``, or the end of the store."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._seq > after, timeout_s)
            return self._closed or self._seq > after

    def successor(self) -> Position:
        """Make the position of a child process, none of whose epochs is one of this."""
        child = Position(self.max_stale_s)
        child._offset = self._offset + max(self._commits, 0) + 1
        child._closed = self._closed
        return child

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
