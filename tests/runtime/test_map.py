"""One script over many inputs: in threads, in processes, in any executor there is."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime, Script
from llmspell.config import Config
from llmspell.errors import (
    Frame,
    InvalidScope,
    InvalidValue,
    ScriptError,
)
from llmspell.state.origin import originating

DOUBLE = Script("return INPUT * 2", "lua", "double.lua")
ECHO = {"lua": Script("return INPUT", "lua"), "js": Script("INPUT", "js")}
FAIL_ON_3 = Script(
    "print('at ' .. INPUT)\nif INPUT == 3 then State.save('agent:', 'k', 1) end\nreturn INPUT",
    "lua",
    "fail.lua",
)
VALUES = [
    None,
    True,
    0,
    1.0,
    -(2**63),
    "text é \U0001f600",
    b"\xff\x00",
    dt.datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=dt.UTC),
    [],
    {},
    [None, [1, 2.5]],
    {"a": {"b": [True, "x"]}, "": 1},
]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime(Config(state={"path": str(tmp_path / "state.db")})) as runtime:  # type: ignore[arg-type]
        yield runtime


@pytest.fixture
def memory() -> Iterator[Runtime]:
    with Runtime(Config(state={"backend": "memory"})) as runtime:  # type: ignore[arg-type]
        yield runtime


def forking_pool() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(2, mp_context=get_context("fork"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside other threads
        pool.submit(os.getpid).result()
    return pool


POOLS: dict[str, Callable[[], Executor]] = {
    "threads": lambda: ThreadPoolExecutor(2),
    "forked processes": forking_pool,
    "spawned processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
}


@pytest.fixture(scope="module", params=POOLS)
def pool(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with POOLS[request.param]() as pool:
        yield pool


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_results_come_in_the_order_of_the_inputs(runtime: Runtime, pool: Executor) -> None:
    results = list(runtime.map(DOUBLE, range(20), executor=pool, chunksize=3))
    assert [result.value for result in results] == [number * 2 for number in range(20)]
    assert {(result.engine, result.script) for result in results} == {("lua", "double.lua")}


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_an_input_keeps_its_meaning(runtime: Runtime, pool: Executor, engine: str) -> None:
    results = [result.value for result in runtime.map(ECHO[engine], VALUES, executor=pool)]
    assert results == VALUES
    if engine == "lua":  # JavaScript has one kind of number
        assert list(map(type, results)) == list(map(type, VALUES))


def test_all_runs_share_the_state(runtime: Runtime, pool: Executor) -> None:
    runtime.state.save("global", "step", 3)
    script = Script("State.increment('global', 'sum', INPUT * State.load('global', 'step'))", "lua")
    list(runtime.map(script, range(50), executor=pool, chunksize=5))
    assert runtime.state.load("global", "sum") == 3 * sum(range(50))


def test_processes_share_a_server(postgres_url: str, processes: Executor) -> None:
    with Runtime(Config(state={"url": postgres_url})) as runtime:  # type: ignore[arg-type]
        script = Script("return State.increment('global', 'n', INPUT)", "lua")
        results = runtime.map(script, range(1, 21), executor=processes, chunksize=4)
        assert max(result.value for result in results) == 210
        assert runtime.state.load("global", "n") == 210


def test_writes_carry_the_correlation_id_of_the_caller(runtime: Runtime, pool: Executor) -> None:
    script = Script("State.save('global', INPUT, 1)", "lua")
    list(runtime.map(script, ["a"], executor=pool, correlation_id="order-7"))
    with originating(actor="Ada", correlation_id="order-8"):
        list(runtime.map(script, ["b"], executor=pool))
    (first,), (second,) = (runtime.state.history("global", key) for key in "ab")
    assert (first.actor, first.correlation_id) == (None, "order-7")
    assert (second.actor, second.correlation_id) == ("Ada", "order-8")


def test_an_error_arrives_whole_and_in_its_place(runtime: Runtime, pool: Executor) -> None:
    results = runtime.map(FAIL_ON_3, [1, 2, 3, 4], executor=pool, chunksize=3)
    assert [next(results).value, next(results).value] == [1, 2]
    with pytest.raises(ScriptError) as caught:
        next(results)
    error = caught.value
    assert (error.code, error.file, error.line) == ("invalid_scope", "fail.lua", 2)
    assert error.frames[-1] == Frame("fail.lua", 2, function="main chunk")
    assert str(error.source_line).startswith("if INPUT == 3")
    assert error.output == "at 3\n"
    assert isinstance(error.__cause__, InvalidScope)
    assert list(results) == []


def test_errors_can_be_taken_as_results(runtime: Runtime, pool: Executor) -> None:
    results = runtime.map(FAIL_ON_3, [2, 3, 4], executor=pool, chunksize=3, return_exceptions=True)
    first, failure, last = results
    assert isinstance(failure, ScriptError)
    assert [getattr(each, "value", None) for each in (first, last)] == [2, 4]


def test_a_script_file_is_read_once_and_gets_its_arguments(
    runtime: Runtime, pool: Executor, tmp_path: Path
) -> None:
    file = tmp_path / "greet.js"
    file.write_text("print(ARGS[0]); `${ARGS.greeting} ${INPUT}`")
    results = runtime.map(file, ["Ada", "Bob"], args=["--greeting", "Hello"], executor=pool)
    file.unlink()
    found = [(result.value, result.output, result.script) for result in results]
    assert found == [(f"Hello {name}", "greet.js\n", str(file)) for name in ("Ada", "Bob")]


def test_without_an_executor_the_runs_go_to_processes_of_their_own(runtime: Runtime) -> None:
    results = runtime.map(DOUBLE, [1, 2, 3])
    assert [result.value for result in results] == [2, 4, 6]
    assert list(runtime.map(DOUBLE, [])) == []


def test_inputs_may_be_endless_when_the_buffer_is_bounded(
    runtime: Runtime, threads: Executor
) -> None:
    taken = itertools.count()
    results = runtime.map(DOUBLE, taken, executor=threads, chunksize=2, buffersize=3)
    first = list(itertools.islice(results, 10))
    results.close()  # type: ignore[attr-defined]
    assert [result.value for result in first] == list(range(0, 20, 2))
    assert next(taken) <= 10 + 2 * 4


def test_what_has_not_begun_when_one_fails_never_does(memory: Runtime) -> None:
    script = Script("State.increment('global', 'n') error('no')", "lua")
    with ThreadPoolExecutor(1) as pool:
        busy = threading.Event()
        pool.submit(busy.wait)
        results = memory.map(script, range(100), executor=pool)
        busy.set()
        with pytest.raises(ScriptError):
            next(results)
    assert memory.state.load("global", "n") < 100


def test_threads_run_in_this_runtime_whatever_its_store(memory: Runtime, threads: Executor) -> None:
    script = Script("State.increment('global', 'n')", "lua")
    list(memory.map(script, range(10), executor=threads))
    assert memory.state.load("global", "n") == 10


@pytest.mark.parametrize(
    "settings", [{"path": "here/state.db"}, {"url": "sqlite:///here/a%20b.db"}, {}]
)
def test_a_relative_path_means_the_same_database_everywhere(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: Executor
) -> None:
    (tmp_path / "start").mkdir()
    monkeypatch.chdir(tmp_path / "start")
    with Runtime(Config(state=settings)) as runtime:
        runtime.state.save("global", "k", "here")
        results = runtime.map(
            Script("return State.load('global', 'k')", "lua"), [1, 2], executor=processes
        )
        assert [result.value for result in results] == ["here", "here"]


def test_a_process_keeps_its_runtime_and_closes_it_at_its_end(tmp_path: Path) -> None:
    with Runtime(Config(state={"path": str(tmp_path / "state.db")})) as runtime:  # type: ignore[arg-type]
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            script = Script("State.save('global', 'k', INPUT)", "lua")
            (first,) = runtime.map(script, [1], executor=pool)
            (second,) = runtime.map(script, [2], executor=pool)
            assert second.duration_ms < first.duration_ms
            runtime.close()
            assert (tmp_path / "state.db-wal").exists()
        # SQLite removes its log when the last connection is closed in good order.
        assert not (tmp_path / "state.db-wal").exists()


@pytest.mark.parametrize(("engine", "code"), [("lua", "return INPUT == nil"),
                                             ("js", "typeof INPUT === 'undefined'")])  # fmt: skip
def test_a_run_without_an_input_has_no_such_global(memory: Runtime, engine: str, code: str) -> None:
    assert memory.execute(code, engine=engine).value is True


def test_a_single_run_takes_an_input_too(memory: Runtime, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("INPUT === null ? 'null' : INPUT.n")
    assert memory.run(tmp_path / "a.js", input={"n": 1}).value == 1
    assert memory.run(tmp_path / "a.js", input=None).value == "null"
    with pytest.raises(InvalidValue, match=r"\$ is a set"):
        memory.execute("1", engine="js", input={1})
