"""SQLite restores any number of entries in one transaction, beside whoever else uses the file."""

import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llmspell.errors import StorageError
from llmspell.store import Delete, Put, Ref, Store, open_store
from llmspell.store.base import KEY_RING, Reader, Restored
from llmspell.store.sqlite.driver import SqliteDriver
from llmspell.store.sqlite.store import SqliteStore
from llmspell.testing.restoring import restored

Batch = Sequence[Restored | Delete]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def open_again(path: Path) -> Iterator[Callable[[], Store]]:
    stores: list[Store] = []

    def open_again() -> Store:
        stores.append(open_store("sqlite", path=path))
        return stores[-1]

    yield open_again
    for store in stores:
        store.close()


def batches(count: int) -> Iterator[Batch]:
    for start in range(0, 100 * count, 100):
        yield [restored(f"{number:06}", bytes(100)) for number in range(start, start + 100)]


def test_a_store_beside_it_waits_to_write_and_its_cache_is_told(
    open_again: Callable[[], Store],
) -> None:
    """Reading goes on there, and the epoch rises when the restore is there."""
    store, other = open_again(), open_again()
    store.write([Put("s", "000000", b"was", 1)])
    begun = threading.Event()

    def write() -> int:
        begun.set()
        return other.write([Put("s", "000000", b"after", 2)]).written[0].version

    with ThreadPoolExecutor(1) as pool:
        waiting = []

        def work(_: Reader) -> Iterator[Batch]:
            yield from batches(2)
            epoch = other.epoch()
            waiting.append(pool.submit(write))
            assert begun.wait(30)
            (row,) = other.read([Ref("s", "000000")])
            assert row is not None
            assert row.blob == b"was"
            assert other.epoch() in (epoch, -1)
            yield from []

        before = other.epoch()
        store.restore(work)
        assert waiting[0].result(30) == 3
    assert other.epoch() != before
    assert len(other.scan("s")) == 200


def test_memory_holds_no_more_than_a_batch(open_again: Callable[[], Store]) -> None:
    """However many there are, new or known."""
    store = open_again()
    peaks = []
    for count in (5, 100, 100):
        tracemalloc.start()
        store.restore(lambda _, count=count: batches(count))  # type: ignore[misc]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 2 * peaks[0] + 200_000


def test_a_full_disk_undoes_all_of_it(path: Path) -> None:
    """And says so; the store goes on."""
    store = SqliteStore(SqliteDriver(path, max_bytes=1 << 20))
    store.write([Put("s", "k", b"", 1)])
    with pytest.raises(StorageError) as caught:
        store.restore(lambda _: batches(100))
    assert caught.value.details["reason"] == "disk_full"
    assert [row.key for row in store.scan("s")] == ["k"]
    assert store.restore(lambda _: batches(2)).seq == 201
    store.close()


def test_a_ring_that_others_have_changed_is_told_before_anything_is_restored(
    open_again: Callable[[], Store], path: Path
) -> None:
    """So that nothing is stored in the open when somebody else has begun to encrypt."""
    store = SqliteStore(SqliteDriver(path))
    told: list[bytes] = []
    store.ring_seen = lambda version, ring: told.append(ring)
    open_again().write([Put(*KEY_RING, b"ring", 1)])
    store.restore(lambda _: [told.clear() or [restored("a")]] if told == [b"ring"] else [])  # type: ignore[func-returns-value]
    assert [row.key for row in store.scan("s")] == ["a"]
    store.close()
