"""The relaxed store keeps the contract, accepts at once, commits soon and drops nothing."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import pytest

from llmspell.errors import InvalidArgument, StorageError, VersionConflict
from llmspell.store import (
    INTERNAL,
    NOBODY,
    Check,
    Delete,
    Operation,
    Origin,
    Put,
    Ref,
    Store,
    open_store,
)
from llmspell.store.relaxed.store import RelaxedStore
from llmspell.testing import ManualClock, StoreContract

K = Ref("s", "k")
NEVER_MS = 3_600_000


@pytest.mark.parametrize(
    ("backend", "everything"),
    [("memory", True), ("sqlite", True), ("sqlite", False)],
    ids=["memory", "sqlite", "sqlite-some"],
)
class TestRelaxedStore(StoreContract):
    caches = True

    @pytest.fixture
    def make(
        self, tmp_path: Path, clock: ManualClock, backend: str, everything: bool
    ) -> Iterator[Callable[..., Store]]:
        stores: list[Store] = []

        def make(*, journal: bool) -> Store:
            path = tmp_path / "state.db"
            inner = open_store(backend, path=path, journal=journal, clock=clock)
            stores.append(RelaxedStore(inner, everything=everything))
            return stores[-1]

        yield make
        for store in stores:
            store.close()

    @pytest.fixture
    def store(self, make: Callable[..., Store]) -> Store:
        return make(journal=True)

    @pytest.fixture
    def store_without_journal(self, make: Callable[..., Store]) -> Store:
        return make(journal=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


Open = Callable[..., RelaxedStore]


@pytest.fixture
def relaxed(path: Path) -> Iterator[Open]:
    """Make a relaxed store on the file with an entry ``k`` of version 1."""
    stores = []

    def relaxed(
        *,
        everything: bool = True,
        flush_ms: float = NEVER_MS,
        **options: int,
    ) -> RelaxedStore:
        inner = open_store("sqlite", path=path, busy_timeout_ms=20)
        inner.write([Put("s", "k", b"0", 1)])
        stores.append(RelaxedStore(inner, everything=everything, flush_ms=flush_ms, **options))
        return stores[-1]

    yield relaxed
    for store in stores:
        store.close()


@pytest.fixture
def other(path: Path) -> Iterator[Store]:
    """Another store on the same file, as another process would have it."""
    store = open_store("sqlite", path=path)
    yield store
    store.close()


def put(store: Store, blob: bytes, key: str = "k", origin: Origin = NOBODY) -> int:
    return store.put("s", key, blob, 2, 1, "standard", None, origin)[0]


def blob_of(store: Store, key: str = "k") -> bytes | None:
    (row,) = store.read([Ref("s", key)])
    return row and row.blob


def test_a_rewrite_is_committed_at_once_and_after_what_was_accepted(
    relaxed: Open, other: Store
) -> None:
    """It replaces the version that was told, and the next relaxed write goes on from its own."""
    store = relaxed()
    told = put(store, b"accepted")
    assert store.rewrite([Put("s", "k", b"new", 3, if_version=told)], durability="relaxed").seq == 3
    assert blob_of(other) == b"new"
    with pytest.raises(VersionConflict):
        store.rewrite([Put("s", "k", b"newer", 3, if_version=told)])
    assert put(store, b"accepted again") == told + 2
    assert blob_of(other) == b"new"
    store.close()
    assert [change.version for change in other.changes(0)] == [1, 2, 3, 4]


def hold_the_database(path: Path) -> sqlite3.Connection:
    """Take the right to write, so that nobody else can."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


# Accepting and committing -----------------------------------------------------------------


def test_a_relaxed_write_is_seen_at_once_and_stored_a_moment_later(
    relaxed: Open, path: Path, other: Store
) -> None:
    """The one who wrote reads it; others do when it was flushed, which needs no call."""
    store = relaxed(flush_ms=50)
    holder = hold_the_database(path)  # so that it is not stored before it was looked at
    put(store, b"1")
    assert blob_of(store) == b"1"
    assert blob_of(other) == b"0"
    holder.close()
    deadline = monotonic() + 20
    while blob_of(other) == b"0" and monotonic() < deadline:
        sleep(0.005)
    assert blob_of(other) == b"1"


