"""How long, and at which pace, a failure that may pass is tried again."""

from __future__ import annotations

import random
import time
from typing import Final

from llmspell.store.server.session import Driver, Failure

__all__ = ["Patience"]

_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.5


class Patience:
    """Waits between the attempts of one call, longer each time and never in step with others.

    The time it has begins with the first failure.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._deadline: float | None = None
        self._pause_s = _FIRST_PAUSE_S

    def endure(self, error: Exception) -> Failure:
        """Wait and return what failed, if it may pass; otherwise raise it as a StorageError."""
        failure = self._driver.failure(error)
        if not failure.passing or not self.wait():
            raise failure.error from error
        return failure

    def wait(self) -> bool:
        """Pause once; return False at once when the time is over."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._driver.patience_s
        if now >= self._deadline:
            return False
        time.sleep(self._pause_s * random.uniform(0.5, 1.5))
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        return True
