"""Writing the batches of a migration: recorded as its doing, followed by the cache, fenced."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from llmspell.state.classes import CLASSES
from llmspell.store.base import Put, Store
from llmspell.store.changes import Origin

if TYPE_CHECKING:
    from llmspell.state.rewriting import Rewriting

__all__ = ["BatchWriter"]

_ALIVE_EVERY_S: Final = 2.0
_FSYNC: Final = frozenset(name for name, each in CLASSES.items() if each.durability == "fsync")


class BatchWriter:
    """Writes batches whole or not at all, if nobody has changed an entry of it since.

    ``correlation_id`` is recorded with each write: it is how a run finds again what it wrote.
    ``alive`` is called every two seconds or so while batches are made.
    """

    def __init__(
        self, state: Rewriting, *, correlation_id: str, alive: Callable[[], None] | None = None
    ) -> None:
        self._state = state
        self._origin: Origin = state._origin()._replace(correlation_id=correlation_id)
        self._alive = alive
        self._expected = -1
        self._alone = False
        self.due = time.monotonic() + _ALIVE_EVERY_S if alive else float("inf")

    @property
    def store(self) -> Store:
        """The store the batches go to."""
        return self._state.store

    def keep_alive(self) -> None:
        """Say that the work is going on, if it is time to."""
        if self._alive is not None and time.monotonic() >= self.due:
            self._alive()
            self.due = time.monotonic() + _ALIVE_EVERY_S

    def write(self, puts: Sequence[Put]) -> None:
        """Write a batch. Raises ``VersionConflict`` when an entry is not at its put's version."""
        needs_fsync = not _FSYNC.isdisjoint({put[5] for put in puts})
        durability = "fsync" if needs_fsync else None
        before, after, _ = self._state._rewrite(puts, self._origin, durability=durability)
        self._alone = self._alone and before == self._expected != -1
        self._expected = after
        self.keep_alive()

    def begin(self) -> None:
        """Note that what is there is about to be read."""
        self._expected = self.store.epoch()
        self._alone = True

    def was_alone(self) -> bool:
        """Tell whether nobody else can have written anything since ``begin``."""
        return self._alone and self.store.epoch() == self._expected != -1
