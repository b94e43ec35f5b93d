"""The limits of an embedded run: by default, by configuration, and for one run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from llmspell import Limits, Runtime, Script
from llmspell.errors import InvalidArgument, LimitExceeded, ScriptLimitExceeded

LOOP = {"lua": "while true do end", "js": "for (;;);"}


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime(profile="minimal") as made:
        yield made


def test_a_run_is_limited_unless_one_says_otherwise(runtime: Runtime) -> None:
    limits = runtime.limits
    assert limits.timeout_s == 300
    assert None not in (limits.memory_bytes, limits.stack_bytes, limits.calls, limits.call_bytes)


def test_the_configuration_sets_the_limits(tmp_path: Path) -> None:
    config = tmp_path / "limits.toml"
    config.write_text(
        '[state]\nbackend = "memory"\n'
        "[limits]\ntimeout_s = 0\nmemory_bytes = 33554432\ncalls = 0\ncall_bytes = 2048\n"
    )
    with Runtime(config) as made:
        assert made.limits == Limits(
            timeout_s=None,
            memory_bytes=33554432,
            stack_bytes=2 * 2**20,
            calls=None,
            call_bytes=2048,
        )


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_one_run_may_have_limits_of_its_own(runtime: Runtime, engine: str) -> None:
    with pytest.raises(ScriptLimitExceeded) as caught:
        runtime.execute(LOOP[engine], engine=engine, limits=runtime.limits.but(timeout_s=0.1))
    assert isinstance(caught.value, LimitExceeded)
    assert caught.value.details == {"limit": "timeout_s", "maximum": 0.1}
    assert runtime.execute("1" if engine == "js" else "return 1", engine=engine).value == 1


@pytest.mark.parametrize(
    ("engine", "script"),
    [
        ("lua", "State.poll(1e300)"),
        ("js", "State.sync.poll(1e300)"),
        ("lua", "State.watch('g', '', print) State.poll(1e300)"),
        ("lua", "State.lock('g', 'k', function() State.lock('g', 'k', {wait = 60}, print) end)"),
        ("js", "State.lock('g', 'k', () => State.lock('g', 'k', { wait: 60 }, () => {}))"),
        ("lua", "while true do State.increment('g', 'n') end"),
        ("js", "for (;;) await State.increment('g', 'n')"),
        ("lua", "State.transaction(function() while true do end end)"),
        ("js", "State.update('g', 'k', () => { for (;;); })"),
    ],
)
def test_nothing_of_state_outlives_the_run(runtime: Runtime, engine: str, script: str) -> None:
    limits = runtime.limits.but(timeout_s=0.2)
    started = time.monotonic()
    with pytest.raises(ScriptLimitExceeded, match="timeout_s"):
        runtime.execute(script, engine=engine, limits=limits)
    assert time.monotonic() - started < 30
    # Neither a lock nor a transaction of it is left.
    saved = "return State.lock('g', 'k', {wait = 5}, function() return 'free' end)"
    assert runtime.execute(saved, engine="lua").value == "free"


def test_what_limits_leave_out_stays_as_configured(tmp_path: Path) -> None:
    config = tmp_path / "limits.toml"
    config.write_text('[state]\nbackend = "memory"\n[limits]\ncalls = 5\n')
    with Runtime(config, limits=Limits(timeout_s=7)) as made:
        assert (made.limits.timeout_s, made.limits.calls) == (7, 5)
        with pytest.raises(ScriptLimitExceeded, match="calls"):
            made.execute("for i = 1, 9 do print(i) end", engine="lua", limits=Limits(timeout_s=9))
        many = Limits(calls=0)
        assert made.execute("for i = 1, 9 do print(i) end", engine="lua", limits=many).value is None


def test_what_was_saved_before_the_end_is_there(runtime: Runtime) -> None:
    script = "for i = 1, 1e9 do State.save('g', 'k' .. i % 5, i) end"
    with pytest.raises(ScriptLimitExceeded):
        runtime.execute(script, engine="lua", limits=runtime.limits.but(calls=12))
    assert runtime.state.list_keys("g") == ["k0", "k1", "k2", "k3", "k4"]
    assert runtime.state.load("g", "k2") == 12


def test_a_map_in_other_processes_has_the_limits_of_the_runtime(tmp_path: Path) -> None:
    config = tmp_path / "db.toml"
    config.write_text(f'[state]\npath = "{tmp_path / "state.db"}"\n')
    script = Script("for i = 1, 9 do print(i) end return 'all'", engine="lua")
    with (
        Runtime(config, limits=Limits(calls=5)) as made,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(ScriptLimitExceeded, match="calls"),
    ):
        list(made.map(script, [1], executor=pool))


def test_a_session_survives_an_input_that_cannot_be_judged() -> None:
    limits = Limits(timeout_s=20, memory_bytes=16 * 2**20)
    with (
        Runtime(profile="minimal", limits=limits, isolation="process") as made,
        made.session("js") as session,
    ):
        session.is_complete("x+" * 3_000_000 + "1")
        assert session.evaluate("1 + 1") == "2"


def test_a_session_goes_on_afresh_after_a_limit(runtime: Runtime) -> None:
    with (
        Runtime(profile="minimal", limits=Limits(timeout_s=1)) as made,
        made.session("lua") as session,
    ):
        session.evaluate("x = 1")
        with pytest.raises(ScriptLimitExceeded) as caught:
            session.evaluate("while true do end")
        assert "what the session had defined is gone" in (caught.value.hint or "")
        assert session.evaluate("x") == "nil"


@pytest.mark.parametrize("limits", [5, {"timeout_s": 5}, "5s"])
def test_limits_are_limits(runtime: Runtime, limits: object) -> None:
    with pytest.raises(InvalidArgument, match="limits must be a Limits"):
        runtime.execute("return 1", engine="lua", limits=limits)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="limits must be a Limits"):
        Runtime(limits=limits)  # type: ignore[arg-type]
