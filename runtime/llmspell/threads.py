"""Worker threads for calls that an event loop must not wait for."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial, wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar
from weakref import WeakKeyDictionary

from llmspell.errors import InvalidArgument, RuntimeClosed

if TYPE_CHECKING:  # a program that never waits for a thread need not load asyncio
    from asyncio import AbstractEventLoop, Semaphore
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["Threads", "in_thread"]

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """A bounded pool, made at first use and usable from any event loop.

    ``max_threads`` defaults to the processors + 4, at most 32; more calls wait their turn.
    ``owner`` names in messages whose threads they are. The child of a fork, which has none of
    its parent's threads, gets new ones.
    """

    def __init__(self, owner: str, *, max_threads: int | None = None) -> None:
        if max_threads is None:
            max_threads = min(32, (os.cpu_count() or 1) + 4)
        elif type(max_threads) is not int or max_threads < 1:
            raise InvalidArgument("max_threads must be an integer from 1", parameter="max_threads")
        self._owner = owner
        self._max_threads = max_threads
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0
        self._turns: WeakKeyDictionary[AbstractEventLoop, Semaphore] = WeakKeyDictionary()
        self._closed = self._ended = False

    async def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function in a thread, in the caller's context, and return its result.

        When the awaiting task is cancelled, a function that waits for a thread never starts; one
        that runs does so to its end, and its result is dropped. Raises ``RuntimeClosed``.
        """
        from asyncio import wrap_future

        self._check_open()
        async with self._turn():
            return await wrap_future(self.submit(function, *args, **kwargs))

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Start a function in a thread. Raises ``RuntimeClosed`` once the threads have ended."""
        from concurrent.futures import ThreadPoolExecutor

        bound = partial(copy_context().run, _call, partial(function, *args, **kwargs))
        with self._lock:
            if self._ended:
                raise self._closed_error()
            if self._pool is None or self._process != os.getpid():
                self._pool = ThreadPoolExecutor(self._max_threads, "llmspell")
                self._process = os.getpid()
            return self._pool.submit(bound)

    def alone(self) -> Threads:
        """Return a thread beside the pool that works off its calls one after the other."""
        self._check_open()
        return Threads(self._owner, max_threads=1)

    def close(self, *, wait: bool = False) -> None:
        """Take no more calls. What has begun runs to its end, for which ``wait`` waits."""
        with self._lock:
            self._closed = self._ended = True
            pool = self._pool if self._process == os.getpid() else None
        if pool is not None:
            pool.shutdown(wait)

    async def aclose(self) -> None:
        """Take no more calls, and wait for those that this event loop has made."""
        from asyncio import to_thread

        self._closed = True
        turn, taken = self._turn(), 0
        try:
            # Turns come in order: who has them all comes after everybody.
            while taken < self._slots():
                await turn.acquire()
                taken += 1
        finally:
            for _ in range(taken):
                turn.release()
        await to_thread(self.close, wait=True)

    def _turn(self) -> Semaphore:
        """Return what keeps calls in the event loop until a thread is about to be free.

        A thousand calls handed over in one go would hold up the loop several times as long.
        """
        from asyncio import Semaphore, get_running_loop

        loop = get_running_loop()
        turn = self._turns.get(loop)
        if turn is None:
            turn = self._turns[loop] = Semaphore(self._slots())
        return turn

    def _slots(self) -> int:
        # Twice as many, so that a thread always finds the next call waiting.
        return 2 * self._max_threads

    def _check_open(self) -> None:
        if self._closed:
            raise self._closed_error()

    def _closed_error(self) -> RuntimeClosed:
        return RuntimeClosed(f"{self._owner} is closed", hint="create a new one")


class _Threaded(Protocol):
    threads: Threads


T = TypeVar("T", bound=_Threaded)


def in_thread(
    method: Callable[Concatenate[T, P], R],
) -> Callable[Concatenate[T, P], Coroutine[Any, Any, R]]:
    """Return a method that does what another does in one of its object's ``threads``."""

    @wraps(method)
    async def awaited(self: T, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self.threads.call(method, self, *args, **kwargs)

    awaited.__doc__ = (
        f"Do what ``{method.__name__}`` does, in a worker thread: the event loop goes on.\n\n"
        "Cancelling ends the wait, not the work: what waits for a thread never starts, what runs\n"
        "does so to its end, and its result is dropped."
    )
    return awaited


def _call(function: Callable[[], R]) -> R:
    try:
        return function()
    except StopIteration as error:
        # A future cannot hold one: whoever awaits it would wait for ever.
        raise RuntimeError("the function raised StopIteration") from error
