"""Promises that hold across processes: nothing counted is lost, nothing saved is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.config import Config

COUNT = {
    "lua": "for i = 1, tonumber(ARGS[1]) do State.increment('global', 'n') end",
    "js": "for (let i = 0; i < Number(ARGS[1]); i++) State.sync.increment('global', 'n');",
}
SAVE = {
    "lua": "local i = 0 while true do i = i + 1 State.save('global', 'k' .. i % 7, i) print(i) end",
    "js": "for (let i = 1; ; i++) { await State.save('global', 'k' + i % 7, i); print(i); }",
}
PROGRAM = """
import sys
from llmspell import Runtime
from llmspell.config import Config
path, engine, script, *args = sys.argv[1:]
def out(text):
    sys.stdout.write(text)
    sys.stdout.flush()
with Runtime(Config(state={"path": path}), stdout=out) as runtime:
    runtime.execute(script, engine=engine, args=args)
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def start(path: Path, engine: str, script: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), engine, script, *map(str, args)],
        stdout=subprocess.PIPE,
        text=True,
    )


def open_runtime(path: Path) -> Runtime:
    return Runtime(Config(state={"path": str(path)}))  # type: ignore[arg-type]


def test_eight_processes_of_a_thousand_increments_count_to_eight_thousand(path: Path) -> None:
    processes = [start(path, engine, COUNT[engine], 1000) for engine in ("lua", "js") * 4]
    assert [process.wait(timeout=120) for process in processes] == [0] * 8
    for process in processes:
        process.stdout.close()  # type: ignore[union-attr]
    with open_runtime(path) as runtime:
        assert runtime.state.load("global", "n") == 8000


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_a_killed_process_loses_no_save_that_returned(path: Path, engine: str) -> None:
    chance = random.Random(7)
    for _ in range(3):
        process = start(path, engine, SAVE[engine])
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        # The kill may have cut the last line short.
        lines = [
            line for line in process.stdout.read().splitlines(keepends=True) if line[-1] == "\n"
        ]
        process.stdout.close()
        process.wait()
        returned = int(lines[-1]) if lines else 1
        with open_runtime(path) as runtime:
            values = runtime.state.load_many("global", [f"k{number}" for number in range(7)])
            assert max(values.values()) >= returned
            runtime.state.clear("global")


def test_a_running_script_sees_what_another_process_saves(path: Path) -> None:
    wait = (
        "State.save('global', 'ready', true) print('ready')\n"
        "while not State.load('global', 'go') do end print('seen')"
    )
    process = start(path, "lua", wait)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with open_runtime(path) as runtime:
        assert runtime.state.load("global", "ready") is True
        runtime.state.save("global", "go", True)
        assert process.stdout.read() == "seen\n"
    assert process.wait(timeout=30) == 0
    process.stdout.close()
