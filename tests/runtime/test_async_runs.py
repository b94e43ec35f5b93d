"""Scripts run from an asyncio program: many at once, cancelled, refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.config import Config
from llmspell.errors import RuntimeClosed, ScriptError

from .looping import in_loop, largest_gap, until


@pytest.fixture(params=["memory", "sqlite"])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    settings: Any = {"backend": request.param, "path": str(tmp_path / "state.db")}
    with Runtime(Config(state=settings)) as runtime:
        yield runtime


@pytest.fixture
def memory() -> Iterator[Runtime]:
    with Runtime(Config(state={"backend": "memory"})) as runtime:  # type: ignore[arg-type]
        yield runtime


@in_loop
async def test_runs_go_on_beside_each_other_and_leave_the_loop_free(runtime: Runtime) -> None:
    code = {
        "lua": "for _ = 1, 20 do State.increment('global', 'n') end return tonumber(ARGS[1])",
        "js": "for (let i = 0; i < 20; i++) State.sync.increment('global', 'n'); Number(ARGS[1])",
    }

    def start(number: int) -> Awaitable[Any]:
        engine = ("lua", "js")[number % 2]
        return runtime.aexecute(code[engine], engine=engine, args=[str(number)])

    async with largest_gap() as gap:
        began = time.monotonic()
        results = await asyncio.gather(*map(start, range(40)))
        took = time.monotonic() - began
        assert gap() < max(0.5, took / 2)  # a busy machine makes both longer
    assert [result.value for result in results] == list(range(40))
    assert runtime.state.load("global", "n") == 800


@in_loop
async def test_arun_takes_and_raises_what_run_does(memory: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "greet.lua"
    file.write_text("print(ARGS.name) return INPUT.n + 1")
    result = await memory.arun(file, ["--name", "Ada"], input={"n": 1})
    assert (result.value, result.output) == (2, "Ada\n")
    file.write_text("\nerror('no')")
    with pytest.raises(ScriptError) as caught:
        await memory.arun(file)
    assert (caught.value.file, caught.value.line) == (str(file), 2)


@in_loop
async def test_cancelling_a_run_ends_the_wait_and_not_the_script(memory: Runtime) -> None:
    script = """
        State.save('global', 'begun', true)
        while not State.load('global', 'go') do end
        State.save('global', 'done', true)"""
    run = asyncio.create_task(memory.aexecute(script, engine="lua"))
    await until(lambda: memory.state.load("global", "begun"))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert memory.state.load("global", "done") is None
    memory.state.save("global", "go", True)
    await until(lambda: memory.state.load("global", "done"))


@in_loop
async def test_a_run_that_waits_for_a_thread_is_cancelled_before_it_starts(
    memory: Runtime,
) -> None:
    code = "State.increment('global', 'begun') while not State.load('global', 'go') do end"
    runs = [asyncio.create_task(memory.aexecute(code, engine="lua")) for _ in range(60)]
    await until(lambda: memory.state.load("global", "begun"))
    for run in runs:
        run.cancel()
    memory.state.save("global", "go", True)
    await asyncio.gather(*runs, return_exceptions=True)
    assert await memory.aexecute("return 1", engine="lua")
    assert memory.state.load("global", "begun") <= 32


@in_loop
async def test_a_closed_runtime_refuses_runs_that_wait_and_new_ones(memory: Runtime) -> None:
    code = "State.save('global', 'begun', 1) while State.load('global', 'begun') do end"
    runs = [asyncio.create_task(memory.aexecute(code, engine="lua")) for _ in range(60)]
    state = memory.state
    await until(lambda: state.load("global", "begun"))
    memory.close()
    failures = await asyncio.gather(*runs, return_exceptions=True)
    assert {failure.code for failure in failures if isinstance(failure, Exception)} == {  # type: ignore[attr-defined]
        "runtime_closed"
    }
    with pytest.raises(RuntimeClosed):
        await memory.aexecute("return 1", engine="lua")


FORKED = """
import asyncio, os
from llmspell import AsyncStateManager, Runtime

async def use(runtime, state):
    await asyncio.gather(*(state.increment("global", "n") for _ in range(20)))
    return (await runtime.aexecute("return State.load('global', 'n')", engine="lua")).value

with Runtime() as runtime:
    state = AsyncStateManager(runtime.state)
    print(asyncio.run(use(runtime, state)), flush=True)
    child = os.fork()
    if child == 0:
        print(asyncio.run(use(runtime, state)), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_the_child_of_a_fork_has_threads_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["20", "40"], "")