@pytest.mark.parametrize("everything", [True, False])
def test_only_what_is_to_be_relaxed_waits(relaxed: Open, other: Store, everything: bool) -> None:
    """A write that names its durability has it; the others have the configured one."""
    store = relaxed(everything=everything)
    waits: list[tuple[Callable[[], object], bool]] = [
        (lambda: put(store, b"put"), everything),
        (lambda: store.write([Put(*K, b"write", 1)]), everything),
        (lambda: store.write([Put(*K, b"relaxed", 1)], durability="relaxed"), True),
        (lambda: store.write([Put(*K, b"commit", 1)], durability="commit"), False),
        (lambda: store.write([Put(*K, b"fsync", 1)], durability="fsync"), False),
    ]
    for write, is_relaxed in waits:
        write()
        assert (blob_of(other) != blob_of(store)) == is_relaxed
        store.flush()
        assert blob_of(other) == blob_of(store)
    with pytest.raises(InvalidArgument):
        store.write([], durability="perhaps")


@pytest.mark.parametrize(
    "operation",
    [
        Put("s", "k", b"1", 2, if_version=2),
        Put("s", "k", b"1", 2, expires_at=10**18),
        Put("s", "new", b"1", 2),
        Put(INTERNAL + "lease", "k", b"", 2),
        Delete("s", "k", 2),
        Check("s", "k", 2, 2),
    ],
)
def test_what_cannot_wait_is_committed_after_all_that_waits(
    relaxed: Open, other: Store, operation: Operation
) -> None:
    """Preconditions see what was accepted, and nothing overtakes it."""
    store = relaxed()
    assert put(store, b"waiting") == 2
    store.write([operation])
    assert other.history(K)[-2].blob == b"waiting"
    assert [c[1:] for c in other.changes(0)] == [c[1:] for c in store.inner.changes(0)]


def test_writes_of_one_key_become_one(relaxed: Open, other: Store) -> None:
    """The last value is stored under the version that was handed out for it."""
    store = relaxed()
    assert [put(store, b"%d" % number) for number in range(2, 7)] == [2, 3, 4, 5, 6]
    assert store.write([Put(*K, b"last", 9)]).written[0].version == 7
    (seen,) = store.read([K])
    assert [(c.version, c.blob) for c in store.history(K)] == [(7, b"last"), (1, b"0")]
    assert other.read([K]) == [seen]
    assert put(store, b"next") == 8


def test_each_origin_is_journalled_in_order(relaxed: Open, other: Store) -> None:
    """Writes of different runs do not become one, and each is told who made it."""
    store = relaxed()
    for actor in ("a", "a", "b", "a"):
        put(store, actor.encode(), origin=Origin(actor, None, actor))
        assert store.read([K])[0].correlation_id == actor  # type: ignore[union-attr]
    store.flush()
    assert [(c.version, c.actor) for c in other.changes(1)] == [(3, "a"), (4, "b"), (5, "a")]


def test_reading_several_mixes_what_waits_with_what_is_stored(relaxed: Open) -> None:
    """In the order of the question, whatever is where."""
    store = relaxed()
    store.write([Put("s", "stored", b"s", 1), Put("s", "both", b"old", 1)])
    put(store, b"new", "both")
    put(store, b"1")
    refs = [Ref("s", key) for key in ("both", "stored", "none", "k", "both")]
    found = [row and row.blob for row in store.read(refs)]
    assert found == [b"new", b"s", None, b"1", b"new"]


def test_a_write_of_another_process_in_between_takes_its_version(
    relaxed: Open, other: Store
) -> None:
    """The last to be stored wins, versions are the store's, and caches hear of it."""
    store = relaxed()
    assert put(store, b"mine") == 2
    put(other, b"theirs")
    assert blob_of(store) == b"mine"
    before = store.epoch()
    store.flush()
    assert store.epoch() != before
    assert [(c.version, c.blob) for c in other.history(K)][:2] == [(3, b"mine"), (2, b"theirs")]
    assert put(store, b"again") == 4
    put(other, b"theirs again")
    assert blob_of(store) == b"again"


def test_a_flush_takes_nothing_from_a_cache(relaxed: Open) -> None:
    """What could be seen is what can be seen, so the epoch stands still; writes go on from it."""
    store = relaxed()
    for _ in range(3):
        *_, before, after = store.put("s", "k", b"1", 1, 1, "standard", None, NOBODY)
        store.flush()
        assert store.epoch() == after == before + 1
    put(store, b"2")
    before = store.epoch()
    assert store.write([Put("s", "new", b"", 1)]).epoch_before == before


# Failing and ending -----------------------------------------------------------------------


