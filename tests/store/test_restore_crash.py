"""A process killed at any moment of a restore leaves all of it or nothing."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from llmspell.store import Store, open_store

Start = Callable[..., "Popen[str]"]

# All entries of one restore carry its number, and half of the keys are new each time. It tells
# each number before it begins, and each batch that it was asked for.
RESTORE = """
from llmspell.store.base import Restored
store = open_store(sys.argv[2], path=path)
number = int(sys.argv[3])

def work(reader):
    for start in range(0, 600, 100):
        keys = [str(i) if i % 2 else f"{number} {i}" for i in range(start, start + 100)]
        yield [
            Restored("s" + key[-1], key, b"%d" % number, 9, 1, 1, 1, 1, "standard", None, None)
            for key in keys
        ] + ([Delete("s8", f"{number - 1} 8", 9)] if start == 0 else [])
        print("batch", flush=True)

while True:
    print(number, flush=True)
    store.restore(work)
    print("done", number, flush=True)
    number += 1
"""


def check(store: Store, done: int) -> int:
    """Check that there is what whole restores have left; return the last one's number."""
    rows = [row for scope, _ in store.scopes() for row in store.scan(scope)]
    shared = {int(row.blob) for row in rows if " " not in row.key}
    number = max(shared, default=0)
    assert len(shared) <= 1
    assert number in (done, done + 1)
    assert len(rows) == (300 + 299 * (number - 1) + 300 if number else 0)
    changes = store.changes(0)
    assert [change.seq for change in changes] == [*range(1, store.span().last + 1)]
    assert len(changes) == max(0, 601 * number - 1)
    return number


@pytest.mark.parametrize("backend", ["sqlite", "rocksdb"])
def test_a_restore_that_is_killed_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, start: Start, backend: str
) -> None:
    """In its batches and at its end; what comes next begins where it would have anyway."""
    path, number = tmp_path / "state", 0
    for attempt in range(6):
        process = start(RESTORE, path, backend, number + 1)
        assert process.stdout is not None
        told = [process.stdout.readline()]
        if attempt % 2:
            told += [process.stdout.readline() for _ in range(random.randrange(1, 7))]
        else:
            time.sleep(random.uniform(0.0, 0.08))
        process.send_signal(signal.SIGKILL)
        told += process.communicate()[0].splitlines()
        done = [int(line.split()[1]) for line in told if line.startswith("done ")]
        store = open_store(backend, path=path)
        try:
            number = check(store, done[-1] if done else number)
        finally:
            store.close()
