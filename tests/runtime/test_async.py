"""The state of an asyncio program: nothing lost, nothing half done, the loop free."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from llmspell import AsyncStateManager, Runtime, StateManager
from llmspell.config import Config
from llmspell.errors import InvalidArgument, InvalidScope, RuntimeClosed
from llmspell.state.awaited import adapted

from .looping import in_loop, largest_gap, until

#: Methods that keep stores whole over a fork, and those the script's side of State is built on.
NOT_OFFERED = {"before_fork", "after_fork"}
FOR_SCRIPTS = {
    "save_canonical",
    "load_frozen",
    "load_versioned",
    "compare_and_set",
    "begin_transaction",
    "wait_for_next_attempt",
    "acquire_lock",
    "release_quietly",
    "subscribe",
}
METHODS = sorted(
    name
    for name, _ in inspect.getmembers(StateManager, inspect.isfunction)
    if not name.startswith("_") and name not in NOT_OFFERED
)


@pytest.fixture(params=["memory", "sqlite"])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    settings: Any = {"backend": request.param, "path": str(tmp_path / "state.db")}
    with Runtime(Config(state=settings)) as runtime:
        yield runtime


@pytest.fixture
def memory() -> Iterator[Runtime]:
    with Runtime(Config(state={"backend": "memory"})) as runtime:  # type: ignore[arg-type]
        yield runtime


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_state_is_there(memory: Runtime, name: str) -> None:
    state = AsyncStateManager(memory.state)
    assert name in dir(state)
    assert callable(getattr(state, name))


@pytest.mark.parametrize("name", sorted(set(METHODS) - FOR_SCRIPTS - {"close"}))
def test_type_checkers_know_every_method_as_what_it_is(name: str) -> None:
    method = getattr(StateManager, name)
    kind = adapted(method)
    assert name in vars(AsyncStateManager), "AsyncStateManager needs a line for it"
    assert getattr(AsyncStateManager, name).__code__ is kind.__code__
    assert inspect.signature(kind) == inspect.signature(method)


@in_loop
async def test_a_method_means_what_it_means_in_the_state(runtime: Runtime) -> None:
    async with AsyncStateManager(runtime.state) as state:
        saved = await state.save("agent:a", "k", {"n": 1}, state_class="trusted")
        assert (saved.version, saved.state_class) == (1, "trusted")
        assert await state.load("agent:a", "k") == {"n": 1} == runtime.state.load("agent:a", "k")
        assert await state.update("agent:a", "k", lambda value: value | {"m": 2}) == {
            "n": 1,
            "m": 2,
        }
        assert [entry.key async for entry in state.export_entries()] == ["k"]
        with pytest.raises(InvalidScope):
            await state.load("agent:", "k")


@in_loop
async def test_a_thousand_operations_at_once_lose_no_update_and_leave_the_loop_free(
    runtime: Runtime,
) -> None:
    async with AsyncStateManager(runtime.state) as state, largest_gap() as gap:

        async def work(number: int) -> None:
            await state.save("global", f"k{number}", number)
            assert await state.load("global", f"k{number}") == number
            await state.increment("global", "count")

        began = time.monotonic()
        await asyncio.gather(*map(work, range(1000)))
        took = time.monotonic() - began
        assert await state.load("global", "count") == 1000
        assert len(await state.list_keys("global")) == 1001
        assert gap() < max(0.5, took / 2)  # a busy machine makes both longer


@in_loop
async def test_cancelling_leaves_whole_writes_or_none_and_no_thread(runtime: Runtime) -> None:
    before = set(threading.enumerate())
    async with AsyncStateManager(runtime.state, max_threads=4) as state:
        pair = {"left": 1, "right": 2}
        tasks = [
            asyncio.create_task(state.save_many(f"user:{number}", pair)) for number in range(300)
        ]
        for turn, task in enumerate(tasks):
            if turn % 10 == 0:
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for scope in runtime.state.list_scopes():
        assert runtime.state.load_many(scope, pair) == pair
    await asyncio.get_running_loop().shutdown_default_executor()
    assert set(threading.enumerate()) <= before


@in_loop
async def test_a_cancelled_call_that_waits_for_a_thread_never_starts(memory: Runtime) -> None:
    state = AsyncStateManager(memory.state, max_threads=1)
    begun, go_on = threading.Event(), threading.Event()

    def hold(value: Any) -> Any:
        begun.set()
        go_on.wait()
        return value

    holding = asyncio.create_task(state.update("global", "first", hold, default=1))
    await until(begun.is_set)
    waiting = [asyncio.create_task(state.save("global", f"k{n}", n)) for n in range(10)]
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    go_on.set()
    assert await holding == 1
    await state.close()
    assert memory.state.list_keys("global") == ["first"]


@in_loop
async def test_closing_waits_for_what_is_under_way_and_refuses_the_rest(runtime: Runtime) -> None:
    state = AsyncStateManager(runtime.state, max_threads=2)
    calls = [asyncio.create_task(state.increment("global", "n")) for _ in range(100)]
    await asyncio.sleep(0)
    await state.close()
    await state.close()
    assert sorted(await asyncio.gather(*calls)) == list(range(1, 101))
    for use in (state.load("global", "n"), anext(state.export_entries())):
        with pytest.raises(RuntimeClosed):
            await use
    assert runtime.state.load("global", "n") == 100


@in_loop
async def test_transactions_and_locks_are_for_async_with(runtime: Runtime) -> None:
    async with AsyncStateManager(runtime.state, max_threads=2) as state:

        async def count() -> None:
            async with state.lock("global", "turnstile", wait=20) as lease:
                assert lease.token > 0
                async with state.transaction() as tx:
                    await tx.save("global", "n", await tx.load("global", "n", 0) + 1)

        await asyncio.gather(*(count() for _ in range(20)))
        assert await state.load("global", "n") == 20

        async def think_better_of_it() -> None:
            async with state.transaction() as tx:
                await tx.delete("global", "n")
                raise KeyError

        with pytest.raises(KeyError):
            await think_better_of_it()
        assert await state.load("global", "n") == 20


@in_loop
async def test_a_transaction_given_as_a_function_is_run_again_after_a_conflict(
    runtime: Runtime,
) -> None:
    async with AsyncStateManager(runtime.state) as state:

        def count(tx: Any) -> None:
            tx.save("global", "n", tx.load("global", "n", 0) + 1)

        await asyncio.gather(*(state.run_transaction(count) for _ in range(50)))
        assert await state.load("global", "n") == 50


def test_one_facade_serves_several_event_loops(memory: Runtime) -> None:
    state = AsyncStateManager(memory.state)

    async def count() -> None:
        await asyncio.gather(*(state.increment("global", "n") for _ in range(100)))

    asyncio.run(count())
    threads = [threading.Thread(target=lambda: asyncio.run(count())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.state.load("global", "n") == 400


@in_loop
async def test_a_function_handed_over_sees_the_context_of_the_caller(memory: Runtime) -> None:
    who = ContextVar("who", default="nobody")
    who.set("Ada")
    state = AsyncStateManager(memory.state)
    assert await state.update("global", "k", lambda _: who.get()) == "Ada"


@in_loop
async def test_a_function_that_ends_an_iteration_is_an_error_not_an_endless_wait(
    memory: Runtime,
) -> None:
    state = AsyncStateManager(memory.state)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await state.update("global", "k", lambda _: next(iter(())))


@in_loop
async def test_misuse_of_the_facade_is_told_at_once(memory: Runtime) -> None:
    with pytest.raises(InvalidArgument, match="not Runtime") as caught:
        AsyncStateManager(memory)  # type: ignore[arg-type]
    assert caught.value.hint == "pass runtime.state"
    for threads in (0, -1, True, 1.5, "4"):
        with pytest.raises(InvalidArgument, match="max_threads"):
            AsyncStateManager(memory.state, max_threads=threads)  # type: ignore[arg-type]
    state = AsyncStateManager(memory.state)

    async def change(value: Any) -> Any:
        return value

    with pytest.raises(InvalidArgument, match="update: change is an async function"):
        await state.update("global", "k", change)
    with pytest.raises(AttributeError, match="did you mean 'load_many'"):
        state.load_mny  # noqa: B018
    with pytest.raises(AttributeError, match="before_fork"):
        state.before_fork  # noqa: B018
