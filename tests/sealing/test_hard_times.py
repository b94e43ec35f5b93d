"""The disk is full, the process is killed: no key is lost, and no value with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.errors import StorageError, WrongKey
from llmspell.security.keys.master import MasterKey
from llmspell.state.manager import StateManager

from .conftest import everything_on_disk
from .test_keys import another_key, keys_used, reencrypt

Open = Callable[..., Runtime]

_BEGIN = """
import sys
from pathlib import Path
from llmspell import Config, Runtime
from llmspell.security.keys.master import read_key_file
backend, path = sys.argv[1:]

def opened(path):
    security = {"encryption_enabled": True, "key_file": "master.key"}
    return Runtime(Config(state={"backend": backend, "path": path, "security": security}))
"""
_CHANGES_THE_MASTER_KEY = """
with opened(path) as runtime:
    while True:
        for name in ("6b.key", "master.key"):
            runtime.state.change_master_key(read_key_file(Path(name)))
            runtime.state.rotate_key()
            print("changed", flush=True)
"""
_MAKES_STORES = """
for number in range(10_000):
    with opened(f"{path}-{number}") as runtime:
        runtime.state.save("g", "k", number)
    print("made", flush=True)
"""


def kill_after(program: str, backend: str, path: str, *, lines: int) -> None:
    """Start a program and kill it a moment after it has said so many things."""
    process = subprocess.Popen(
        [sys.executable, "-c", _BEGIN + program, backend, path],
        stdout=subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("backend", ["sqlite", "rocksdb"])
def test_killed_while_the_master_key_changes_one_of_the_two_opens_it(
    open_runtime: Open, tmp_path: Path, backend: str
) -> None:
    other = another_key(tmp_path)
    runtime = open_runtime(backend=backend, path="killed")
    runtime.state.save("g", "k", "value")
    runtime.close()
    for lines in (3, 8):
        kill_after(_CHANGES_THE_MASTER_KEY, backend, "killed", lines=lines)
        opened = []
        for key in (tmp_path / "master.key", other):
            with suppress(WrongKey):
                runtime = open_runtime(backend=backend, path="killed", key=key)
                opened.append(runtime.state.load("g", "k"))
                runtime.state.change_master_key(MasterKey(bytes.fromhex("5a" * 32)))
            runtime.close()
        assert opened[0] == "value"


@pytest.mark.parametrize("backend", ["sqlite", "rocksdb"])
def test_killed_while_it_is_made_a_store_is_made_by_whoever_comes_next(
    open_runtime: Open, backend: str
) -> None:
    kill_after(_MAKES_STORES, backend, "made", lines=6)
    stores = sorted({path.name.split(".")[0] for path in Path().glob("made-*")} - {""})
    stores = [name for name in stores if name.removeprefix("made-").isdigit()]
    assert len(stores) >= 6
    for name in stores:
        runtime = open_runtime(backend=backend, path=name)
        assert runtime.state.load("g", "k", 0) in (0, int(name.removeprefix("made-")))
        runtime.state.save("g", "k", "later")
        runtime.close()


def test_killed_in_the_middle_rocksdb_goes_on_where_it_was(open_runtime: Open) -> None:
    runtime = open_runtime(backend="rocksdb", path="rocks", everything=False, key=None)
    values = {f"k{number:04}": f"plain {number}" for number in range(2000)}
    runtime.state.save_many("g", values)
    runtime.close()
    program = "with opened(path) as runtime:\n for step in runtime.state.reencrypt():\n"
    kill_after(program + "  print(step, flush=True)", "rocksdb", "rocks", lines=4)
    state = open_runtime(backend="rocksdb", path="rocks").state
    assert state.load_many("g", values) == values
    reencrypt(state)
    assert state.key_facts().complete
    assert "" not in keys_used(state)
    assert state.load_many("g", values) == values
    state.close()
    assert b"plain 7" not in everything_on_disk()


def full(state: StateManager, *, is_full: bool) -> None:
    """Fill the disk, or make room again."""
    writer = state._sealed_store().inner._writer  # type: ignore[attr-defined]
    (pages,) = writer.raw.execute("PRAGMA page_count").fetchone()
    limit = pages if is_full else 1_000_000
    writer.raw.execute(f"PRAGMA max_page_count = {limit}").fetchall()


def test_on_a_full_disk_encrypting_stops_and_goes_on_when_there_is_room(
    open_runtime: Open,
) -> None:
    values = {f"k{number:03}": "plain" * 10 for number in range(600)}
    open_runtime(key=None, everything=False).state.save_many("g", values)
    state = open_runtime().state
    full(state, is_full=True)
    with pytest.raises(StorageError) as caught:
        reencrypt(state)
    assert caught.value.details["reason"] == "disk_full"
    assert state.load_many("g", values) == values
    assert not state.key_facts().complete
    full(state, is_full=False)
    assert reencrypt(state) > 0
    assert keys_used(state).keys() == {state.key_facts().keys[-1].id}
    assert state.load_many("g", values) == values


def rotate_often(state: StateManager) -> None:
    """Rotate until the ring needs a page more."""
    for _ in range(1000):
        state.rotate_key()


def test_a_key_that_found_no_room_is_never_used(open_runtime: Open) -> None:
    state = open_runtime().state
    state.save("g", "k", "value")
    full(state, is_full=True)
    with pytest.raises(StorageError):
        rotate_often(state)
    keys = state.key_facts().keys
    full(state, is_full=False)
    state.save("g", "k", "again")
    assert open_runtime().state.load("g", "k") == "again"
    assert open_runtime().state.key_facts().keys == keys
