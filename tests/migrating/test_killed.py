"""Killed at any moment and run again, a migration ends as if it had not been killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import MigrationRunning
from llmspell.state.manager import StateManager

from .killed import COUNT, open_runtime
from .profiles import new, old
from .test_rollback import stored

_WITHIN_S = 30.0
_TESTS = Path(__file__).parent.parent


@pytest.fixture(params=["sqlite", "rocksdb", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store that outlives a process: the name of a backend, or an address."""
    monkeypatch.chdir(tmp_path)
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return str(request.param)


def start(place: str, pause_s: float) -> subprocess.Popen[str]:
    """Start a migration in a process of its own."""
    command = [sys.executable, "-m", f"{__package__}.killed", place, str(pause_s)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def fill(place: str) -> dict[Any, Any]:
    with open_runtime(place) as runtime:
        for number in range(COUNT):
            scope = f"user:{number % 7}"
            runtime.state.save(scope, f"p{number:03}", old(number), schema_version=1)
        return stored(runtime.state)


def everything(state: StateManager) -> dict[str, Any]:
    return {entry.key: entry.value for entry in state.export_entries()}


def migrated() -> dict[str, Any]:
    return {f"p{number:03}": new(number) for number in range(COUNT)}


def test_a_killed_migration_is_gone_on_with(place: str) -> None:
    before = fill(place)
    for attempt in range(3):
        with start(place, 0.003) as process:
            assert process.stdout is not None
            if attempt:  # at any moment, also before the first batch and after the last one
                time.sleep(random.random() * 0.6)
            else:
                process.stdout.readline()
            process.kill()
    with open_runtime(place) as runtime:
        state = runtime.state
        assert {run.status for run in state.migration_history()} <= {"running", "completed"}
        assert len(state.migration_history()) == 1
        done = state.migrate_all()
        assert done.success
        assert everything(state) == migrated()
        (run,) = state.migration_history()
        assert run.status == "completed"
        state.rollback_migration(run.id)
        assert stored(state) == before


def test_what_a_killed_migration_did_can_be_rolled_back(place: str) -> None:
    before = fill(place)
    with start(place, 0.01) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    with open_runtime(place) as runtime:
        assert stored(runtime.state) != before
        runtime.state.rollback_migration()
        assert stored(runtime.state) == before


def test_two_migrations_at_once_are_one_and_an_error(place: str) -> None:
    if place == "rocksdb":
        return  # one process has it to itself
    fill(place)
    with start(place, 0.6) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with (
            open_runtime(place) as runtime,
            pytest.raises(MigrationRunning, match=str(process.pid)) as caught,
        ):
            runtime.state.migrate_all()
        assert "migrate status" in (caught.value.hint or "")
        process.kill()


def test_many_processes_that_migrate_at_once_do_it_once(place: str) -> None:
    if place == "rocksdb":
        return  # one process has it to itself
    fill(place)
    processes = [start(place, 0.0) for _ in range(3)]
    outputs = [process.communicate(timeout=_WITHIN_S)[0] for process in processes]
    ends = [output.splitlines()[-1] for output in outputs]
    assert "done" in ends
    assert set(ends) <= {"done", "migration_running"}
    with open_runtime(place) as runtime:
        assert everything(runtime.state) == migrated()
        versions = [
            runtime.state.get_metadata(entry.scope, entry.key)
            for entry in runtime.state.export_entries()
        ]
        assert {known.version for known in versions if known is not None} == {2}
        assert runtime.state.migrate_all().status == "nothing_to_do"
