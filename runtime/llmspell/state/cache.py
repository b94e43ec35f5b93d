"""Entries kept in memory, bounded by bytes and coherent with the store's epoch."""

from __future__ import annotations

from typing import Final, TypeAlias

from llmspell.state.entry import Metadata
from llmspell.store.codec import decode
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.values import Value

__all__ = ["Cache", "Entry"]

_OVERHEAD: Final = 600
"""Estimate of what one entry costs besides its blob: objects, keys, wire texts are on top."""
_TEXTS: Final = 3
"""An entry may hold its blob and, once loaded by scripts, one wire text for each language."""
UNKNOWN_EPOCH: Final = -1


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


Known: TypeAlias = Entry | tuple[bytes, Metadata]
"""What the cache holds: an entry, or the parts of one nobody has read yet."""


class Cache:
    """A map from (scope, key) to ``Entry``; what came in first goes first.

    Not locked: the manager calls it under its own lock, except for ``get``, which is one
    dictionary read. The contents are valid for ``epoch`` only.
    """

    def __init__(self, max_bytes: int) -> None:
        self.epoch = UNKNOWN_EPOCH
        self.hits = 0
        self.misses = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: dict[tuple[str, str], Known] = {}

    def get(self, ref: tuple[str, str], epoch: int) -> Entry | None:
        """Return the entry if it is known for this epoch of the store."""
        if epoch == self.epoch and epoch != UNKNOWN_EPOCH:
            known = self._entries.get(ref)
            if known is not None:
                self.hits += 1
                if isinstance(known, Entry):
                    return known
                # What was only written so far becomes an entry at its first read.
                entry = self._entries[ref] = Entry(*known)
                return entry
        self.misses += 1
        return None

    def advance(self, before: int, after: int) -> None:
        """Follow the store from one epoch to the next across a write of our own.

        When something else was written in between, everything known is dropped.
        """
        if before != self.epoch or UNKNOWN_EPOCH in (before, after):
            self.clear()
        self.epoch = after

    def put(self, ref: tuple[str, str], entry: Known) -> None:
        """Keep an entry, dropping the oldest ones to stay within the bound."""
        entries = self._entries
        former = entries.get(ref)
        entries[ref] = entry
        self._bytes += _cost(entry) if former is None else _cost(entry) - _cost(former)
        while self._bytes > self._max_bytes and entries:
            self.discard(next(iter(entries)))

    def discard(self, ref: tuple[str, str]) -> None:
        """Forget one entry."""
        known = self._entries.pop(ref, None)
        if known is not None:
            self._bytes -= _cost(known)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    def stats(self) -> dict[str, int | float]:
        """Return counts, the estimated size in bytes, and the hit rate from 0 to 1."""
        asked = self.hits + self.misses
        return {
            "entries": len(self._entries),
            "bytes": self._bytes,
            "max_bytes": self._max_bytes,
            "hits": self.hits,
            "misses": self.misses,
            "hit_rate": self.hits / asked if asked else 0.0,
        }


def _cost(known: Known) -> int:
    blob = known[0] if type(known) is tuple else known.blob  # type: ignore[union-attr]
    return len(blob) * _TEXTS + _OVERHEAD
