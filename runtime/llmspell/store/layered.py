"""Ephemeral entries over a store: kept in this process, never written to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Condition, Lock
from typing import Any, Final

from llmspell.store.base import Clear, Operation, Put, Reader, Ref, Row, Store, WriteResult
from llmspell.store.changes import NOBODY, Origin, Swept
from llmspell.store.clock import Clock, system_clock
from llmspell.store.forking import hold_over_fork
from llmspell.store.layered_batch import EPHEMERAL, LayeredBatch
from llmspell.store.layered_reader import LayeredReader
from llmspell.store.memory import MemoryStore
from llmspell.store.plan import touched
from llmspell.store.wrapper import StoreWrapper

__all__ = ["EPHEMERAL", "LayeredStore"]


class LayeredStore(StoreWrapper):
    """A store whose entries of class ``ephemeral`` live and die with this process.

    Such an entry hides the stored one of the same address while it lives. Writing the address
    with another class ends it; deleting takes both. Preconditions look at what can be seen. An
    ephemeral entry counts its own versions, which have nothing to do with those of the entry
    it hides, and leaves no trace in the journal: ``seq`` of a batch that stores nothing is the
    last one this store was told. The child of a fork begins with copies.

    As long as there are no ephemeral entries, every call goes straight to ``inner``.
    """

    def __init__(self, inner: Store, *, clock: Clock = system_clock) -> None:
        super().__init__(inner)
        self._upper = MemoryStore(journal=False, clock=clock)
        self._reader = LayeredReader(self._upper, inner)
        # The keys of ephemeral entries by scope, some of which may have expired.
        self._keys: dict[str, set[str]] = {}
        # Writes that concern both layers are made one at a time, with nothing else under way.
        self._both = Lock()
        self._lock = Lock()
        self._idle = Condition(self._lock)
        self._straight = 0
        self._excluding = False
        self._last = 0
        hold_over_fork(self)

    # Writing -------------------------------------------------------------------------------

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        with self._lock:
            straight = not self._excluding and not self._concerns(batch)
            self._straight += straight
        if not straight:
            return self._write_both(batch, durability, origin)
        own = self._upper.epoch()
        try:
            result = self.inner.write(batch, durability=durability, origin=origin)
        finally:
            self._leave()
        self._last = max(self._last, result.seq)
        if own != self._upper.epoch():
            return result._replace(epoch_before=-1, epoch_after=-1)
        if not own:
            return result
        return result._replace(
            epoch_before=_sum(result.epoch_before, own), epoch_after=_sum(result.epoch_after, own)
        )
