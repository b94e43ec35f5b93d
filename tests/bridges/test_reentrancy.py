"""Scripts, host functions and scripts again; threads, forks and closing at the wrong moment."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from levels import create_sandbox
from llmspell_bridges.api import Global, Param
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.errors import SandboxClosed, ScriptError, ScriptLimitExceeded
from llmspell_bridges.limits import Limits
from llmspell_bridges.sandbox import Sandbox, SandboxOptions

ENGINES = ("lua", "js")
HOST = Global("Host", "A host that calls back.")


class Desk:
    """The service behind ``Host``: it knows the sandbox that it serves."""

    sandbox: Sandbox


@HOST.function(Param("name", "text"), Param("value", "value"), result="value", name="call")
def _call(desk: Desk, name: str, value: Any) -> Any:
    """Call a function of the script."""
    return desk.sandbox.call(name, value)


@HOST.function(name="close")
def _close(desk: Desk) -> None:
    """Close the sandbox that is running."""
    desk.sandbox.close()


@HOST.function(Param("source", "text"), result="value", name="run")
def _run(desk: Desk, source: str) -> Any:
    """Run another script in the sandbox that is running."""
    return desk.sandbox.run(source, name="inner")


@HOST.function(result="value", name="elsewhere")
def _elsewhere(desk: Desk) -> Any:
    """Call a function of the script from a thread that does not own its VM."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(desk.sandbox.call, "twice", 1).result()


@contextmanager
def sandbox(engine: str, **limits: Any) -> Iterator[Sandbox]:
    desk = Desk()
    options = SandboxOptions([BoundGlobal(HOST, desk)], limits=Limits(**limits))
    desk.sandbox = create_sandbox(engine, options)
    try:
        yield desk.sandbox
    finally:
        desk.sandbox.close()


TWICE = {
    "lua": "function twice(n) return n * 2 end\n",
    "js": "globalThis.twice = (n) => n * 2;\n",
}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_host_function_may_call_the_script_that_called_it(engine: str) -> None:
    script = {
        "lua": "return Host.call('twice', 4)",
        "js": "return await Host.call('twice', 4)",
    }
    with sandbox(engine, timeout_s=60, memory_bytes=64 * 2**20) as made:
        assert made.run(TWICE[engine] + script[engine], name="outer") == 8
        assert made.call("twice", 5) == 10


@pytest.mark.parametrize("engine", ENGINES)
def test_calls_go_back_and_forth_to_a_depth(engine: str) -> None:
    script = {
        "lua": "function down(n) if n == 0 then return 'bottom' end "
        "return Host.call('down', n - 1) end return down(20)",
        "js": "function down(n) { return n === 0 ? 'bottom' : later(n - 1) }\n"
        "function later(n) { const told = []; Host.call('down', n).then((v) => told.push(v)); "
        "return n }\ndown(20); 'bottom'",
    }
    with sandbox(engine, timeout_s=60) as made:
        assert made.run(script[engine], name="outer") == "bottom"


def test_calls_from_a_coroutine_find_their_way_back() -> None:
    with sandbox("lua", timeout_s=60) as made:
        script = """
        local co = coroutine.wrap(function()
          for n = 1, 3 do coroutine.yield(Host.call('twice', n)) end
        end)
        return {co(), co(), co()}
        """
        assert made.run(TWICE["lua"] + script, name="outer") == [2, 4, 6]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_passes_through_all_of_it_and_tells_its_place(engine: str) -> None:
    script = {
        "lua": "function twice() error('broken') end\nHost.call('twice', 1)",
        "js": "globalThis.twice = () => { throw new Error('broken') };\nawait Host.call('twice', 1)",
    }
    with sandbox(engine) as made:
        with pytest.raises(ScriptError, match="broken"):
            made.run(script[engine], name="outer")
        assert made.run({"lua": "return 1", "js": "1"}[engine], name="after") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loop_in_a_function_called_back_ends_with_the_run(engine: str) -> None:
    script = {
        "lua": "function twice() while true do end end\n"
        "while true do pcall(Host.call, 'twice', 1) end",
        "js": "globalThis.twice = () => { for (;;); };\n"
        "for (;;) try { await Host.call('twice', 1) } catch {}",
    }
    with sandbox(engine, timeout_s=0.1) as made, pytest.raises(ScriptLimitExceeded):
        made.run(script[engine], name="outer")


