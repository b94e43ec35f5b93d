"""Entries kept in memory, bounded by bytes and coherent with the store's epoch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from llmspell.state.entry import Metadata
from llmspell.store.codec import decode
from llmspell_bridges.frozen import KEPT_BYTES, KEPT_FACTOR, FrozenValue
from llmspell_bridges.values import Value

__all__ = ["UNKNOWN_EPOCH", "Cache", "Entry"]

_LANGUAGES: Final = 2
_OVERHEAD: Final = 600 + _LANGUAGES * KEPT_BYTES
"""What one entry may cost besides its stored bytes: objects, keys, the base of its wire texts."""
_TEXTS: Final = 1 + _LANGUAGES * KEPT_FACTOR
"""An entry holds its stored bytes and, once loaded by scripts, a wire text for each language."""
UNKNOWN_EPOCH: Final = -1

Ref: TypeAlias = tuple[str, str]


class Entry(FrozenValue):
    """One entry as the manager knows it: its metadata, and its value as stored."""

    __slots__ = ("_keeper", "metadata", "ref")

    def __init__(
        self,
        blob: bytes,
        metadata: Metadata,
        ref: Ref | None = None,
        keeper: Callable[[Entry], bool] | None = None,
    ) -> None:
        self.blob = blob
        self.metadata = metadata
        self.ref = ref
        self._keeper = keeper
        self._js = None
        self._lua = None

    def is_current(self) -> bool:
        """Return whether the cache holds this entry and nobody can have written since."""
        keeper = self._keeper
        return keeper is not None and keeper(self)

    def thaw(self) -> Value:
        """Return a fresh copy of the value. Raises ``StorageError`` for damaged bytes."""
        return decode(self.blob)


class Cache:
    """A map from (scope, key) to ``Entry``; what came in first goes first. Thread-safe.

    The contents are valid for one epoch of the store only. Every write moves the store's epoch
    by a step of its own, so what several threads write at the same time is put in order here:
    the result that follows the cache's epoch is added, an older one is dropped, and before a
    later one everything is.
    """

    def __init__(
        self,
        max_bytes: int,
        store_epoch: Callable[[], int],
        *,
        may_keep: Callable[[str], bool] | None = None,
    ) -> None:
        self.lock = threading.Lock()
        self._may_keep = may_keep
        self._store_epoch = store_epoch
        self.epoch = UNKNOWN_EPOCH
        self.hits = 0
        self.misses = 0
        self._max_bytes = max_bytes
        self._size = 0
        # What is known, and the entries made of it for those who have read it. Most writes are
        # not read before the next one, so a write only forgets the entry.
        self._known: OrderedDict[Ref, tuple[bytes, Metadata]] = OrderedDict()
        self._entries: dict[Ref, Entry] = {}

    def get(self, ref: Ref, epoch: int) -> Entry | None:
        """Return the entry if it is known for this epoch of the store."""
        if epoch == self.epoch and epoch != UNKNOWN_EPOCH:
            entry = self._entries.get(ref)
            if entry is None:
                entry = self._make_entry(ref)
            if entry is not None:
                self.hits += 1
                return entry
        self.misses += 1
        return None

    def get_all(self, refs: Sequence[Ref], epoch: int) -> dict[Ref, Entry]:
        """Return those entries that are known for this epoch, all of one moment.

        ``get`` by ``get`` would meet a batch that is half put in.
        """
        found: dict[Ref, Entry] = {}
        with self.lock:
            if epoch == self.epoch and epoch != UNKNOWN_EPOCH:
                for ref in refs:
                    known = self._known.get(ref)
                    if known is not None:
                        entry = self._entries.get(ref)
                        if entry is None:
                            entry = self._entries[ref] = Entry(*known, ref, self.holds)
                        found[ref] = entry
            self.hits += len(found)
            self.misses += len(refs) - len(found)
        return found

    def holds(self, entry: Entry) -> bool:
        """Return whether the store, asked again, would give this very entry. Counts as a hit."""
        epoch = self._store_epoch()
        if epoch != self.epoch or epoch == UNKNOWN_EPOCH:
            return False
        if self._entries.get(entry.ref) is not entry or entry.metadata[8] is not None:  # type: ignore[arg-type]
            return False
        # Who has lost the right to read a scope keeps nothing of it.
        if self._may_keep is not None and not self._may_keep(entry.ref[0]):  # type: ignore[index]
            return False
        self.hits += 1
        return True

    def _make_entry(self, ref: Ref) -> Entry | None:
        with self.lock:
            known = self._known.get(ref)
            if known is None:
                return None
            entry = self._entries[ref] = Entry(*known, ref, self.holds)
            return entry

    def learn(self, entries: Sequence[tuple[Ref, bytes, Metadata]], epoch: int) -> None:
        """Keep what was read, when nothing can have been written since ``epoch``."""
        with self.lock:
            if epoch < self.epoch:
                return
            if epoch != self.epoch:
                self._clear()
                self.epoch = epoch
            for ref, blob, metadata in entries:
                self._put(ref, blob, metadata)

    def finish(self, ref: Ref, blob: bytes, metadata: Metadata, before: int, after: int) -> None:
        """Keep what a write stored; ``before`` and ``after`` are the epochs around it."""
        with self.lock:
            if (before != self.epoch or before == UNKNOWN_EPOCH) and not self._advance(after):
                return
            self._put(ref, blob, metadata)
            # Last, since from here on other threads trust the cache again.
            self.epoch = after

    def finish_all(
        self,
        results: Mapping[Ref, tuple[bytes, Metadata] | None],
        before: int,
        after: int,
        *,
        clears: bool = False,
    ) -> None:
        """Keep what a batch stored, and forget what it removed (None).

        With ``clears`` it may have removed any other entry too.
        """
        with self.lock:
            if (before != self.epoch or before == UNKNOWN_EPOCH) and not self._advance(after):
                return
            if clears:
                self._clear()
            for ref, kept in results.items():
                if kept is None:
                    self._discard(ref)
                else:
                    self._put(ref, *kept)
            self.epoch = after

    def _advance(self, after: int) -> bool:
        """Make ready for an epoch that does not follow ours; False if it is an earlier one.

        Somebody wrote in between: another thread, whose result comes later and is then too old
        for the cache, or another process. So all is dropped.
        """
        if after <= self.epoch:
            return False
        self._clear()
        return True

    def _put(self, ref: Ref, blob: bytes, metadata: Metadata) -> None:
        """Keep an entry, dropping the oldest ones to stay within the bound."""
        known = self._known
        former = known.get(ref)
        known[ref] = (blob, metadata)
        if former is None:
            self._size += len(blob) * _TEXTS + _OVERHEAD
        else:
            self._size += (len(blob) - len(former[0])) * _TEXTS
            self._entries.pop(ref, None)
        while self._size > self._max_bytes and known:
            oldest, (dropped, _) = known.popitem(last=False)
            self._size -= len(dropped) * _TEXTS + _OVERHEAD
            self._entries.pop(oldest, None)

    def _discard(self, ref: Ref) -> None:
        former = self._known.pop(ref, None)
        if former is not None:
            self._size -= len(former[0]) * _TEXTS + _OVERHEAD
            self._entries.pop(ref, None)

    def _clear(self) -> None:
        self._known.clear()
        self._entries.clear()
        self._size = 0

    def stats(self) -> dict[str, int | float]:
        """Return counts, the estimated size in bytes, and the hit rate from 0 to 1."""
        asked = self.hits + self.misses
        return {
            "entries": len(self._known),
            "bytes": self._size,
            "max_bytes": self._max_bytes,
            "hits": self.hits,
            "misses": self.misses,
            "hit_rate": self.hits / asked if asked else 0.0,
        }
