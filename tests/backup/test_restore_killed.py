"""Killed at any moment, a restore has done nothing, or everything."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmspell.store import Delete, Put, open_store
from llmspell.store.codec import encode

from .histories import History, Model, stored, without_versions

_COUNT = 6000
_PAUSE_S = 0.05
_TESTS = Path(__file__).parent.parent


@pytest.fixture(params=["sqlite", "rocksdb"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Model, Model]:
    """A store that was backed up and changed since: what it was, and what it is."""
    backend = request.param
    history = History(tmp_path)
    history.store.close()
    history.store = store = open_store(backend, path=tmp_path / "state.db")
    now = history.now
    for start in range(0, _COUNT, 1000):
        keys = (f"k{number:05}" for number in range(start, start + 1000))
        store.write([Put("global", key, encode({"n": 1}), now) for key in keys])
    history.store_id = None
    history.create("full")
    then = stored(store)
    store.write([Put("global", f"k{n:05}", encode({"n": 2}), now) for n in range(0, _COUNT, 3)])
    store.write([Delete("global", f"k{n:05}", now) for n in range(1, _COUNT, 3)])
    store.write([Put("user:1", f"n{n:05}", encode({"n": 3}), now) for n in range(100)])
    before = stored(store)
    store.close()
    return backend, tmp_path, then, before


def start(backend: str, folder: Path, pause_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"{__package__}.restore_killed", backend, str(folder)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path])}
    return subprocess.Popen([*command, str(pause_s)], stdout=subprocess.PIPE, text=True, env=env)


def test_a_restore_that_was_killed_has_changed_nothing(
    place: tuple[str, Path, Model, Model],
) -> None:
    backend, folder, then, before = place
    for _ in range(2):
        with start(backend, folder, _PAUSE_S) as process:
            assert process.stdout is not None
            assert int(process.stdout.readline()) > 0  # it has begun to write
            time.sleep(random.random() * 0.1)
            process.kill()
        store = open_store(backend, path=folder / "state.db")
        assert stored(store) == before
        assert not any((change.run_id or "") for change in store.changes(0, values=False))
        store.close()
    with start(backend, folder, 0) as process:
        output, _ = process.communicate(timeout=60)
    assert output.endswith("done\n")
    store = open_store(backend, path=folder / "state.db")
    assert without_versions(stored(store)) == without_versions(then)
    store.close()
