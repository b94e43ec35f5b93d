"""The RocksDB store keeps the contract; what can be wrong with its folder is a clear error."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Options, Rdict

from llmspell.errors import RuntimeClosed, StorageError
from llmspell.store import Put, Ref, Store
from llmspell.store.changes import NOBODY
from llmspell.store.rocks.errors import failure
from llmspell.store.rocks.store import RocksStore
from llmspell.testing import DurableStoreContract, ManualClock, SealingRules

Run = Callable[..., str]
ROCKS = "from llmspell.store.rocks.store import RocksStore\n"


class TestRocksStore(DurableStoreContract, SealingRules):
    caches = True

    @pytest.fixture
    def open_again(self, path: Path, clock: ManualClock) -> Iterator[Callable[..., Store]]:
        stores: list[Store] = []

        def open_again(**options: bool) -> Store:
            stores.append(RocksStore(path, clock=clock, **options))
            return stores[-1]

        yield open_again
        for store in stores:
            store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rocks"


@pytest.fixture
def store(path: Path) -> Iterator[RocksStore]:
    store = RocksStore(path)
    yield store
    store.close()


@pytest.fixture
def made(path: Path) -> Path:
    """A closed database with entries in its files."""
    store = RocksStore(path)
    store.write([Put("s", str(i), os.urandom(100), 1) for i in range(500)])
    store.close()
    return path


def refusal(path: Path) -> StorageError:
    """Open a store that must be refused; check what every refusal has, return it."""
    with pytest.raises(StorageError) as caught:
        RocksStore(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_every_option_of_the_configuration_is_taken(path: Path) -> None:
    for compression, bits in ((True, 10), (False, 0)):
        store = RocksStore(
            path, max_open_files=16, cache_capacity=1 << 20, compression=compression,
            bloom_filter_bits=bits, block_size=4096,
        )  # fmt: skip
        store.write([Put("s", str(i), bytes(100), 1) for i in range(200)])
        assert len(store.scan("s")) == 200
        store.close()


def test_threads_that_wait_for_the_disk_lose_nothing(path: Path) -> None:
    """They wait without the lock, so that others can write; closing waits for them."""
    store = RocksStore(path, durability="fsync")

    def write(thread: int) -> None:
        for number in range(20):
            store.put("s", f"{thread}.{number}", b"", 1, 1, "standard", None, NOBODY)
            store.write([Put("t", str(thread), b"%d" % number, 1)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    store.close()
    store = RocksStore(path)
    assert store.scopes() == [("s", 120), ("t", 6)]
    assert {row.version for row in store.scan("t")} == {20}
    assert [change.seq for change in store.changes(0)] == list(range(1, 241))
    store.close()


def test_a_folder_that_is_open_already_is_locked(store: RocksStore, path: Path) -> None:
    """The hint names the backends that many processes may share; the first store goes on."""
    store.write([Put("s", "k", b"1", 1)])
    error = refusal(path)
    assert error.details["reason"] == "locked"
    assert error.hint is not None
    assert "sqlite" in error.hint
    assert "postgresql" in error.hint
    store.write([Put("s", "k", b"2", 1)])
    assert store.scan("s")[0].version == 2


SECOND_PROCESS = """
try:
    RocksStore(path)
except LlmSpellError as error:
    print(error.details["reason"])
"""


def test_a_second_process_is_told_that_the_folder_is_locked(
    store: RocksStore, path: Path, run: Run
) -> None:
    assert run(ROCKS + SECOND_PROCESS, path) == "locked"
    store.write([Put("s", "k", b"", 1)])


MAKE = """
print("ready", flush=True)
sys.stdin.readline()
try:
    RocksStore(path).write([Put("s", sys.argv[2], b"", 1)])
    print("made")
except LlmSpellError as error:
    print(error.details["reason"])
