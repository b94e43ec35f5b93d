"""SQLite rewrites many entries at once, beside whoever else uses the database."""

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from llmspell.errors import StorageError
from llmspell.store import Put, Store, open_store
from llmspell.store.base import KEY_RING
from llmspell.store.sqlite.driver import SqliteDriver
from llmspell.store.sqlite.store import SqliteStore

Start = Callable[..., "Popen[str]"]
KEYS = [f"{number:03}" for number in range(100)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A store with a hundred entries that hold 0."""
    store = open_store("sqlite", path=path)
    store.write([Put("s", key, b"0", 1) for key in KEYS])
    yield store
    store.close()


def numbers(store: Store) -> list[int]:
    return [int(row.blob) for row in store.scan("s")]


def all_plus_one(store: Store) -> list[Put]:
    return [
        Put("s", row.key, b"%d" % (int(row.blob) + 1), 2, if_version=row.version)
        for row in store.scan("s")
    ]


ADD = """
from llmspell.errors import VersionConflict
store = open_store("sqlite", path=path)
added = 0
for number in range(60):
    rows = store.scan("s")
    if sys.argv[2] == "one":
        rows = rows[number:number + 1]
    puts = [Put("s", r.key, b"%d" % (int(r.blob) + 1), 2, if_version=r.version) for r in rows]
    try:
        store.rewrite(puts) if sys.argv[2] == "all" else store.write(puts)
        added += len(puts)
    except VersionConflict:
        pass
print(added)
"""


def test_processes_that_rewrite_and_write_lose_nothing(
    store: Store, path: Path, start: Start
) -> None:
    """What each was told it had added is there, and the journal has each step."""
    processes = [start(ADD, path, how) for how in ("all", "all", "one")]
    added = sum(int(process.communicate(timeout=60)[0]) for process in processes)
    assert added >= 60
    assert sum(numbers(store)) == added
    changes = store.changes(0)
    assert [change.seq for change in changes] == [*range(1, added + len(KEYS) + 1)]
    latest: dict[str, int] = {}
    for change in changes:
        assert change.previous == latest.get(change.key)
        latest[change.key] = change.seq


REWRITE_FOR_EVER = """
store = open_store("sqlite", path=path)
while True:
    rows = store.scan("s")
    number = b"%d" % (int(rows[0].blob) + 1)
    store.rewrite([Put("s", row.key, number, 2, if_version=row.version) for row in rows])
    os.write(1, number + b"\\n")
"""


def test_a_rewrite_that_was_killed_is_whole_or_not_there(
    store: Store, path: Path, start: Start
) -> None:
    """And what had returned stays, entries and journal alike."""
    for _ in range(3):
        with start(REWRITE_FOR_EVER, path) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().splitlines(keepends=True)
        (number,) = set(numbers(store))
        assert number >= max((int(line) for line in rest if line.endswith("\n")), default=1)
        assert store.span().last == (number + 1) * len(KEYS)
        assert store.rewrite(all_plus_one(store)).seq == (number + 2) * len(KEYS)


def test_others_write_between_one_rewrite_and_the_next(store: Store) -> None:
    """A thread that rewrites again and again keeps nobody from writing."""
    done = threading.Event()

    def rewrite() -> None:
        while not done.is_set():
            store.rewrite(all_plus_one(store))

    rewriter = threading.Thread(target=rewrite)
    rewriter.start()
    results = [store.write([Put("other", "k", b"", 2)]) for _ in range(30)]
    done.set()
    rewriter.join()
    assert [result.written[0].version for result in results] == [*range(1, 31)]
    assert len(set(numbers(store))) == 1


def test_a_full_disk_leaves_all_as_it_was(tmp_path: Path) -> None:
    """The rewrite fails as a whole, and smaller writes go on."""
    driver = SqliteDriver(tmp_path / "full.db", max_bytes=200_000)
    store = SqliteStore(driver)
    store.write([Put("s", key, b"0", 1) for key in KEYS])
    was = store.scan("s"), store.changes(0)
    with pytest.raises(StorageError) as caught:
        store.rewrite([Put("s", key, b"x" * 3000, 2, if_version=1) for key in KEYS])
    assert caught.value.details["reason"] == "disk_full"
    assert (store.scan("s"), store.changes(0)) == was
    store.rewrite(all_plus_one(store)[:3])
    assert numbers(store)[:4] == [1, 1, 1, 0]
    store.close()


def test_a_rewrite_looks_first_whether_others_encrypt_by_now(path: Path, store: Store) -> None:
    """What is raised when they do fails it."""
    assert isinstance(store, SqliteStore)
    other = SqliteStore(SqliteDriver(path))
    seen: list[bytes] = []
    store.ring_seen = lambda version, ring: seen.append(ring)
    store.rewrite(all_plus_one(store))
    other.write([Put(*KEY_RING, b"ring", 1)])
    store.rewrite(all_plus_one(store))
    assert seen == [b"ring"]

    def refuse(version: int, ring: bytes) -> None:
        raise ValueError("no longer in the open")

    store.ring_seen = refuse
    other.write([Put(*KEY_RING, b"another ring", 1)])
    with pytest.raises(ValueError, match="in the open"):
        store.rewrite(all_plus_one(store))
    assert set(numbers(other)) == {2}
    other.close()
