"""Entries kept in memory, bounded by bytes and coherent with the store's epoch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeAlias

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
Results: TypeAlias = Sequence[tuple[bytes, Metadata] | None]


class Finish(Protocol):
    """Ends the writes that ``Cache.writing`` announced."""

    def __call__(self, before: int, after: int, results: Results = ()) -> None: ...


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

    The contents are valid for one epoch of the store only. Whoever writes announces it with
    ``begin`` and ends it with ``finish`` or ``abandon``; in between nobody finds the entry
    here, nor can put what he read of it. So threads may write at the same time, and the epoch
    may move on with the first of them that comes back.
    """

    def __init__(self, max_bytes: int, store_epoch: Callable[[], int]) -> None:
        self.lock = threading.Lock()
        self._store_epoch = store_epoch
        self.epoch = UNKNOWN_EPOCH
        self.hits = 0
        self.misses = 0
        self._max_bytes = max_bytes
        self._blob_bytes = 0
        # What is known, and the entries made of it for those who have read it. Most writes are
        # not read before the next one, so a write only forgets the entry.
        self._known: dict[Ref, tuple[bytes, Metadata]] = {}
        self._entries: dict[Ref, Entry] = {}
        # Writes under way: how many of each key, negative once there were several at a time,
        # for then the order in which they come back says nothing about which one was the last.
        self._writing: dict[Ref, int] = {}
        self._clearing = 0

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

    def holds(self, entry: Entry) -> bool:
        """Return whether the store, asked again, would give this very entry. Counts as a hit."""
        epoch = self._store_epoch()
        if epoch != self.epoch or epoch == UNKNOWN_EPOCH:
            return False
        if self._entries.get(entry.ref) is not entry or entry.metadata[8] is not None:  # type: ignore[arg-type]
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
                if ref not in self._writing and not self._clearing:
                    self._put(ref, blob, metadata)

    def begin(self, ref: Ref) -> None:
        """Say that this entry is about to be written."""
        with self.lock:
            self._begin(ref)

    def finish(self, ref: Ref, blob: bytes, metadata: Metadata, before: int, after: int) -> None:
        """End a write and keep what was stored, if it is the latest for sure.

        ``before`` and ``after`` are the epochs around the commit.
        """
        with self.lock:
            alone = self._end(ref)
            if self._advance(before, after):
                if alone and not self._clearing:
                    self._put(ref, blob, metadata)
                # Last, since from here on other threads trust the cache again.
                self.epoch = after

    def abandon(self, ref: Ref) -> None:
        """End a write that failed."""
        with self.lock:
            self._end(ref)

    @contextmanager
    def writing(self, refs: Sequence[Ref], *, clears: bool = False) -> Iterator[Finish]:
        """Announce writes of several entries; the block calls what it is given to end them.

        With ``clears`` any other entry may be written too. ``finish(before, after, results)``
        keeps the results, a blob with its metadata or None for each of ``refs``.
        """
        with self.lock:
            self._clearing += clears
            if clears:
                self._clear()
            for ref in refs:
                self._begin(ref)
        ended = False

        def finish(before: int, after: int, results: Results = ()) -> None:
            nonlocal ended
            ended = True
            with self.lock:
                alone = [self._end(ref) for ref in refs]
                self._clearing -= clears
                if not self._advance(before, after):
                    return
                if clears:
                    self._clear()
                if not self._clearing:
                    for ref, is_alone, kept in zip(refs, alone, results, strict=False):
                        if kept is not None and is_alone:
                            self._put(ref, *kept)
                self.epoch = after

        try:
            yield finish
        finally:
            if not ended:
                with self.lock:
                    for ref in refs:
                        self._end(ref)
                    self._clearing -= clears

    def _begin(self, ref: Ref) -> None:
        count = self._writing.get(ref, 0)
        self._writing[ref] = count - 1 if count < 0 else -2 if count else 1
        self._discard(ref)

    def _end(self, ref: Ref) -> bool:
        """Count a write as over; tell whether no other one overlapped it."""
        count = self._writing[ref]
        if count == 1 or count == -1:
            del self._writing[ref]
            return count == 1
        self._writing[ref] = count + 1
        return False

    def _advance(self, before: int, after: int) -> bool:
        """Make ready for the epoch ``after``; False when a later one is here already.

        Unless everything here is as of one side of the commit it is dropped: others may have
        written between the cache's epoch and ``before``.
        """
        if after < self.epoch:
            return False
        if before == UNKNOWN_EPOCH or (self.epoch != before and self.epoch != after):
            self._clear()
        return True

    def _put(self, ref: Ref, blob: bytes, metadata: Metadata) -> None:
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
            self._discard(next(iter(known)))

    def _discard(self, ref: Ref) -> None:
        former = self._known.pop(ref, None)
        if former is not None:
            self._blob_bytes -= len(former[0])
            self._entries.pop(ref, None)

    def _clear(self) -> None:
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