"""


def test_of_processes_that_make_the_database_together_one_succeeds_at_a_time(
    path: Path, start: Callable[..., Any]
) -> None:
    """The others are told that it is locked; none leaves half a database."""
    processes = [start("import rocksdict\n" + ROCKS + MAKE, path, i) for i in range(4)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert set(told) <= {"made", "locked"}
    store = RocksStore(path)
    assert len(store.scan("s")) == told.count("made") > 0
    store.close()


def test_a_file_and_a_path_that_cannot_be_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(b"something")
    assert refusal(file).details["reason"] == "not_a_database"
    assert file.read_bytes() == b"something"
    assert refusal(file / "below").details["reason"] == "unavailable"
    assert refusal(tmp_path / ("x" * 300)).details["reason"] == "unavailable"
    assert refusal(tmp_path / "nul\0").details["reason"] == "unavailable"


def test_a_folder_with_other_files_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert refusal(tmp_path).details["reason"] == "not_a_database"
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_the_database_of_another_application_stays_as_it_is(path: Path) -> None:
    other = Rdict(str(path), Options(raw_mode=True))
    other[b"k"] = b"v"
    other.close()
    before = contents(path)
    assert refusal(path).details["reason"] == "not_a_database"
    assert contents(path) == before


def test_the_database_of_a_newer_version_stays_as_it_is(made: Path) -> None:
    mark = made / "LLMSPELL"
    mark.write_text(mark.read_text().replace('"format": 1', '"format": 999'))
    before = contents(made)
    error = refusal(made)
    assert error.details["reason"] == "newer_version"
    assert "999" in error.message
    assert contents(made) == before


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    RocksStore(path).close()
    assert path.is_dir()


@pytest.mark.parametrize("lost", ["CURRENT", "MANIFEST-*", "*.sst"])
def test_lost_files_are_reported_as_corrupt(made: Path, lost: str) -> None:
    """Nothing is made anew in place of what was there."""
    for file in made.glob(lost):
        file.unlink()
    assert refusal(made).details["reason"] == "corrupt"
    assert refusal(made).details["reason"] == "corrupt"


def test_a_damaged_mark_is_reported_as_corrupt(made: Path) -> None:
    (made / "LLMSPELL").write_text("[]")
    assert refusal(made).details["reason"] == "corrupt"


def test_damaged_files_are_reported_as_corrupt(made: Path) -> None:
    """A scan that meets them fails; it does not end as if there were no more."""
    large = [file for file in made.glob("*.sst") if file.stat().st_size > 40_000]
    assert len(large) == 2
    for file in large:
        with file.open("r+b") as damaged:
            damaged.seek(100)
            damaged.write(b"\xa5" * 1000)
    store = RocksStore(made)
    calls: list[Callable[[], Any]] = [
        lambda: store.scan("s"),
        lambda: store.read([Ref("s", "1")]),
        lambda: store.read([Ref("s", "1"), Ref("s", "2")]),
        lambda: store.write([Put("s", "1", b"", 1)]),
        lambda: store.changes(0),
    ]
    kept = []
    for call in calls:
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.details["reason"] == "corrupt"
        kept.append(caught)
    store.close()
    RocksStore(made).close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("IO error: No space left on device: While appending to file: 4.log: ...", "disk_full"),
        ("IO error: While open a file for appending: 8.log: Permission denied", "read_only"),
        ("IO error: While open a file: 9.log: Read-only file system", "read_only"),
        ("IO error: While fsync: 9.log: Input/output error", "io"),
        ("Corruption: block checksum mismatch: stored = 1, computed = 2", "corrupt"),
    ],
)
def test_the_drivers_errors_are_told_apart(text: str, reason: str, path: Path) -> None:
    error = failure(Exception(text), path)
    assert error.details["reason"] == reason
    assert error.hint


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


AS_NOBODY = """
import pickle, rocksdict, llmspell.store.rocks.database
if os.geteuid() == 0:  # the superuser may write everywhere
    os.seteuid(65534)
try:
    RocksStore(path)
    print("opened")
except LlmSpellError as error:
    print(error.details["reason"], "|", error)
"""


def test_a_folder_that_cannot_be_written_is_read_only(open_folder: Path, run: Run) -> None:
    open_folder.chmod(0o555)
    assert run(ROCKS + AS_NOBODY, open_folder).startswith("read_only")
    assert run(ROCKS + AS_NOBODY, open_folder / "sub").startswith("read_only")
    assert list(open_folder.iterdir()) == []


def test_files_that_cannot_be_written_are_read_only(
    open_folder: Path, made: Path, run: Run
) -> None:
    folder = open_folder / "rocks"
    shutil.copytree(made, folder)
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o777)
    assert run(ROCKS + AS_NOBODY, folder).startswith("read_only")


DISK_FAILS = """
import resource, signal
store = RocksStore(path)
store.put("s", "k", b"kept", 1, 1, "standard", None, (None, None, None))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        store.write([Put("s", "k", b"lost", 1), Put("s", "big", os.urandom(1_000_000), 1)])
    except LlmSpellError as error:
        print(error.details["reason"], store.scan("s")[0].blob, store.span().last)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
