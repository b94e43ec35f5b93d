"""How long, and at which pace, a failure that may pass is tried again."""

from __future__ import annotations

import copy
import random
import time
from typing import Final

from llmspell.errors import StorageError
from llmspell.store.server_session import Driver, Failure

__all__ = ["Patience", "own_copy"]

_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.5


class Patience:
    """Waits between the attempts of one call, longer each time and never in step with others."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._deadline = time.monotonic() + driver.patience_s
        self._pause_s = _FIRST_PAUSE_S

    def endure(self, error: Exception) -> Failure:
        """Wait and return what failed, if it may pass; otherwise raise it as a StorageError."""
        failure = self._driver.failure(error)
        if not failure.passing or time.monotonic() >= self._deadline:
            raise failure.error from error
        self.wait()
        return failure

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    def wait(self) -> None:
        """Pause once."""
        time.sleep(self._pause_s * random.uniform(0.5, 1.5))
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)


def own_copy(error: BaseException) -> BaseException:
    """Return an error like this one, since several threads cannot raise the same."""
    if not isinstance(error, StorageError):
        return error
    mine = copy.copy(error)
    mine.__cause__, mine.__traceback__ = error.__cause__, None
    return mine
