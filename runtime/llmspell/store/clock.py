"""The time a store goes by, in microseconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import TypeAlias

__all__ = ["Clock", "system_clock"]

#: A store asks it whether an entry has expired. Tests hand in one they can turn.
Clock: TypeAlias = Callable[[], int]


def system_clock() -> int:
    """Return the present."""
    return time_ns() // 1000
