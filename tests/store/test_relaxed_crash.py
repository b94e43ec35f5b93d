"""What a relaxed store promises when its process ends: killed, forked, or simply done."""

import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from time import sleep

import pytest

from llmspell.store import Change, Ref, Store, open_store

Start = Callable[..., "Popen[str]"]
Run = Callable[..., str]

FLUSH_MS = 50
SLOWEST_FLUSH_MS = 1000
NEVER_MS = 3_600_000

OPEN = """
from llmspell.store import NOBODY, Origin
from llmspell.store.relaxed.store import RelaxedStore

def open_relaxed(flush_ms):
    return RelaxedStore(open_store("sqlite", path=path), flush_ms=flush_ms, everything=True)

def put(store, key, number, origin=NOBODY):
    return store.put("s", key, b"%d" % number, 1, 1, "standard", None, origin)[0]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def numbers(store: Store, *keys: str) -> list[int]:
    rows = store.read([Ref("s", key) for key in keys])
    return [0 if row is None else int(row.blob) for row in rows]


WRITE = (
    OPEN
    + """
store = open_relaxed(int(sys.argv[2]))
store.write([Put("s", key, b"0", 1) for key in ("a", "b", "left", "right")])
origins = Origin("one"), Origin("two")
number = 0
while True:
    number += 1
    put(store, "a", number, origins[number // 7 % 2])
    put(store, "b", number, origins[number // 7 % 2])
    twins = [Put("s", "left", b"%d" % number, 1), Put("s", "right", b"%d" % number, 1)]
    store.write(twins, origin=origins[number % 2])
    if number % 50 == 0:
        print(number, time.monotonic_ns(), flush=True)
        time.sleep(0.001)
"""
)


@pytest.mark.parametrize("after_s", [0.15, 0.4, 1.6])
def test_kill_takes_only_the_last_moment(start: Start, path: Path, after_s: float) -> None:
    """What was accepted longer ago than a flush takes is stored, and no batch is half there."""
    with start(WRITE, path, FLUSH_MS) as process:
        assert process.stdout is not None
        told = [process.stdout.readline()]
        sleep(after_s)
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    times = [tuple(map(int, line.split())) for line in told if line.endswith("\n")]
    store = open_store("sqlite", path=path)
    a, b, left, right = numbers(store, "a", "b", "left", "right")
    assert a - 1 <= b <= a, "b is written after a: what is lost is the end"
    assert left == right
    assert left in (b, b - 1)
    latest_ns = times[-1][1] - (FLUSH_MS + SLOWEST_FLUSH_MS) * 1_000_000
    assert a >= max((number for number, at_ns in times if at_ns < latest_ns), default=0)
    assert_journal_is_whole(store.changes(0))
    store.close()


def assert_journal_is_whole(changes: list[Change]) -> None:
    """Places without gaps, and versions of each key that only grow."""
    assert [change.seq for change in changes] == list(range(1, len(changes) + 1))
    versions: dict[str, int] = {}
    for change in changes:
        assert change.version > versions.get(change.key, 0)
        versions[change.key] = change.version


START = (
    OPEN
    + """
import atexit, multiprocessing, threading
store = open_relaxed(int(sys.argv[2]))
store.write([Put("s", key, b"0", 1) for key in ("early", "k")])
put(store, "k", 1)
"""
)
ENDS = {
    "the last line": "",
    "exit": "sys.exit(0)",
    "exit in a thread": "threading.Thread(target=put, args=(store, 'k', 1)).start()",
    "a handler of its own": "atexit.register(put, store, 'k', 1)",
    "garbage": "del store",
    "close": "store.close(); store.close()",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_process_that_ends_loses_nothing(run: Run, path: Path, end: str) -> None:
    """Whether or not somebody closed the store, and if writes come late."""
    early = "import atexit\natexit.register(lambda: put(store, 'early', 1))\n"
    if end in ("garbage", "close"):
        early = "early = None\n"
    run(early + START + ENDS[end], path, NEVER_MS)
    store = open_store("sqlite", path=path)
    assert numbers(store, "k") == [1]
    assert numbers(store, "early") == [0 if end in ("garbage", "close") else 1]
    store.close()


def test_an_exception_nobody_caught_loses_nothing(start: Start, path: Path) -> None:
    """That too is a way to end."""
    with start(START + "sys.stderr.close(); raise SystemExit(7)", path, NEVER_MS) as process:
        process.communicate(timeout=60)
    assert process.returncode == 7
    store = open_store("sqlite", path=path)
    assert numbers(store, "k") == [1]
    store.close()


FORK = (
    START
    + """
store.flush()
put(store, "k", 2)
child = os.fork()
if child == 0:
    assert put(store, "k", 3) == 4
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert put(store, "k", 4) == 5
"""
)


def test_a_fork_keeps_the_writes_of_both_sides_apart(run: Run, path: Path) -> None:
    """The child stores its own writes, once, and none of its parent's."""
    run(FORK, path, NEVER_MS)
    store = open_store("sqlite", path=path)
    assert [int(change.blob) for change in store.history(Ref("s", "k"))] == [4, 3, 2, 1, 0]
    store.close()


POOL = (
    OPEN
    + """
import multiprocessing
store = open_relaxed(int(sys.argv[2]))
store.write([Put("s", "k", b"0", 1)])

def work():
    put(store, "k", 1)

context = multiprocessing.get_context("fork")
process = context.Process(target=work)
process.start()
process.join()
assert process.exitcode == 0
"""
)


def test_a_process_of_multiprocessing_loses_nothing(run: Run, path: Path) -> None:
    """Such a process ends without what others do at their end."""
    run(POOL, path, NEVER_MS)
    store = open_store("sqlite", path=path)
    assert numbers(store, "k") == [1]
    store.close()
