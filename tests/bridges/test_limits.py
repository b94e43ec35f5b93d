"""What a run may use up: each limit ends it by name, and the sandbox is of no use afterwards."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from llmspell_bridges.api import Global, Param
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.errors import (
    InvalidArgument,
    LimitExceeded,
    SandboxClosed,
    ScriptError,
    ScriptLimitExceeded,
)
from llmspell_bridges.limits import Limits, remaining_s
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox

MIB = 1024 * 1024
ENGINES = ("lua", "js")
HOST = Global("Host", "Functions of a host.")


@HOST.function(Param("value", "value", optional=True), result="value", name="echo")
def _echo(_: object, value: Any = None) -> Any:
    """Return what it is given."""
    return value


@HOST.function(Param("seconds", "number"), result="nothing", name="sleep")
def _sleep(_: object, seconds: float) -> None:
    """Wait for a time, but no longer than the run may last."""
    time.sleep(remaining_s(seconds))


@HOST.function(Param("size", "integer"), result="text", name="text")
def _text(_: object, size: int) -> str:
    """Return a text of that many bytes."""
    return "x" * size


@contextmanager
def sandbox(engine: str, **limits: Any) -> Iterator[Sandbox]:
    options = SandboxOptions([BoundGlobal(HOST, None)], limits=Limits(**limits))
    made = create_sandbox(engine, options)
    try:
        yield made
    finally:
        made.close()


def ended(engine: str, script: str, **limits: Any) -> ScriptLimitExceeded:
    """Return the limit a script runs into, and see that nothing else runs there."""
    with sandbox(engine, **limits) as made:
        with pytest.raises(ScriptLimitExceeded) as caught:
            made.run(script, name=f"greedy.{engine}")
        with pytest.raises(SandboxClosed, match=caught.value.details["limit"]):
            made.run("", name="next")
    return caught.value


LOOPS = {
    "lua": {
        "a loop": "while true do end",
        "a loop in pcall": "while true do pcall(function() while true do end end) end",
        "a handler": "xpcall(function() while true do end end, function() while true do end end)",
        "a coroutine": "coroutine.wrap(function() while true do end end)()",
        "coroutines": "while true do coroutine.wrap(function() for i = 1, 500 do end end)() end",
        "a closing variable": "local x <close> = setmetatable({}, {__close = function() "
        "while true do end end}) while true do end",
        "a metamethod": "local t = setmetatable({}, {__index = function() while true do end end}) "
        "return t.x",
        "tostring of an error": "error(setmetatable({}, {__tostring = function() "
        "while true do end end}))",
        "a recursion of pcalls": "local function f() return pcall(f) end while true do f() end",
    },
    "js": {
        "a loop": "for (;;);",
        "a loop in try": "for (;;) try { for (;;); } catch {} finally { for (;;); }",
        "an executor": "for (;;) new Promise(() => { for (;;); })",
        "an async function": "for (;;) (async () => { for (;;); })()",
        "awaited rejections": "(async () => { for (;;) try { await (async () => { for (;;); })() }"
        " catch {} })()",
        "endless jobs": "const next = () => Promise.resolve().then(next); next()",
        "a getter of an error": "throw Object.defineProperty({}, 'message', {get() {for (;;);}})",
        "a regular expression": "/(a+)+$/.test('a'.repeat(60) + 'b')",
        "a generator": "for (const x of (function* () { for (;;) yield 1 })());",
        "how errors are told": "Error.prototype.toString = () => { for (;;); };"
        "InternalError.prototype.toString = Error.prototype.toString; for (;;);",
    },
}


@pytest.mark.parametrize(
    ("engine", "name"), [(engine, name) for engine in ENGINES for name in LOOPS[engine]]
)
def test_no_loop_outlives_its_time(engine: str, name: str) -> None:
    error = ended(engine, LOOPS[engine][name], timeout_s=0.1)
    assert error.code == "limit_exceeded"
    assert error.details == {"limit": "timeout_s", "maximum": 0.1}
    assert "0.1 s" in error.message


@pytest.mark.parametrize("engine", ENGINES)
def test_the_error_says_where_the_script_was(engine: str) -> None:
    script = {
        "lua": "local function forever()\n  while true do end\nend\nforever()",
        "js": "function step() {}\nfunction forever() { for (;;) step() }\nforever()",
    }[engine]
    error = ended(engine, script, timeout_s=0.5)
    assert (error.file, error.line) == (f"greedy.{engine}", 2)
    assert error.frames[-1].file == f"greedy.{engine}"


@pytest.mark.parametrize("engine", ENGINES)
def test_waiting_for_the_host_is_over_with_the_run(engine: str) -> None:
    script = {"lua": "Host.sleep(60)", "js": "Host.sleep(60).then(() => 1)"}[engine]
    started = time.monotonic()
    error = ended(engine, script, timeout_s=0.1)
    assert error.details["limit"] == "timeout_s"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("engine", ENGINES)
def test_host_functions_can_be_called_while_the_clock_runs(engine: str) -> None:
    script = {
        "lua": "local n = 0 for i = 1, 1000 do n = n + Host.echo(1) end return n",
        "js": "let n = 0; for (let i = 0; i < 1000; i++) n += await Host.echo(1); return n",
    }[engine]
    with sandbox(engine, timeout_s=60) as made:
        assert made.run(script, name="calls") == 1000
        assert made.run(script, name="calls again") == 1000


MEMORY = {
    "lua": [
        "local t = {} for i = 1, 1e9 do t[i] = {} end",
        "local s = 'x' while true do s = s .. s end",
        "return #string.rep('x', 1 << 30)",
        "local t = {} for i = 1, 1e9 do t[i] = Host.text(100000) end",
        "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print or error) end",
    ],
    "js": [
        "const a = []; for (;;) a.push(new Array(1000).fill(1))",
        "const a = []; for (;;) a.push({})",
        "'x'.repeat(3e7).split('').length",
        "new Uint8Array(1e9)",
        "const a = []; for (;;) a.push(Host.sync ? 'x'.repeat(100000) + a.length : 0)",
        "const a = []; (async () => { for (;;) a.push(await Host.text(100000)) })()",
    ],
}


@pytest.mark.parametrize(
    ("engine", "script"), [(engine, script) for engine in ENGINES for script in MEMORY[engine]]
)
def test_no_script_holds_more_memory_than_it_may(engine: str, script: str) -> None:
    error = ended(engine, script, memory_bytes=24 * MIB, timeout_s=60)
    assert error.details == {"limit": "memory_bytes", "maximum": 24 * MIB}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_script_that_catches_having_no_memory_ends_with_its_time(engine: str) -> None:
    script = {
        "lua": "local t = {} while true do pcall(function() "
        "while true do t[#t + 1] = ('x'):rep(100000) .. #t end end) end",
        "js": "const a = []; for (;;) try { for (;;) a.push('x'.repeat(1e5) + a.length) } catch {}",
    }[engine]
    error = ended(engine, script, memory_bytes=24 * MIB, timeout_s=0.3)
    assert error.details["limit"] == "timeout_s"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_script_that_is_too_large_for_the_memory_does_not_start(engine: str) -> None:
    script = "--" + "x" * (2 * MIB) if engine == "lua" else "//" + "x" * (2 * MIB)
    assert ended(engine, script, memory_bytes=MIB).details["limit"] == "memory_bytes"


@pytest.mark.parametrize("engine", ENGINES)
def test_endless_recursion_is_a_limit_of_the_stack(engine: str) -> None:
    script = {
        "lua": "local function f() return 1 + f() end f()",
        "js": "const f = () => f() + 1; f()",
    }[engine]
    error = ended(engine, script)
    assert error.details["limit"] == "stack_bytes"
    assert error.line == 1


def test_the_stack_of_javascript_is_as_large_as_one_says() -> None:
    script = "let n = 0; const f = () => { n++; f() }; try { f() } catch {}; n"
    with sandbox("js", stack_bytes=256 * 1024) as small, sandbox("js") as usual:
        assert small.run(script, name="deep") * 4 < usual.run(script, name="deep")


@pytest.mark.parametrize("engine", ENGINES)
def test_calls_of_host_functions_are_counted_for_each_run(engine: str) -> None:
    script = {
        "lua": "for i = 1, INPUT_CALLS do pcall(Host.echo, 1) end return 'done'",
        "js": "for (let i = 0; i < INPUT_CALLS; i++) Host.echo(1).catch(() => {}); 'done'",
    }[engine]
    with sandbox(engine, calls=10) as made:
        for _ in range(3):
            assert made.run(script.replace("INPUT_CALLS", "10"), name="modest") == "done"
    error = ended(engine, script.replace("INPUT_CALLS", "11"), calls=10)
    assert error.details == {"limit": "calls", "maximum": 10}


@pytest.mark.parametrize("engine", ENGINES)
def test_one_call_hands_over_no_more_than_it_may(engine: str) -> None:
    script = {
        "lua": "Host.echo(('x'):rep(2000))",
        "js": "Host.echo('x'.repeat(2000))",
    }[engine]
    assert ended(engine, script, call_bytes=1024).details == {
        "limit": "call_bytes",
        "maximum": 1024,
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_returns_no_more_than_a_call_hands_over(engine: str) -> None:
    script = {"lua": "return ('x'):rep(2000)", "js": "'x'.repeat(2000)"}[engine]
    assert ended(engine, script, call_bytes=1024).details["limit"] == "call_bytes"


@pytest.mark.parametrize("engine", ENGINES)
def test_what_ended_is_both_a_script_error_and_a_limit(engine: str) -> None:
    error = ended(engine, {"lua": "while true do end", "js": "for (;;);"}[engine], timeout_s=0.05)
    assert isinstance(error, ScriptError)
    assert isinstance(error, LimitExceeded)
    assert "limits.timeout_s" in (error.hint or "")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_signal_ends_a_loop_that_calls_nothing(engine: str) -> None:
    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    previous = signal.signal(signal.SIGUSR1, stop)
    target = threading.main_thread().ident or 0
    with sandbox(engine, timeout_s=60) as made:
        timer = threading.Timer(0.2, signal.pthread_kill, (target, signal.SIGUSR1))
        timer.start()
        try:
            with pytest.raises(Stopped):
                made.run({"lua": "while true do end", "js": "for (;;);"}[engine], name="loop")
            assert made.run({"lua": "return 1", "js": "1"}[engine], name="after") == 1
        finally:
            timer.join()
            signal.signal(signal.SIGUSR1, previous)


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"timeout_s": -1}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"timeout_s": "5"}, "timeout_s"),
        ({"memory_bytes": 10}, "memory_bytes"),
        ({"memory_bytes": 1e9}, "memory_bytes"),
        ({"memory_bytes": True}, "memory_bytes"),
        ({"stack_bytes": 2**40}, "stack_bytes"),
        ({"calls": -1}, "calls"),
        ({"call_bytes": 1}, "call_bytes"),
    ],
)
def test_nonsense_is_refused_by_name(limits: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        Limits(**limits)


@pytest.mark.parametrize("engine", ENGINES)
def test_0_sets_no_limit(engine: str) -> None:
    none = dict.fromkeys(("timeout_s", "memory_bytes", "stack_bytes", "calls", "call_bytes"), 0)
    with sandbox(engine, **none) as made:
        assert made.run({"lua": "return 1", "js": "1"}[engine], name="free") == 1


def test_what_is_left_out_is_taken_from_others() -> None:
    base = Limits(timeout_s=5, calls=10, memory_bytes=64 * MIB)
    over = Limits(timeout_s=1, calls=0).over(base)
    assert over == Limits(timeout_s=1, calls=None, memory_bytes=64 * MIB)


def test_limits_are_changed_by_making_others() -> None:
    limits = Limits(timeout_s=5, calls=10)
    assert limits.but(calls=None) == Limits(timeout_s=5)
    with pytest.raises(InvalidArgument, match="unknown limit 'timeout'"):
        limits.but(timeout=1)
