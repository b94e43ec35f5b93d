"""Entries kept in memory, bounded by bytes and coherent with the store's epoch."""

from __future__ import annotations

import threading
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

    __slots__ = ("metadata",)

    def __init__(self, blob: bytes, metadata: Metadata) -> None:
        self.blob = blob
        self.metadata = metadata
        self._js = None
        self._lua = None

    def thaw(self) -> Value:
        """Return a fresh copy of the value. Raises ``StorageError`` for damaged bytes."""
        return decode(self.blob)


class Cache:
    """A map from (scope, key) to ``Entry``; what came in first goes first.

    The manager calls it under ``lock``, except for ``get``, which takes it only for what it
    changes. The contents are valid for ``epoch`` only.
    """

    def __init__(self, max_bytes: int, lock: threading.Lock) -> None:
        self._lock = lock
        self.epoch = UNKNOWN_EPOCH
        self.hits = 0
        self.misses = 0
        self._max_bytes = max_bytes
        self._blob_bytes = 0
        # What is known, and the entries made of it for those who have read it. Most writes are
        # not read before the next one, so a write only forgets the entry.
        self._known: dict[Ref, tuple[bytes, Metadata]] = {}
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

    def _make_entry(self, ref: Ref) -> Entry | None:
        with self._lock:
            known = self._known.get(ref)
            if known is None:
                return None
            entry = self._entries[ref] = Entry(*known)
            return entry

    def keep_if(self, before: int) -> None:
        """Drop everything that was not valid right before a write of our own.

        After the change itself is applied, set ``epoch`` to the one after the write: only then
        may readers on other threads use the contents again.
        """
        if before != self.epoch or before == UNKNOWN_EPOCH:
            self.clear()

    def put(self, ref: Ref, blob: bytes, metadata: Metadata) -> None:
        """Keep an entry, dropping the oldest ones to stay within the bound."""
        known = self._known
        former = known.get(ref)
        known[ref] = (blob, metadata)
        if former is None:
            self._blob_bytes += len(blob)
        else:
            self._blob_bytes += len(blob) - len(former[0])
            self._entries.pop(ref, None)
        while self._size() > self._max_bytes and known:
            self.discard(next(iter(known)))

    def discard(self, ref: Ref) -> None:
        """Forget one entry."""
        former = self._known.pop(ref, None)
        if former is not None:
            self._blob_bytes -= len(former[0])
            self._entries.pop(ref, None)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._entries.clear()
        self._blob_bytes = 0

    def stats(self) -> dict[str, int | float]:
        """Return counts, the estimated size in bytes, and the hit rate from 0 to 1."""
        asked = self.hits + self.misses
        return {
            "entries": len(self._known),
            "bytes": self._size(),
            "max_bytes": self._max_bytes,
            "hits": self.hits,
            "misses": self.misses,
            "hit_rate": self.hits / asked if asked else 0.0,
        }

    def _size(self) -> int:
        return self._blob_bytes * _TEXTS + len(self._known) * _OVERHEAD
