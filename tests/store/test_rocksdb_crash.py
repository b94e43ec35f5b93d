"""A process killed at any moment leaves a RocksDB store with every write it had acknowledged."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from llmspell.store import Ref
from llmspell.store.changes import Change
from llmspell.store.rocks.store import RocksStore

Start = Callable[..., "Popen[str]"]

#: A child writes until it is killed. It tells each number before it writes it, so that all the
#: ones before are known to be acknowledged.
PRELUDE = """
from llmspell.store.changes import NOBODY
from llmspell.store.rocks.store import RocksStore
store = RocksStore(path, durability=sys.argv[2])
first = int(sys.argv[3])
print(first, flush=True)

def numbers():
    number = first
    while True:
        yield number
        number += 1
        print(number, flush=True)
"""

PUT = """
for number in numbers():
    store.put("s", "n", b"%d" % number, number, 1, "standard", None, NOBODY)
    store.put("s", str(number % 50), os.urandom(200), number, 1, "standard", None, NOBODY)
"""

# All of a batch carries one number, and every third number removes what it is about.
WRITE = """
for number in numbers():
    blob = b"%d" % number
    batch = [Put("s", "n", blob, number), Put("t", "n", blob, number)]
    if number % 3:
        batch += [Put("u", str(i), blob, number) for i in range(20)]
    else:
        batch += [Clear("u", number), Delete("t", "gone", number)]
    store.write([*batch, Put("t", "gone", blob, number)])
"""

COMPACT = """
for number in numbers():
    store.put("s", "n", b"%d" % number, number, 1, "standard", None, NOBODY)
    store.put("s", str(number % 9), b"", number, 1, "standard", None, NOBODY)
    store.write([Delete("s", str(number % 7), number)])
    if number % 5 == 0:
        store.compact(keep=20, limit=11)
"""

# Entries expire at once, twenty writes are a week, and after that tombstones are purged.
SWEEP = """
WEEK = 7 * 24 * 3600 * 1_000_000
for number in numbers():
    now = number * WEEK // 20
    store.write([Put("s", "n", b"%d" % number, now)])
    store.write([Put("t", str(number % 60), b"", now, expires_at=now + 2 + number % 3)])
    if number % 4 == 0:
        store.sweep(now, limit=3)
"""


def acknowledged_until_killed(process: "Popen[str]", after_s: float) -> int:
    """Kill a child some time after it began to write; return the last number it told."""
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    output = first + process.stdout.read()
    process.wait()
    process.stdout.close()
    assert process.stdin is not None
    process.stdin.close()
    # A line that was cut short was not told.
    return int(output.rpartition("\n")[0].rpartition("\n")[2])


def check_continuity(store: RocksStore) -> None:
    """Check that the journal has no gaps and agrees with the entries, and these with counts."""
    span, changes = store.span(), store.changes(0)
    assert span.rows == len(changes)
    above = [change.seq for change in changes if change.seq > span.floor]
    assert above == list(range(span.floor + 1, span.last + 1))
    latest: dict[Ref, Change] = {}
    for change in changes:
        ref = Ref(change.scope, change.key)
        before = latest.get(ref)
        if before is not None:
            assert (change.previous, change.version) == (before.seq, before.version + 1) or (
                change.seq <= span.floor or change.version == 1
            )
        latest[ref] = change
    living = {ref: change for ref, change in latest.items() if change.op == "put"}
    rows = [row for scope, _ in store.scopes() for row in store.scan(scope)]
    assert [(row.scope, row.key) for row in rows] == sorted(living)
    for row in rows:
        change = living[Ref(row.scope, row.key)]
        assert (row.version, row.blob, row.updated_at) == (change.version, change.blob, change.at)
    assert store.scopes() == sorted(Counter(row.scope for row in rows).items())


def number_of(store: RocksStore) -> int:
    (row,) = store.read([Ref("s", "n")])
    return 0 if row is None else int(row.blob)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rocks"


@pytest.mark.parametrize(
    ("program", "durability"),
    [(PUT, "commit"), (WRITE, "commit"), (WRITE, "fsync"), (COMPACT, "commit"), (SWEEP, "commit")],
    ids=["put", "write", "write with fsync", "compact", "sweep"],
)
def test_a_killed_process_loses_nothing_it_had_acknowledged(
    path: Path, start: Start, program: str, durability: str
) -> None:
    """Its last batch is there as a whole or not at all, and the next process goes on from there."""
    number = 1
    for _ in range(6):
        process = start(PRELUDE + program, path, durability, number)
        told = acknowledged_until_killed(process, random.uniform(0.0, 0.15))
        store = RocksStore(path, clock=lambda: 0)  # nothing has expired that was not swept
        number = number_of(store)
        assert number in (told - 1, told)
        check_continuity(store)
        if program is WRITE:
            batch = {row.blob for scope in "tu" for row in store.scan(scope)}
            assert batch == ({b"%d" % number} if number else set())
        store.close()
        number += 1
    assert number > 6


MAKE = """
from llmspell.store.rocks.store import RocksStore
import llmspell.store.rocks.database, rocksdict
print("ready", flush=True)
store = RocksStore(path)
store.write([Put("s", "n", b"1", 1)])
print("made", flush=True)
time.sleep(60)
"""


def test_a_process_killed_while_it_makes_a_database_leaves_one_that_opens(
    tmp_path: Path, start: Start
) -> None:
    """Whatever of its files was there by then."""
    for attempt in range(6):
        path = tmp_path / str(attempt)
        process = start(MAKE, path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(attempt * 0.007)
        os.kill(process.pid, signal.SIGKILL)
        output = process.communicate()[0]
        store = RocksStore(path)
        assert number_of(store) in ((1,) if "made" in output else (0, 1))
        store.close()