def test_a_flush_that_fails_drops_nothing(relaxed: Open, path: Path, other: Store) -> None:
    """The next write hears how many wait and why; when the cause is gone they are stored."""
    store = relaxed(flush_ms=10)
    other.write([Put("s", "first", b"0", 1)])
    holder = hold_the_database(path)
    # Both at once: what comes after a flush that failed is refused.
    store.write([Put("s", "first", b"1", 1), Put(*K, b"2", 1)])
    for write in (store.flush, lambda: put(store, b"refused"), store.close):
        with pytest.raises(StorageError, match="2 accepted writes") as caught:
            write()
        assert caught.value.details["waiting"] == 2
        assert caught.value.details["reason"] == "locked"
    assert blob_of(store) == b"2"
    holder.close()
    deadline = monotonic() + 20
    while blob_of(other) != b"2" and monotonic() < deadline:
        sleep(0.01)
    assert blob_of(other) == b"2"
    assert put(store, b"goes on") == 3


def test_what_waits_is_bounded(relaxed: Open, path: Path, other: Store) -> None:
    """A put that would exceed the bound waits for a flush, and fails when there is none."""
    store = relaxed(max_pending_bytes=10_000)
    store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1)])
    put(store, b"x" * 6_000, "a")
    assert blob_of(other, "a") == b""
    put(store, b"y" * 6_000, "b")
    assert blob_of(other, "a") == b"x" * 6_000
    holder = hold_the_database(path)
    with pytest.raises(StorageError):
        put(store, b"z" * 6_000, "a")
    holder.close()
    put(store, b"z" * 20_000, "a")
    assert blob_of(store, "a") == b"z" * 20_000


def test_after_close_everything_is_stored(relaxed: Open, other: Store) -> None:
    """And the thread that flushed is gone."""
    store = relaxed()
    put(store, b"1")
    assert any(thread.name == "llmspell-flush" for thread in threading.enumerate())
    store.close()
    assert blob_of(other) == b"1"
    assert not any(thread.name == "llmspell-flush" for thread in threading.enumerate())


def test_threads_are_told_different_versions(relaxed: Open, other: Store) -> None:
    """Relaxed and committed writes of one key and a flush under way never share one."""
    store = relaxed(everything=False, flush_ms=1)

    def write(number: int) -> list[int]:
        versions = []
        for turn in range(100):
            if (turn + number) % 3:
                batch = [Put(*K, b"", 1)]
                versions.append(store.write(batch, durability="relaxed").written[0].version)
            else:
                versions.append(put(store, b""))
        return versions

    with ThreadPoolExecutor(4) as pool:
        versions = sorted(v for told in pool.map(write, range(4)) for v in told)
    assert versions == list(range(2, 402))
    store.flush()
    assert other.read([K])[0].version == 401  # type: ignore[union-attr]


def test_a_batch_is_seen_whole_while_it_waits_is_flushed_and_is_stored(
    relaxed: Open, other: Store
) -> None:
    """In this process and in others."""
    store = relaxed(everything=False, flush_ms=1)
    refs = [Ref("s", key) for key in "ab"]
    store.write([Put(*ref, b"0", 1) for ref in refs])
    stop = threading.Event()

    def watch(reader: Store) -> list[object]:
        torn: list[object] = []
        while not stop.is_set():
            left, right = reader.read(refs)
            if left and right and left.blob != right.blob:
                torn.append((left, right))
        return torn

    with ThreadPoolExecutor(2) as pool:
        watchers = [pool.submit(watch, reader) for reader in (store, other)]
        for number in range(300):
            durability = "commit" if number % 5 == 0 else "relaxed"
            store.write([Put(*ref, b"%d" % number, 1) for ref in refs], durability=durability)
        stop.set()
    assert [watcher.result() for watcher in watchers] == [[], []]


def test_who_trusts_the_epoch_never_sees_the_past(relaxed: Open) -> None:
    """While relaxed writes, committed ones and flushes go on, a cache by epoch stays right."""
    store = relaxed(everything=False, flush_ms=1)
    store.write([Put("s", "other", b"0", 1)])
    done = {"k": 0, "other": 0}
    stop = threading.Event()

    def write(key: str, durability: str) -> None:
        for number in range(1, 1500):
            store.write([Put("s", key, b"%d" % number, 1)], durability=durability)
            done[key] = number

    def read() -> int:
        cached: dict[str, int] = {}
        cached_at, hits = -1, 0
        while not stop.is_set():
            for key in done:
                least, epoch = done[key], store.epoch()
                if epoch != cached_at:
                    cached.clear()
                value = cached.get(key) if epoch != -1 else None
                hits += value is not None
                if value is None:
                    value = int(blob_of(store, key) or 0)
                    if epoch != -1 and store.epoch() == epoch:
                        cached_at, cached[key] = epoch, value
                assert value >= least
        return hits

    with ThreadPoolExecutor(3) as pool:
        reader = pool.submit(read)
        writers = [pool.submit(write, "k", "relaxed"), pool.submit(write, "other", "commit")]
        try:
            for writer in writers:
                writer.result()
        finally:
            stop.set()
        assert reader.result() > 0
