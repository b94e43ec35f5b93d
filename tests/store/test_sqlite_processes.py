"""Several processes share one SQLite store, and any of them may die at any time."""

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from llmspell.errors import RuntimeClosed
from llmspell.store import Put, Ref, Store, open_store

from .forks import FORK_AMID_WORK

Start = Callable[..., "Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = open_store("sqlite", path=path)
    yield store
    store.close()


def blob_of(store: Store, key: str) -> bytes:
    (row,) = store.read([Ref("s", key)])
    assert row is not None
    return row.blob


COUNT = """
from llmspell.errors import VersionConflict
store = open_store("sqlite", path=path)
for _ in range(250):
    while True:
        (row,) = store.read([Ref("s", "n")])
        number, version = (int(row.blob), row.version) if row else (0, 0)
        try:
            store.write([Put("s", "n", str(number + 1).encode(), 1, if_version=version)])
            break
        except VersionConflict:
            pass
"""


def test_eight_processes_lose_no_compare_and_set(path: Path, start: Start) -> None:
    """They also create the database together, since none exists when they start."""
    processes = [start(COUNT, path) for _ in range(8)]
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0] * 8
    store = open_store("sqlite", path=path)
    assert blob_of(store, "n") == b"2000"
    store.close()


CREATE = """
print("ready", flush=True)
sys.stdin.readline()
store = open_store("sqlite", path=path)
store.write([Put("s", sys.argv[2], b"", 1)])
"""


