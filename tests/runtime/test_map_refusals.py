"""What a map refuses, and how it tells: stores that cannot be shared, broken executors, misuse."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime, Script
from llmspell.config import Config
from llmspell.errors import (
    ConfigError,
    InvalidArgument,
    InvalidValue,
    RuntimeClosed,
    ScriptNotFound,
)
from llmspell.mapping import ExecutorFailed

DOUBLE = Script("return INPUT * 2", "lua", "double.lua")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime(Config(state={"path": str(tmp_path / "state.db")})) as runtime:  # type: ignore[arg-type]
        yield runtime


@pytest.fixture
def memory() -> Iterator[Runtime]:
    with Runtime(Config(state={"backend": "memory"})) as runtime:  # type: ignore[arg-type]
        yield runtime


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


class OfAnotherKind(Executor):
    """An executor whose class tells nothing of where it runs."""

    def __init__(self, pool: Executor, before: Callable[[], object] = int) -> None:
        self._pool = pool
        self._before = before
        self.shown = ""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._before()
        self.shown += repr(args)
        return self._pool.submit(fn, *args, **kwargs)


@pytest.mark.parametrize(
    ("backend", "why"),
    [("memory", "the memory store is in this process"), ("rocksdb", "open in one process only")],
)
def test_a_store_of_this_process_alone_is_refused_to_other_processes(
    backend: str, why: str, processes: Executor, tmp_path: Path
) -> None:
    settings: Any = {"backend": backend, "path": str(tmp_path / "state")}
    with Runtime(Config(state=settings)) as runtime:
        for executor in (None, processes, OfAnotherKind(processes)):
            with pytest.raises(ConfigError, match=why) as caught:
                list(runtime.map(DOUBLE, [1], executor=executor, return_exceptions=True))
            assert "ThreadPoolExecutor" in str(caught.value.hint)


def test_a_database_that_is_not_the_callers_is_refused(
    runtime: Runtime, processes: Executor, tmp_path: Path
) -> None:
    database = tmp_path / "state.db"

    def replace() -> None:
        database.rename(tmp_path / "elsewhere.db")
        with Runtime(runtime.config) as other:
            other.state.save("global", "k", "of another machine")

    executor = OfAnotherKind(processes, replace)
    with pytest.raises(ConfigError, match="is not there") as caught:
        list(runtime.map(DOUBLE, [1], executor=executor))
    assert "state.url" in str(caught.value.hint)


def test_what_an_executor_shows_of_its_work_holds_no_secret(
    tmp_path: Path, threads: Executor
) -> None:
    config = Config(state={"url": f"sqlite:///{tmp_path}/s3cret.db"})  # type: ignore[arg-type]
    executor = OfAnotherKind(threads)
    with Runtime(config) as runtime:
        list(runtime.map(DOUBLE, [1], executor=executor))
    assert executor.shown
    assert "s3cret" not in executor.shown


class Dying(ProcessPoolExecutor):
    """Processes that end in the middle of their work."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(os._exit, 1)


def test_a_process_that_dies_is_told_with_what_to_look_for(runtime: Runtime) -> None:
    with (
        Dying(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(ExecutorFailed, match="Dying") as caught,
    ):
        list(runtime.map(DOUBLE, [1, 2], executor=pool))
    assert caught.value.details == {
        "executor": "Dying",
        "failure": "BrokenProcessPool",
        "first": 0,
        "last": 0,
    }
    assert "__main__" in str(caught.value.hint)


def test_an_executor_that_was_shut_down_is_told(runtime: Runtime) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(ExecutorFailed) as caught:
        runtime.map(DOUBLE, [1], executor=pool)
    assert "shut down" in str(caught.value.hint)
    pool = ThreadPoolExecutor(1)
    pool.submit(time.sleep, 0.1)
    results = runtime.map(DOUBLE, [1, 2], executor=pool)
    pool.shutdown(cancel_futures=True)
    with pytest.raises(ExecutorFailed, match="CancelledError"):
        list(results)


class Client:
    """As Dask's: it can submit, yet is no executor."""

    def submit(self) -> None: ...
    def get_executor(self) -> None: ...


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ("text", {}, "inputs must be a series of values, not str"),
        (b"bytes", {}, "inputs must be a series of values, not bytes"),
        (7, {}, "inputs must be a series of values, not int"),
        ([1], {"args": "text"}, "args must be a series of texts"),
        ([1], {"args": [1]}, "script arguments are text"),
        ([1], {"chunksize": 0}, "chunksize must be an integer from 1"),
        ([1], {"chunksize": True}, "chunksize must be an integer from 1"),
        ([1], {"buffersize": 0}, "buffersize must be an integer from 1"),
        ([1], {"executor": ThreadPoolExecutor}, "executor must be .* not ThreadPoolExecutor"),
        ([1], {"executor": 4}, "executor must be a concurrent.futures.Executor, not int"),
        ([1], {"executor": Client()}, "executor must be a concurrent.futures.Executor, not Client"),
    ],
)
def test_misuse_is_told_before_anything_runs(
    memory: Runtime, threads: Executor, inputs: Any, options: Any, message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        list(memory.map(DOUBLE, inputs, **{"executor": threads} | options))


def test_a_script_that_is_none_is_told(memory: Runtime, threads: Executor, tmp_path: Path) -> None:
    with pytest.raises(ScriptNotFound):
        memory.map(tmp_path / "none.lua", [1], executor=threads)
    with pytest.raises(InvalidArgument, match="unknown engine"):
        Script("1", "python")
    with pytest.raises(InvalidArgument, match="code must be text"):
        Script(7, "lua")  # type: ignore[arg-type]


def test_an_input_no_script_could_hold_is_named_and_nothing_runs(
    memory: Runtime, threads: Executor
) -> None:
    script = Script("State.save('global', 'ran', true)", "lua")
    with pytest.raises(InvalidValue, match=r"inputs\[2\]: \$\.a is a set") as caught:
        memory.map(script, [1, 2, {"a": {1}}], executor=threads)
    assert (caught.value.details["index"], caught.value.details["path"]) == (2, "$.a")
    assert memory.state.list_keys("global") == []


def test_a_closed_runtime_maps_nothing(memory: Runtime, threads: Executor) -> None:
    memory.close()
    with pytest.raises(RuntimeClosed):
        memory.map(DOUBLE, [1], executor=threads)
