"""Several processes share one PostgreSQL store, and any of them may die at any time."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmspell.store import Put, Ref, Store
from llmspell.store.server.open import open_server

from .forks import FORK_AMID_WORK

Start = Callable[..., "subprocess.Popen[str]"]

PRELUDE = """
import os, sys, time
from llmspell.errors import LlmSpellError, VersionConflict
from llmspell.store import Delete, Put, Ref
from llmspell.store.server.open import open_server
url = sys.argv[1]
"""


@pytest.fixture
def start(postgres_url: str) -> Iterator[Start]:
    """Start a Python program beside the test; it finds the store's names and ``url`` ready."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", PRELUDE + program, postgres_url, *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    store = open_server(postgres_url)
    yield store
    store.close()


def value_of(store: Store, key: str) -> int:
    (row,) = store.read([Ref("s", key)])
    return int(row.blob) if row else 0


def finish(processes: list[Any]) -> None:
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * len(processes)


COUNT = """
store = open_server(url)
for _ in range(40):
    while True:
        (row,) = store.read([Ref("s", "n")])
        number, version = (int(row.blob), row.version) if row else (0, 0)
        try:
            store.write([Put("s", "n", str(number + 1).encode(), 1, if_version=version)])
            break
        except VersionConflict:
            pass
store.close()
"""


def test_four_processes_lose_no_compare_and_set(start: Start, postgres_url: str) -> None:
    """They also make the tables together, since there are none when they start."""
    finish([start(COUNT) for _ in range(4)])
    store = open_server(postgres_url)
    assert value_of(store, "n") == 160
    store.close()


WRITE_MANY = """
store = open_server(url)
for number in range(40):
    store.write([Put(sys.argv[2], str(i), b"", 1) for i in range(number % 4 + 1)])
store.close()
"""


def test_who_follows_the_journal_misses_nothing_of_four_writers(start: Start, store: Store) -> None:
    """What was returned is final: no number appears below one that was seen."""
    processes = [start(WRITE_MANY, number) for number in range(4)]
    seen: list[int] = []
    while any(process.poll() is None for process in processes):
        store.wait(seen[-1] if seen else 0, 0.2)
        seen += [change.seq for change in store.changes(seen[-1] if seen else 0, limit=7)]
    while changes := store.changes(seen[-1]):
        seen += [change.seq for change in changes]
    finish(processes)
    assert seen == list(range(1, 4 * 40 * 5 // 2 + 1))


WRITE_WHEN_TOLD = """
store = open_server(url)
for line in sys.stdin:
    store.write([Put("s", "k", line.encode(), 1)])
    print(time.time(), flush=True)
"""


def test_a_wait_ends_when_another_process_writes(start: Start, store: Store) -> None:
    """At once, three times at least: the machine may be busy now and then."""
    other = start(WRITE_WHEN_TOLD)
    assert other.stdin is not None
    assert other.stdout is not None
    delays: list[float] = []
    while sum(delay < 0.05 for delay in delays) < 3:
        assert len(delays) < 30, delays
        last = store.span().last
        threading.Timer(0.1, lambda: print("go", file=other.stdin, flush=True)).start()
        assert store.wait(last, 10)
        woken = time.time()
        delays.append(woken - float(other.stdout.readline()))
        assert store.span().last == last + 1
    assert store.wait(store.span().last, 0.05) is False


SAVE_FOR_EVER = """
store = open_server(url)
(row,) = store.read([Ref("s", "n")])
number = int(row.blob) if row else 0
while True:
    number += 1
    batch = [Put("s", "n", str(number).encode(), 1), Put("s", "twin", str(number).encode(), 1)]
    store.write(batch)
    os.write(1, b"%d\\n" % number)
"""


def test_a_killed_writer_has_lost_no_write_that_returned(start: Start, store: Store) -> None:
    """Nor is a batch half there, nor do the others wait for the dead."""
    for round_ in range(5):
        process = start(SAVE_FOR_EVER)
        assert process.stdout is not None
        returned = int(process.stdout.readline())
        time.sleep(0.02 * round_)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines(keepends=True)
        returned = max([returned, *(int(line) for line in rest if line.endswith("\n"))])
        store.write([Put("s", "other", b"", 1)])
        number = value_of(store, "n")
        assert returned <= number <= returned + 1
        assert value_of(store, "twin") == number
        changes = store.changes(0, values=False)
        assert [change.seq for change in changes] == list(range(1, changes[-1].seq + 1))


FORK = """
store = open_server(url, max_stale_ms=1000)
store.write([Put("s", "k", b"before", 1)])
store.wait(0, 5)
epochs = {store.epoch()}
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
            assert store.epoch() not in epochs
            store.write([Put("s", "child", b"1", 1)])
            os.write(ready[1], b".")
            os.read(go[0], 1)
            for number in range(50):  # the parent has closed its store by now
                store.write([Put("s", "child", b"%d" % number, 1)])
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
        finally:
            os._exit(1)
    os.read(ready[0], 1)
    assert moment.read([Ref("s", "child")]) == [None]
store.write([Put("s", "parent", b"", 1)])
assert store.read([Ref("s", "child")])[0].blob == b"1"
assert store.wait(2, 5)
store.close()
os.write(go[1], b".")
print(os.waitpid(child, 0)[1])
store = open_server(url)
print(store.scan("s", prefix="child")[0].blob, len(store.scan("s")))
store.close()
"""


def test_parent_and_child_of_a_fork_both_go_on(start: Start) -> None:
    """Each has connections of its own, and neither ends the other's."""
    output, _ = start(FORK).communicate(timeout=60)
    assert output.split("\n")[:3] == ["runtime_closed", "0", "b'49' 3"]


def test_a_fork_amid_the_work_of_other_threads_leaves_no_lock_taken(start: Start) -> None:
    output, _ = start(FORK_AMID_WORK.format(opened="open_server(url)")).communicate(timeout=60)
    assert output == "{0} 10\n"


HOLD_AND_FORK = """
store = open_server(url)
store.write([Put("s", "k", b"", 1)])
if os.fork() == 0:
    sys.stdin.readline()
    os._exit(0)
print("forked", flush=True)
while True:
    store.write([Put("s", "k", b"", 1)])
"""


def test_a_child_does_not_keep_the_connections_of_a_dead_parent_open(
    start: Start, store: Store
) -> None:
    """Else the server would believe that the parent still lives, and holds the right to write."""
    parent = start(HOLD_AND_FORK)
    assert parent.stdout is not None
    parent.stdout.readline()
    time.sleep(0.1)
    parent.kill()
    begun = time.monotonic()
    for _ in range(5):
        store.write([Put("s", "k", b"", 1)])
    assert time.monotonic() - begun < 5