def test_a_promise_cannot_be_waited_for_inside_a_host_function() -> None:
    with sandbox("js") as made, pytest.raises(ScriptError, match="returned a promise"):
        made.run("globalThis.twice = async () => {};\nawait Host.call('twice', 1)", name="outer")


def test_a_script_that_waits_goes_on_waiting_while_the_host_calls_back() -> None:
    script = TWICE["js"] + "const later = Host.call('twice', 2); return [await later, 'end']"
    with sandbox("js") as made:
        assert made.run(script, name="outer") == [4, "end"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("call", "reason"), [("close", "running"), ("run", "running"), ("elsewhere", "thread")]
)
def test_misuse_from_within_is_an_error_and_nothing_is_lost(
    engine: str, call: str, reason: str
) -> None:
    argument = "'1'" if call == "run" else ""
    script = {
        "lua": f"local ok, e = pcall(Host.{call}{f', {argument}' if argument else ''}) "
        "return {e.code, e.message}",
        "js": f"try {{ await Host.{call}({argument}) }} catch (e) {{ return [e.code, e.message] }}",
    }
    with sandbox(engine) as made:
        code, message = made.run(TWICE[engine] + script[engine], name="outer")
        assert code == "sandbox_closed"
        assert reason in message
        assert made.call("twice", 2) == 4


@pytest.mark.parametrize("engine", ENGINES)
def test_closing_while_another_thread_runs_is_an_error(engine: str) -> None:
    inside, leave = threading.Event(), threading.Event()
    waiting = Global("Host", "Waits.")

    @waiting.function(name="wait")
    def wait(_: object) -> None:
        """Wait until it is told to leave."""
        inside.set()
        leave.wait(30)

    made: list[Sandbox] = []

    def own() -> Any:
        made.append(create_sandbox(engine, SandboxOptions([BoundGlobal(waiting, None)])))
        script = {"lua": "Host.wait() return 'done'", "js": "await Host.wait(); return 'done'"}
        try:
            return made[0].run(script[engine], name="waits")
        finally:
            made[0].close()

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(own)
        assert inside.wait(30)
        with pytest.raises(SandboxClosed, match="running"):
            made[0].close()
        leave.set()
        assert run.result() == "done"


@pytest.mark.parametrize("engine", ENGINES)
def test_many_threads_each_have_a_vm_of_their_own(engine: str) -> None:
    script = {
        "lua": "local n = 0 for i = 1, 20000 do n = n + i end return n",
        "js": "let n = 0; for (let i = 1; i <= 20000; i++) n += i; n",
    }[engine]

    def run(_: int) -> Any:
        made = create_sandbox(engine, SandboxOptions(limits=Limits(timeout_s=60)))
        try:
            return made.run(script, name="sum")
        finally:
            made.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(run, range(64))) == {200010000}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_forked_child_has_sandboxes_of_its_own(engine: str) -> None:
    script = {"lua": "return 6 * 7", "js": "6 * 7"}[engine]

    def work(results: Any) -> None:
        results.put(create_sandbox(engine, SandboxOptions()).run(script, name="child"))

    with sandbox(engine, timeout_s=60) as made:
        assert made.run(script, name="parent") == 42
        context = multiprocessing.get_context("fork")
        results = context.SimpleQueue()
        child = context.Process(target=work, args=(results,))
        child.start()
        child.join(30)
        assert child.exitcode == 0
        assert results.get() == 42
        assert made.run(script, name="parent again") == 42
