"""The asynchronous state takes up methods that come later, whatever their kind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from llmspell import AsyncStateManager, StateManager
from llmspell.store.memory.store import MemoryStore

from .looping import in_loop, until


class Draft:
    """What a context manager gives: an object with methods of its own."""

    label = "draft"

    def __init__(self, state: StateManager) -> None:
        self._state = state
        self.thread = threading.get_ident()

    def save(self, key: str, value: Any) -> int:
        assert threading.get_ident() == self.thread
        return self._state.save("global", key, value).version


class Later(StateManager):
    """A state with methods this version does not have."""

    entered = closed = 0
    wait = threading.Event()

    def remember(self, *, days: int) -> int:
        return days

    def count(self, most: int) -> Iterator[int]:
        try:
            yield from range(most)
        finally:
            self.closed += 1

    def endless(self) -> Iterator[int]:
        return iter(int, 1)

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        self.wait.wait()
        draft = Draft(self)
        self.entered += 1
        try:
            yield draft
        except KeyError:
            self.save("global", "failed", True)
        finally:
            assert threading.get_ident() == draft.thread
            self.entered -= 1


@pytest.fixture
def later() -> Iterator[Later]:
    state = Later(MemoryStore())
    state.wait.set()
    yield state
    state.close()


@in_loop
async def test_new_methods_need_nothing_from_the_facade(later: Later) -> None:
    async with AsyncStateManager(later) as state:
        assert await state.remember(days=3) == 3
        assert [number async for number in state.count(250)] == list(range(250))
        async for number in state.endless():
            assert number == 0
            break
        assert {"remember", "count", "draft", "load"} <= set(dir(state))


@in_loop
async def test_an_iteration_left_early_closes_its_iterator(later: Later) -> None:
    state = AsyncStateManager(later)
    numbers = state.count(10**9)
    assert await anext(numbers) == 0
    await numbers.aclose()
    await until(lambda: later.closed == 1)


@in_loop
async def test_a_context_manager_lives_in_one_thread_and_sees_errors(later: Later) -> None:
    async with AsyncStateManager(later) as state:
        async with state.draft() as draft:
            assert (await draft.save("k", 1), later.entered, draft.label) == (1, 1, "draft")
        async with state.draft():
            raise KeyError
        assert later.entered == 0
        assert await state.load("global", "failed") is True


@in_loop
async def test_a_hundred_open_context_managers_keep_nobody_from_the_state(later: Later) -> None:
    async with AsyncStateManager(later, max_threads=2) as state:
        later.wait.clear()

        async def draft(number: int) -> None:
            async with state.draft() as draft:
                await draft.save(f"k{number}", number)

        drafts = [asyncio.create_task(draft(number)) for number in range(100)]
        await asyncio.sleep(0)
        assert await state.list_keys("global") == []
        later.wait.set()
        await asyncio.gather(*drafts)
        assert len(await state.list_keys("global")) == 100


@in_loop
async def test_a_context_manager_cancelled_while_it_is_entered_is_left_again(later: Later) -> None:
    state = AsyncStateManager(later)
    later.wait.clear()
    task = asyncio.create_task(state.draft().__aenter__())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    later.wait.set()
    threads = [each for each in threading.enumerate() if each.name.startswith("llmspell")]
    await until(lambda: not any(thread.is_alive() for thread in threads))
    assert later.entered == 0
