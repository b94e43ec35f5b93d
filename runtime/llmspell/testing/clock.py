"""A clock for tests, which the stores under test go by."""

from __future__ import annotations

from typing import Final

__all__ = ["DAY_US", "ManualClock"]

DAY_US: Final = 24 * 3600 * 1_000_000
_START_US: Final = 1_700_000_000_000_000


class ManualClock:
    """Stands still until a test sets ``now``: microseconds since 1970, UTC.

    A store takes it as its ``clock``.
    """

    def __init__(self) -> None:
        self.now = _START_US

    def __call__(self) -> int:
        return self.now
