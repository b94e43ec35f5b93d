"""How many entries to read at once: fewer where their values are long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmspell.store.base import Row

__all__ = ["BATCH_BYTES", "Pace"]

#: A batch of longer values than this together ends early.
BATCH_BYTES: Final = 32 << 20
_FIRST: Final = 16
#: How much more may be read than the last time: the next values may be longer than those.
_FASTER: Final = 8


class Pace:
    """``limit`` is how many entries to read next: ``most`` unless their values are long."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = min(most, _FIRST)

    def saw(self, rows: Sequence[Row]) -> int:
        """Note what was read, and return its bytes."""
        size = sum([len(row[9]) for row in rows])
        if size:
            fitting = max(1, BATCH_BYTES * len(rows) // size)
            self.limit = min(self._most, _FASTER * self.limit, fitting)
        return size