epoch = store.epoch()
store.write([Put("s", "after", b"", 1)])
print([row.key for row in store.scan("s")], [c.seq for c in store.changes(0)])
print(store.epoch() > epoch)
store.close()
print([row.key for row in RocksStore(path).scan("s")])
"""


def test_a_disk_that_refuses_a_write_fails_that_write_alone(path: Path, run: Run) -> None:
    """Reading goes on meanwhile, and writing as soon as the disk takes it again."""
    assert run(ROCKS + DISK_FAILS, path).split("\n") == [
        "io b'kept' 1",
        "io b'kept' 1",
        "['after', 'k'] [1, 2]",
        "True",
        "['after', 'k']",
    ]


WITHOUT_PACKAGE = """
sys.modules["rocksdict"] = None
try:
    RocksStore(path)
except LlmSpellError as error:
    print(error.code, "|", error.hint, "|", path.exists())
"""


def test_a_missing_package_is_named(path: Path, run: Run) -> None:
    expected = "feature_unavailable | pip install 'llmspell[rocksdb]' | False"
    assert run(ROCKS + WITHOUT_PACKAGE, path) == expected


def test_closing_releases_the_folder_whatever_is_still_open(path: Path) -> None:
    """Snapshots end with their store, and threads that read fail by name."""
    store = RocksStore(path)
    store.write([Put("s", str(i), b"", 1) for i in range(100)])
    errors: list[BaseException] = []

    def read() -> None:
        try:
            while True:
                store.scan("s")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    with store.snapshot() as moment:
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        store.close()
        RocksStore(path).close()
        with pytest.raises(RuntimeClosed):
            moment.scan("s")
    for thread in threads:
        thread.join()
    assert [type(error) for error in errors] == [RuntimeClosed] * 4


FORK = """
store = RocksStore(path)
store.write([Put("s", "k", b"", 1)])
with store.snapshot() as moment:
    child = os.fork()
    if child == 0:
        for call in (
            lambda: store.read([Ref("s", "k")]), lambda: store.scan("s"), store.scopes,
            lambda: store.write([Put("s", "k", b"child", 1)]), store.epoch, store.stats,
            lambda: store.changes(0), lambda: moment.scan("s"), lambda: RocksStore(path),
        ):
            try:
                call()
                os._exit(1)
            except LlmSpellError as error:
                if error.details["reason"] != "locked" or not error.hint:
                    os._exit(2)
        store.close()
        del store, moment
        sys.exit(0)
    print(os.waitpid(child, 0)[1])
    store.write([Put("s", "k", b"parent", 1)])
    print(moment.scan("s")[0].version, store.scan("s")[0].version)
store.close()
store = RocksStore(path)
print(store.scan("s")[0].blob)
"""


def test_a_forked_process_is_told_that_the_store_is_its_parents(path: Path, run: Run) -> None:
    """It does no harm by ending either; the parent goes on."""
    assert run(ROCKS + FORK, path).split("\n") == ["0", "1 2", "b'parent'"]


FORK_AMID_WORK = """
import threading, warnings
warnings.simplefilter("ignore")
store = RocksStore(path, durability=sys.argv[2])
stop = threading.Event()

def work():
    while not stop.is_set():
        store.write([Put("s", "k", b"parent", 1)])
        store.read([Ref("s", "k"), Ref("s", "l")])
        store.scan("s")

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
results = set()
for number in range(15):
    child = os.fork()
    if child == 0:
        try:
            store.read([Ref("s", "k")])
        except LlmSpellError:
            os._exit(0)
        os._exit(1)
    results.add(os.waitpid(child, 0)[1])
    time.sleep(0.01)
stop.set()
for thread in threads:
    thread.join()
store.close()
print(results)
"""


@pytest.mark.parametrize("durability", ["commit", "fsync"])
def test_a_fork_amid_the_work_of_other_threads_leaves_no_lock_taken(
    path: Path, run: Run, durability: str
) -> None:
    assert run(ROCKS + FORK_AMID_WORK, path, durability) == "{0}"
