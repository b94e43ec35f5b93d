"""Waiting between attempts when several writers want the same entry."""

from __future__ import annotations

import random
import time
from typing import Final

__all__ = ["backoff"]

_FIRST_S: Final = 0.0002
_LONGEST_S: Final = 0.02


def backoff(attempt: int, *, longest_s: float = _LONGEST_S) -> None:
    """Sleep a random time that grows with ``attempt`` (from 0): at most 0.2 ms, later 20 ms."""
    time.sleep(random.random() * min(_FIRST_S * 2.0 ** min(attempt, 20), longest_s))
