"""What a script may use up, held even where its VM never asks."""

from __future__ import annotations

import pytest

from llmspell import Runtime
from llmspell.errors import LimitExceeded, SandboxClosed
from llmspell_bridges.limits import Limits
from llmspell_bridges.process import WorkerPool
from llmspell_bridges.sandbox import SandboxOptions

NEVER_ASKS = [
    ("lua", "return string.find(string.rep('a', 40), string.rep('a?', 40) .. string.rep('a', 40))"),
    ("lua", "while true do end"),
    ("lua", "while true do pcall(function() while true do end end) end"),
    ("js", "Array.prototype.join.call({ length: 2 ** 53 - 1 })"),
    ("js", "for (;;);"),
    ("js", "const f = () => { try { f() } finally { f() } }; f()"),
]


@pytest.mark.parametrize(("engine", "code"), NEVER_ASKS)
def test_a_deadline_ends_even_what_never_asks(runtime: Runtime, engine: str, code: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        runtime.execute(code, engine=engine, limits=Limits(timeout_s=0.1))
    assert caught.value.code == "limit_exceeded"
    assert caught.value.details == {"limit": "timeout_s", "maximum": 0.1}
    assert runtime.execute("return 1", engine="lua").value == 1


GROWS = [
    ("lua", "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end"),
    ("js", "const t = []; for (;;) t.push(new Uint8Array(100000))"),
]


@pytest.mark.parametrize(("engine", "code"), GROWS)
def test_memory_is_held_to_its_limit(runtime: Runtime, engine: str, code: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        runtime.execute(code, engine=engine, limits=Limits(memory_bytes=8 << 20, timeout_s=60))
    assert caught.value.details == {"limit": "memory_bytes", "maximum": 8 << 20}


def test_calls_are_counted_by_the_host(runtime: Runtime) -> None:
    with pytest.raises(LimitExceeded) as caught:
        runtime.execute(
            "for i = 1, 9 do State.increment('g', 'n') end", engine="lua", limits=Limits(calls=5)
        )
    assert caught.value.details == {"limit": "calls", "maximum": 5}
    assert runtime.state.load("g", "n") == 5


@pytest.mark.parametrize(
    ("engine", "code"), [("lua", "return ('x'):rep(9000)"), ("js", "'x'.repeat(9000)")]
)
def test_a_result_is_held_to_the_size_of_a_call(runtime: Runtime, engine: str, code: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        runtime.execute(code, engine=engine, limits=Limits(call_bytes=4000))
    assert caught.value.details == {"limit": "call_bytes", "maximum": 4000}


def test_a_sandbox_that_hit_a_limit_says_so_from_then_on() -> None:
    with WorkerPool(size=1) as pool:
        sandbox = pool.sandbox("lua", SandboxOptions(limits=Limits(timeout_s=0.05)))
        with pytest.raises(LimitExceeded):
            sandbox.run("while true do end", name="script")
        with pytest.raises(SandboxClosed, match="timeout_s"):
            sandbox.run("return 1", name="script")
        sandbox.close()


def test_the_clock_starts_anew_with_every_run() -> None:
    with WorkerPool(size=1) as pool:
        sandbox = pool.sandbox("lua", SandboxOptions(limits=Limits(timeout_s=2)))
        for _ in range(5):
            assert sandbox.run("return 1", name="script") == 1
        sandbox.close()


def test_a_session_goes_on_after_a_limit_without_what_it_had_defined() -> None:
    runtime = Runtime(profile="minimal", isolation="process", limits=Limits(timeout_s=0.2))
    with runtime, runtime.session("lua") as session:
        session.evaluate("x = 5")
        assert session.evaluate("x") == "5"
        with pytest.raises(LimitExceeded) as caught:
            session.evaluate("while true do end")
        assert "is gone" in (caught.value.hint or "")
        assert session.evaluate("x") == "nil"