def test_processes_that_create_the_database_at_the_same_time_all_succeed(
    tmp_path: Path, start: Start
) -> None:
    for attempt in range(3):
        path = tmp_path / f"{attempt}" / "state.db"
        processes = [
            start("import llmspell.store.sqlite.store\n" + CREATE, path, i) for i in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            process.communicate(timeout=60)
            assert process.returncode == 0
        store = open_store("sqlite", path=path)
        assert store.scopes() == [("s", 4)]
        store.close()
        assert sorted(os.listdir(path.parent)) == ["state.db", "state.db-epoch"]


SAVE_FOR_EVER = """
store = open_store("sqlite", path=path)
(row,) = store.read([Ref("s", "n")])
number = int(row.blob) if row else 0
while True:
    number += 1
    batch = [Put("s", "n", str(number).encode(), 1), Put("s", "twin", str(number).encode(), 1)]
    store.write(batch)
    os.write(1, b"%d\\n" % number)
"""


def test_a_killed_writer_has_lost_no_write_that_returned(path: Path, start: Start) -> None:
    for round_ in range(5):
        with start(SAVE_FOR_EVER, path) as process:
            assert process.stdout is not None
            returned = int(process.stdout.readline())
            time.sleep(0.02 * round_)
            process.send_signal(signal.SIGKILL)
            # What is left had returned as well; a torn last line had not. communicate() would
            # miss what readline() has read ahead.
            rest = process.stdout.read().splitlines(keepends=True)
        returned = max([returned, *(int(line) for line in rest if line.endswith("\n"))])
        store = open_store("sqlite", path=path)
        number = int(blob_of(store, "n"))
        assert returned <= number <= returned + 1
        assert blob_of(store, "twin") == blob_of(store, "n")
        epoch = store.epoch()
        store.write([Put("s", "other", b"", 1)])
        assert store.epoch() not in (epoch, -1)
        store.close()


ANSWER = """
store = open_store("sqlite", path=path)
print(store.epoch(), flush=True)
for line in sys.stdin:
    if line.strip() == "write":
        store.write([Put("s", "k", b"theirs", 1)])
        (row,) = store.read([Ref("s", "k")])
    print(store.epoch(), flush=True)
"""


def test_the_epoch_moves_when_another_process_writes(
    path: Path, store: Store, start: Start
) -> None:
    with start(ANSWER, path) as other:
        assert other.stdin is not None
        assert other.stdout is not None

        def ask(what: str) -> int:
            assert other.stdin is not None
            assert other.stdout is not None
            other.stdin.write(what + "\n")
            other.stdin.flush()
            return int(other.stdout.readline())

        theirs = int(other.stdout.readline())
        ours = store.epoch()
        for _ in range(5):
            store.write([Put("s", "k", b"ours", 1)])
            assert (theirs, theirs := ask("epoch"))[0] != theirs
            ours = store.epoch()
            ask("write")
            assert store.epoch() != ours
            assert blob_of(store, "k") == b"theirs"
            theirs = ask("epoch")
        other.stdin.close()


def test_writes_of_other_programs_show_in_the_epoch(path: Path, store: Store) -> None:
    """The bound is 100 ms; own writes in between do not hide them."""
    store.write([Put("s", "k", b"ours", 1)])
    before = store.epoch()
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("UPDATE entries SET version = version + 1")
    foreign.close()
    result = store.write([Put("s", "k", b"ours", 1)])
    time.sleep(0.11)
    assert store.epoch() not in (before, result.epoch_after)


DIE_BETWEEN = """
store = open_store("sqlite", path=path)
store._coherence.announce()
os.kill(os.getpid(), 9)
"""


def test_a_writer_that_died_between_its_two_steps_blinds_nobody_for_long(
    path: Path, store: Store, start: Start
) -> None:
    before = store.epoch()
    start(DIE_BETWEEN, path).communicate()
    time.sleep(0.11)
    assert store.epoch() not in (-1, before)


@pytest.mark.parametrize("damage", ["missing", "replaced", "short"])
def test_an_epoch_file_that_changes_is_noticed(path: Path, store: Store, damage: str) -> None:
    epoch_file = path.with_name("state.db-epoch")
    before = store.epoch()
    epoch_file.unlink()
    if damage == "replaced":
        epoch_file.write_bytes(bytes(16))
    if damage == "short":
        epoch_file.write_bytes(b"")
    time.sleep(0.11)
    moved = store.epoch()
    assert moved != before
    other = open_store("sqlite", path=path)
    other.write([Put("s", "k", b"", 1)])
    assert store.epoch() != moved
    other.close()


def test_without_an_epoch_file_the_database_itself_is_asked(path: Path) -> None:
    path.with_name("state.db-epoch").mkdir()
    first, second = open_store("sqlite", path=path), open_store("sqlite", path=path)
    for writer, other in ((first, second), (second, first)):
        theirs = other.epoch()
        result = writer.write([Put("s", "k", b"", 1)])
        assert writer.epoch() == result.epoch_after != result.epoch_before
        assert other.epoch() not in (theirs, -1)
    first.close()
    second.close()


FORK = """
store = open_store("sqlite", path=path)
store.write([Put("s", "k", b"before", 1)])
store.read([Ref("s", "k")])
epoch = store.epoch()
with store.snapshot() as moment:
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                moment.scan("s")
            except LlmSpellError as error:
                print(error.code, flush=True)
            assert store.read([Ref("s", "k")])[0].blob == b"before"
            assert store.epoch() != epoch
            store.write([Put("s", "child", b"1", 1)])
            os.write(ready[1], b".")
            os.read(go[0], 1)
            for number in range(200):  # the parent has closed its store by now
                store.write([Put("s", "child", b"%d" % number, 1)])
            os._exit(0)
        finally:
            os._exit(1)
    os.read(ready[0], 1)
    assert moment.read([Ref("s", "child")]) == [None]
store.write([Put("s", "parent", b"", 1)])
assert store.read([Ref("s", "child")])[0].blob == b"1"
store.close()
os.write(go[1], b".")
print(os.waitpid(child, 0)[1])
store = open_store("sqlite", path=path)
print(store.scan("s", prefix="child")[0].blob, len(store.scan("s")))
"""


def test_parent_and_child_of_a_fork_both_go_on(path: Path, run: Callable[..., str]) -> None:
    """Nothing the child wrote is lost when the parent closes its store first."""
    assert run(FORK, path).split("\n") == ["runtime_closed", "0", "b'199' 3"]


def test_threads_that_ended_leave_no_connection_behind(store: Store) -> None:
    store.write([Put("s", "k", b"", 1)])

    def open_files() -> int:
        return len(os.listdir("/dev/fd"))

    before = open_files()
    for _ in range(50):
        thread = threading.Thread(target=store.scan, args=("s",))
        thread.start()
        thread.join()
    assert open_files() <= before + 4


def test_a_store_closed_while_threads_read_fails_them_by_name(store: Store) -> None:
    store.write([Put("s", str(i), b"", 1) for i in range(100)])
    errors: list[BaseException] = []

    def read() -> None:
        try:
            while True:
                store.scan("s")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    store.close()
    for thread in threads:
        thread.join()
    assert [type(error) for error in errors] == [RuntimeClosed] * 4


@pytest.mark.parametrize(("backend", "seen"), [("memory", 0), ("sqlite", 10)])
def test_a_fork_amid_the_work_of_other_threads_leaves_no_lock_taken(
    path: Path, run: Callable[..., str], backend: str, seen: int
) -> None:
    program = FORK_AMID_WORK.format(opened="open_store(sys.argv[2], path=path)")
    assert run(program, path, backend) == f"{{0}} {seen}"


def test_the_log_is_emptied_once_a_long_reader_is_gone(path: Path, store: Store) -> None:
    def write(count: int) -> None:
        puts = [Put("global", f"k{n}", b"\x01" * 900, 1) for n in range(100)]
        for _ in range(count):
            store.write(puts)

    with store.snapshot() as reader:
        reader.read((Ref("global", "k1"),))
        write(100)
        assert path.with_name("state.db-wal").stat().st_size > 20_000_000
    deadline = time.monotonic() + 20
    while _waits_in_log(path) > 500 and time.monotonic() < deadline:
        time.sleep(0.2)
        write(1)
    assert _waits_in_log(path) <= 500


def _waits_in_log(path: Path) -> int:
    """Return how many pages were not yet brought into the database, as SQLite's index says."""
    index = path.with_name("state.db-shm").read_bytes()
    length, emptied = (int.from_bytes(index[at : at + 4], sys.byteorder) for at in (16, 96))
    return length - emptied
