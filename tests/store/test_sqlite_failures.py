"""What can be wrong with a database file or its place is a clear error and damages nothing."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmspell.errors import StorageError
from llmspell.store import NOBODY, Clear, Put, Ref, Store, open_store
from llmspell.store.sqlite.driver import SqliteDriver
from llmspell.store.sqlite.store import SqliteStore


def refusal(path: Path) -> StorageError:
    """Open a store that must be refused; check what every refusal has, return it."""
    with pytest.raises(StorageError) as caught:
        open_store("sqlite", path=path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A closed database with one entry."""
    path = tmp_path / "state.db"
    store = open_store("sqlite", path=path)
    store.write([Put("s", "k", b"value", 1)])
    store.close()
    return path


@pytest.mark.parametrize("content", [b"not a database, but a text", os.urandom(5000), b"x"])
def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    assert refusal(path).details["reason"] == "not_a_database"
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["state.db"]


@pytest.mark.parametrize("mark", ["", "PRAGMA application_id = 77", "PRAGMA user_version = 1"])
def test_the_database_of_another_application_stays_as_it_is(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE notes (text)")
        other.execute(mark)
    other.close()
    content = path.read_bytes()
    assert refusal(path).details["reason"] == "not_a_database"
    assert path.read_bytes() == content


def test_the_database_of_a_newer_version_stays_as_it_is(made: Path) -> None:
    with sqlite3.connect(made, isolation_level=None) as newer:
        newer.execute("PRAGMA user_version = 999")
    newer.close()
    content = made.read_bytes()
    error = refusal(made)
    assert error.details["reason"] == "newer_version"
    assert "999" in error.message
    assert made.read_bytes() == content


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch()
    store = open_store("sqlite", path=path)
    assert store.scopes() == []
    store.close()


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.db"
    open_store("sqlite", path=path).close()
    assert path.is_file()


def test_a_folder_a_device_and_a_path_through_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refusal(tmp_path).details["reason"] == "not_a_database"
    assert refusal(Path("/dev/null")).details["reason"] == "not_a_database"
    assert refusal(tmp_path / "file" / "state.db").details["reason"] == "unavailable"
    assert refusal(tmp_path / ("x" * 300)).details["reason"] == "unavailable"
    assert refusal(tmp_path / "nul\0.db").details["reason"] == "unavailable"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


AS_NOBODY = """
if os.geteuid() == 0:  # the superuser may write everywhere
    import llmspell.store.sealed.opening, llmspell.store.sqlite.store
    os.seteuid(65534)
try:
    open_store("sqlite", path=path)
    print("opened")
except LlmSpellError as error:
    print(error.details["reason"], "|", error)
"""


def test_a_folder_that_cannot_be_written_is_read_only(
    open_folder: Path, run: Callable[..., str]
) -> None:
    open_folder.chmod(0o555)
    assert run(AS_NOBODY, open_folder / "state.db").startswith("read_only")
    assert run(AS_NOBODY, open_folder / "sub" / "state.db").startswith("read_only")
    assert list(open_folder.iterdir()) == []


def test_a_file_that_cannot_be_written_is_read_only(
    open_folder: Path, made: Path, run: Callable[..., str]
) -> None:
    path = open_folder / "state.db"
    shutil.copy(made, path)
    path.chmod(0o444)
    open_folder.chmod(0o777)
    assert run(AS_NOBODY, path).startswith("read_only")
    assert path.read_bytes() == made.read_bytes()


def test_a_full_disk_fails_one_write_and_loses_nothing(tmp_path: Path) -> None:
    store: Store = SqliteStore(SqliteDriver(tmp_path / "state.db", max_bytes=400_000))
    store.write([Put("s", "k", b"kept", 1)])
    before = store.epoch()
    with pytest.raises(StorageError) as caught:
        store.write([Put("s", "k", b"lost", 2), Put("s", "big", bytes(500_000), 2)])
    assert caught.value.details["reason"] == "disk_full"
    assert store.epoch() >= before
    with pytest.raises(StorageError):
        store.write([Put("s", "big", bytes(500_000), 2)])
    assert [row.blob for row in store.scan("s")] == [b"kept"]
    store.write([Put("s", "k", b"goes on", 3)])
    assert [row.blob for row in store.scan("s")] == [b"goes on"]
    store.close()


DISK_FAILS = """
import resource, signal
store = open_store("sqlite", path=path)
store.write([Put("s", "k", b"kept", 1)])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    store.write([Put("s", "big", os.urandom(1_000_000), 1)])
except LlmSpellError as error:
    print(error.details["reason"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.write([Put("s", "after", b"", 1)])
print([row.key for row in store.scan("s")])
"""


def test_a_disk_that_refuses_a_write_fails_that_write_alone(
    tmp_path: Path, run: Callable[..., str]
) -> None:
    assert run(DISK_FAILS, tmp_path / "state.db").split("\n") == ["io", "['after', 'k']"]


def test_damaged_pages_are_reported_as_corrupt(made: Path) -> None:
    store = open_store("sqlite", path=made)
    store.write([Put("s", str(i), bytes(500), 1) for i in range(200)])
    store.close()
    with made.open("r+b") as file:
        file.seek(16 * 2048)  # past the first page of each table
        file.write(b"\xa5" * (made.stat().st_size - 16 * 2048))
    store = SqliteStore(SqliteDriver(made))
    for call in (lambda: store.scan("s"), lambda: store.write([Clear("s", 1)])):
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.details["reason"] == "corrupt"
    store.close()


def test_missing_tables_are_reported_as_corrupt(made: Path) -> None:
    with sqlite3.connect(made, isolation_level=None) as vandal:
        vandal.execute("DROP TABLE entries")
        vandal.execute("CREATE TABLE other (x)")
    vandal.close()
    store = SqliteStore(SqliteDriver(made))
    with pytest.raises(StorageError) as caught:
        store.read([Ref("s", "k")])
    assert caught.value.details["reason"] == "corrupt"
    store.close()
    assert refusal(made).details["reason"] == "corrupt"


def test_a_lock_that_another_program_keeps_is_named(made: Path) -> None:
    store = open_store("sqlite", path=made, busy_timeout_ms=50)
    with sqlite3.connect(made, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError) as caught:
            store.write([Put("s", "k", b"new", 2)])
        assert caught.value.details["reason"] == "locked"
        assert store.read([Ref("s", "k")])[0] is not None
        other.execute("ROLLBACK")
    other.close()
    store.write([Put("s", "k", b"new", 2)])
    store.close()


def test_reads_hold_no_checkpoint_back(made: Path) -> None:
    store = open_store("sqlite", path=made)
    store.write([Put("s", str(i), b"", 2) for i in range(500)])
    store.read([Ref("s", "k")])
    store.read([Ref("s", str(i)) for i in range(500)])
    store.scan("s", limit=1)
    with store.snapshot() as moment:
        moment.scan("s")
    with sqlite3.connect(made) as other:
        busy, pages, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    other.close()
    assert (busy, pages) == (0, 0)
    store.close()


def test_what_another_program_did_to_a_row_is_seen_before_it_is_written(made: Path) -> None:
    """Nothing is lost or refused for what a store remembers of its own writes."""
    store = open_store("sqlite", path=made)
    for key in ("gone", "moved", "asked"):
        store.put("s", key, b"mine", 1, 1, "standard", None, NOBODY)
        store.put("s", key, b"mine", 1, 1, "standard", None, NOBODY)
    with sqlite3.connect(made, isolation_level=None) as stranger:
        stranger.execute("DELETE FROM entries WHERE key = 'gone'")
        stranger.execute("UPDATE entries SET version = 9 WHERE key IN ('moved', 'asked')")
    stranger.close()
    versions = [
        store.put("s", key, b"new", 2, 1, "standard", wanted, NOBODY)[0]
        for key, wanted in (("gone", None), ("moved", None), ("asked", 9))
    ]
    assert versions == [1, 10, 10]
    assert {row.blob for row in store.scan("s") if row.key != "k"} == {b"new"}
    store.close()
