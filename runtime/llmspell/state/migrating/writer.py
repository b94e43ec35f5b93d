"""Writing the batches of a migration: recorded as its doing, followed by the cache, fenced."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmspell.errors import VersionConflict
from llmspell.state.classes import CLASSES
from llmspell.store.base import Put, Ref, Store
from llmspell.store.changes import Origin

if TYPE_CHECKING:
    from llmspell.state.rewriting import Rewriting

__all__ = ["BatchWriter"]

_ALIVE_EVERY_S: Final = 2.0
_NOT_STORED: Final = frozenset(name for name, each in CLASSES.items() if not each.stored)
_FSYNC: Final = frozenset(name for name, each in CLASSES.items() if each.durability == "fsync")


class BatchWriter:
    """Writes batches whole or not at all, if nobody has changed an entry of it since.

    ``correlation_id`` is recorded with each write: it is how a run finds again what it wrote.
    ``alive`` is called every two seconds or so while batches are made. With ``remembers``, what
    it replaces of classes that no journal has is kept for ``put_back``.
    """

    def __init__(
        self,
        state: Rewriting,
        *,
        correlation_id: str,
        alive: Callable[[], None] | None = None,
        remembers: bool = False,
    ) -> None:
        self._remembers = remembers
        self._state = state
        self._outside_journal: list[Put] = []
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
        if self._remembers:
            self._remember([put for put in puts if put.state_class in _NOT_STORED])
        needs_fsync = not _FSYNC.isdisjoint({put[5] for put in puts})
        durability = "fsync" if needs_fsync else None
        before, after, _ = self._state._rewrite(puts, self._origin, durability=durability)
        self._alone = self._alone and before == self._expected != -1
        self._expected = after
        self.keep_alive()

    def _remember(self, puts: Sequence[Put]) -> None:
        rows = self.store.read([Ref(put.scope, put.key) for put in puts]) if puts else []
        for put, row in zip(puts, rows, strict=True):
            if row is not None and row.version == put.if_version:
                _, _, version, _, at, schema_version, state_class, expires_at, _, blob = row
                facts = (blob, at, schema_version, state_class, expires_at, version + 1)
                self._outside_journal.append(Put(put.scope, put.key, *facts))

    def put_back(self) -> None:
        """Put back what was remembered, but for what somebody has changed since."""
        for put in reversed(self._outside_journal):
            with suppress(VersionConflict):
                self._state._rewrite([put], self._origin)

    def begin(self) -> None:
        """Note that what is there is about to be read."""
        self._expected = self.store.epoch()
        self._alone = True

    def was_alone(self) -> bool:
        """Tell whether nobody else can have written anything since ``begin``."""
        return self._alone and self.store.epoch() == self._expected != -1
