"""A circuit breaker: stop asking what does not answer, and look again now and then.

Closed, calls go through. After so many failures in a row it is open: no call goes through,
until a probe is due. While one is under way it is half-open, and as that ends it is closed or
open again. Each probe that fails makes the wait for the next one longer.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from llmspell.errors import StorageError

__all__ = ["LONGEST_RETRY_S", "Breaker", "BreakerState", "is_outage"]

BreakerState: TypeAlias = Literal["closed", "open", "half-open"]

LONGEST_RETRY_S: Final = 60.0
#: Many programs lose the same server at the same moment; they should not all return at once.
_JITTER: Final = 0.2
#: Reasons that mean the store cannot be reached. One that answers but refuses (locked, read
#: only, full, damaged) is there: to write elsewhere would only hide that.
_OUTAGES: Final = frozenset({"unavailable", "io", "timeout", "unknown_outcome"})


def is_outage(error: Exception) -> bool:
    """Tell whether an error means that the store cannot be reached."""
    return isinstance(error, StorageError) and error.details.get("reason") in _OUTAGES


class Breaker:
    """Counts failures and says when to try again. Whoever shares it between threads locks it.

    ``failures`` in a row open it; a probe is due ``retry_s`` later, then after twice that
    time, and so on up to a minute, each a fifth longer or shorter at random. ``now`` is a
    clock in seconds that never goes back, ``chance`` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        *,
        failures: int,
        retry_s: float,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.state: BreakerState = "closed"
        self.failures = 0
        self._allowed = failures
        self._retry_s = retry_s
        self._now = now
        self._chance = chance
        self._probes = 0
        self._due = 0.0

    def failed(self) -> bool:
        """Count a failure of a call; tell whether it has opened the breaker."""
        self.failures += 1
        if self.state != "closed" or self.failures < self._allowed:
            return False
        self.open()
        return True

    def open(self) -> None:
        """Let no call through, and choose when the next probe is due."""
        wait_s = min(self._retry_s * 2.0 ** min(self._probes, 32), LONGEST_RETRY_S)
        self._due = self._now() + wait_s * (1 + _JITTER * (2 * self._chance() - 1))
        self._probes += 1
        self.state = "open"

    def probe(self) -> None:
        """Say that a probe begins; end it with ``close``, or with ``failed`` and ``open``."""
        self.state = "half-open"

    def close(self) -> None:
        """Let calls through again, and forget all failures."""
        self.state = "closed"
        self.failures = self._probes = 0

    def wait_s(self) -> float:
        """Return the seconds until a probe is due, 0 when it is."""
        return max(0.0, self._due - self._now())
