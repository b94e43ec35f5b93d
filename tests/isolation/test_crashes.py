"""A worker that dies is an error with a name; the host and everybody else go on."""

from __future__ import annotations

import os
import signal
import threading

import psutil
import pytest

from isolation.processes import all_gone, kill_workers, spawners, workers
from llmspell import Runtime
from llmspell.errors import SandboxClosed, SandboxCrashed
from llmspell_bridges.api import Global
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.process import WorkerPool
from llmspell_bridges.sandbox import SandboxOptions

SIGNALS = ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS"]
TOOL = Global("Tool", "What happens to a worker while it waits for its host.")
FOREVER = {"lua": "Tool.tell() while true do end", "js": "Tool.sync.tell(); for (;;);"}


class Tools:
    """Tells when a script runs, and what it did."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.done: list[str] = []


@TOOL.function()
def tell(tools: Tools) -> None:
    """Tell that the script runs."""
    tools.began.set()


@TOOL.function()
def note(tools: Tools) -> None:
    """Note that the script got here."""
    tools.done.append("noted")


@TOOL.function()
def die(tools: Tools) -> None:
    """Kill the caller in the middle of its call."""
    kill_workers()
    tools.done.append("died")


def options(tools: Tools) -> SandboxOptions:
    return SandboxOptions(globals=[BoundGlobal(TOOL, tools)])


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("engine", ["lua", "js"])
def test_a_killed_worker_is_an_error_that_names_the_signal(engine: str, name: str) -> None:
    tools = Tools()

    def kill() -> None:
        tools.began.wait(30)
        kill_workers(getattr(signal, name))

    with WorkerPool(size=1, spares=0) as pool:
        sandbox = pool.sandbox(engine, options(tools))
        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(SandboxCrashed) as caught:
            sandbox.run(FOREVER[engine], name="script")
        thread.join()
        assert caught.value.code == "sandbox_crashed"
        assert caught.value.message == f"the sandbox process died ({name})"
        assert caught.value.details == {"signal": name}
        with pytest.raises(SandboxClosed, match=name):
            sandbox.run("return 1", name="script")
        sandbox.close()
        assert pool.sandbox("lua", options(tools)).run("return 1", name="script") == 1


def test_a_call_during_which_the_worker_dies_is_done_once_and_whole() -> None:
    tools = Tools()
    with WorkerPool(size=1) as pool:
        sandbox = pool.sandbox("lua", options(tools))
        with pytest.raises(SandboxCrashed):
            sandbox.run("Tool.note() Tool.die() Tool.note()", name="script")
    assert tools.done == ["noted", "died"]


def test_spare_workers_that_were_killed_are_replaced(runtime: Runtime) -> None:
    for _ in range(3):
        assert runtime.execute("return 1", engine="lua").value == 1
        kill_workers()


def test_a_killed_spawner_is_replaced(runtime: Runtime) -> None:
    assert runtime.execute("return 1", engine="lua").value == 1
    doomed = workers()
    for spawner in spawners():
        os.kill(spawner.pid, signal.SIGKILL)
    assert all_gone(doomed)
    assert runtime.execute("return 2", engine="lua").value == 2


def test_a_script_whose_worker_ends_with_the_spawner_is_told_so() -> None:
    tools = Tools()

    def kill() -> None:
        tools.began.wait(30)
        os.kill(pool.spawner_pid or 0, signal.SIGKILL)

    with WorkerPool(size=1) as pool:
        sandbox = pool.sandbox("lua", options(tools))
        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(SandboxCrashed, match=r"died|ended together"):
            sandbox.run(FOREVER["lua"], name="script")
        thread.join()
        sandbox.close()
        again = pool.sandbox("lua", options(tools))
        assert again.run("return 1", name="script") == 1
        again.close()


def test_other_workers_go_on_when_one_dies() -> None:
    first, second = Tools(), Tools()
    with WorkerPool(size=2, spares=0) as pool:
        doomed = pool.sandbox("lua", options(first))
        (victim,) = workers(pool)
        other = pool.sandbox("lua", options(second))
        os.kill(victim.pid, signal.SIGKILL)
        with pytest.raises(SandboxCrashed):
            doomed.run("return 1", name="script")
        assert other.run("Tool.note() return 2", name="script") == 2
        assert second.done == ["noted"]
        doomed.close()
        other.close()


def test_a_session_goes_on_after_a_crash(runtime: Runtime) -> None:
    with runtime.session("js") as session:
        assert session.evaluate("1 + 1") == "2"
        kill_workers()
        with pytest.raises(SandboxCrashed):
            session.evaluate("2 + 2")
        assert session.evaluate("3 + 3") == "6"


def test_no_descriptor_is_left_behind_by_runs_that_ended_badly(runtime: Runtime) -> None:
    def crash() -> int:
        with runtime.session("lua") as session:
            kill_workers()
            with pytest.raises(SandboxCrashed):
                session.evaluate("1")
        return psutil.Process().num_fds()

    before = crash()
    assert max(crash() for _ in range(5)) <= before + 2
