"""Threads that share a store, and caches that trust its epoch."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmspell.errors import VersionConflict
from llmspell.store.base import Check, Clear, Operation, Put, Ref, Store
from llmspell.store.changes import NOBODY
from llmspell.testing.shorthand import put, value_of

__all__ = ["SharingRules", "count_together"]


def count_together(stores: list[Store], total: int) -> None:
    """Count to ``total`` in one entry, with two threads for each store, by compare-and-set."""

    def add_one(number: int) -> None:
        store = stores[number % len(stores)]
        while True:
            (row,) = store.read([Ref("s", "n")])
            value, version = (int(row.blob), row.version) if row else (0, 0)
            try:
                put(store, "s", "n", b"%d" % (value + 1), if_version=version)
            except VersionConflict:
                continue
            return

    with ThreadPoolExecutor(max(8, 2 * len(stores))) as pool:
        list(pool.map(add_one, range(total)))
    assert value_of(stores[0], "s", "n") == b"%d" % total


class SharingRules:
    """Threads may share a store; ``caches`` is True where its epoch lets them cache."""

    caches = False

    def test_threads_lose_no_compare_and_set(self, store: Store) -> None:
        """Whoever succeeds in writing has seen the value before his own."""
        count_together([store], 400)

    def test_readers_see_all_of_a_batch_or_nothing(self, store: Store) -> None:
        """Two entries that are always written together are always read alike."""
        refs = [Ref("s", str(i)) for i in range(200)]
        stop = threading.Event()
        torn: list[int] = []

        def watch() -> None:
            while not stop.is_set():
                seen = {row and row.blob for row in store.read([refs[0], *refs])}
                seen_in_scan = {row.blob for row in store.scan("s")}
                if len(seen) > 1 or len(seen_in_scan) > 1:
                    torn.append(len(seen))

        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(40):
            store.write([Put(*ref, b"%d" % number, 1) for ref in refs])
        stop.set()
        watcher.join()
        assert torn == []

    def test_no_two_reads_of_one_epoch_differ(self, store: Store) -> None:
        """Each write moves the epoch, whichever way it is written; -1 promises nothing."""
        epochs = [store.epoch()]
        put(store, "s", "k")
        epochs.append(store.epoch())
        store.put("s", "k", b"", 1, 1, "standard", None, NOBODY)
        epochs.append(store.epoch())
        store.rewrite([Put("s", "k", b"", 1, if_version=2)])
        epochs.append(store.epoch())
        store.write([Clear("s", 1)])
        epochs.append(store.epoch())
        known = [epoch for epoch in epochs if epoch != -1]
        assert len(set(known)) == len(known)
        assert len(known) == 5 or not self.caches

    def test_own_writes_keep_a_cache_valid(self, store: Store) -> None:
        """The epoch before a write is the current one, and the one after it becomes current.

        It does move: a thread that read before the write must not cache after it.
        """
        before = store.epoch()
        result = store.write([Put("s", "k", b"", 1)])
        pairs = [(before, result.epoch_before, result.epoch_after, store.epoch())]
        before = store.epoch()
        *_, taken, after = store.put("s", "k", b"", 1, 1, "standard", None, NOBODY)
        pairs.append((before, taken, after, store.epoch()))
        before = store.epoch()
        taken, after, _ = store.rewrite([Put("s", "k", b"", 1, if_version=2)])
        pairs.append((before, taken, after, store.epoch()))
        for before, taken, after, current in pairs:
            assert not self.caches or -1 not in (before, taken, after, current)
            if -1 not in (before, taken):
                assert before == taken != after
            if -1 not in (after, current):
                assert after == current

    def test_a_write_that_failed_takes_nothing_from_a_cache(self, store: Store) -> None:
        """A conflict has changed nothing, and the epoch says so."""
        put(store, "s", "k")
        before = store.epoch()
        with pytest.raises(VersionConflict):
            put(store, "s", "k", if_version=9)
        assert store.epoch() in (before, -1)
        assert store.epoch() != -1 or not self.caches

    def test_a_cache_kept_by_the_epoch_is_never_stale(self, store: Store) -> None:
        """Threads that carry their caches over their own writes miss none of the others'."""
        returned = [0] * 4
        stale: list[int] = []

        def work(me: int) -> None:
            cache = _EpochCache(store)
            for number in range(1, 121):
                cache.put(str(me), number)
                returned[me] = number
                for _ in range(3):
                    due = list(returned)
                    seen = cache.read()
                    stale.extend(k for k, v in enumerate(due) if seen.get(str(k), 0) < v)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert stale == []

    def test_a_refused_batch_fails_nobody_else(self, store: Store) -> None:
        """Threads whose writes meet in one commit succeed and fail each by itself."""

        def write(number: int) -> bool:
            key, right = str(number), number % 3 > 0
            batch: list[Operation] = [Put("s", key, b"", 1), Check("s", key, 1, 1 if right else 2)]
            try:
                seq = store.write(batch).seq
            except VersionConflict:
                return not right
            (change,) = store.history(Ref("s", key))
            return right and seq >= change.seq

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(write, range(240)))
        assert store.scopes() == [("s", 160)]
        assert store.span().last == 160


class _EpochCache:
    """What one thread keeps of a scope for as long as the epoch lets it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.epoch = -1
        self.values: dict[str, int] = {}

    def put(self, key: str, value: int) -> None:
        if value % 2:
            result = self.store.write([Put("s", key, b"%d" % value, 1)])
            before, after = result.epoch_before, result.epoch_after
        else:
            blob = b"%d" % value
            before, after = self.store.put("s", key, blob, 1, 1, "standard", None, NOBODY)[2:]
        kept = before == self.epoch != -1
        self.epoch = after if kept else -1
        self.values[key] = value

    def read(self) -> dict[str, int]:
        before = self.store.epoch()
        if before != self.epoch or before == -1:
            self.values = {row.key: int(row.blob) for row in self.store.scan("s")}
            self.epoch = before if self.store.epoch() == before else -1
        return self.values
