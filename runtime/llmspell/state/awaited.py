"""The methods of a blocking object, awaited: a generic facade.

A method becomes a coroutine that runs in a worker thread. One that returns an iterator becomes an
asynchronous iterator, and one that returns a context manager an asynchronous context manager;
each of these has a thread of its own while it is open, so that waiting for a lock keeps nobody
from letting go of it, and an object that belongs to one thread stays in it.
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import cache, partial, wraps
from itertools import islice
from time import monotonic
from types import MethodType, TracebackType
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, get_origin, get_type_hints

from llmspell.errors import InvalidArgument
from llmspell.threads import Threads

__all__ = ["Awaited", "adapted", "awaited", "entered", "iterated"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
#: Of an iterator so many items are fetched at a time, unless that takes longer than this.
_MOST_ITEMS: Final = 100
_LONGEST_FETCH_S: Final = 0.005
# What a context manager gives that has nothing to wait for.
_PLAIN: Final = (type(None), bool, int, float, str, bytes, tuple, list, dict)


class Awaited(Generic[T]):
    """Offers what ``target`` offers, in ``threads``; ``hidden`` names it does not offer."""

    def __init__(self, target: T, threads: Threads, hidden: frozenset[str] = frozenset()) -> None:
        self._target = target
        self._hidden = hidden
        self.threads = threads

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in self._hidden or not hasattr(self._target, name):
            close = difflib.get_close_matches(name, dir(self), n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{meant}")
        value = getattr(self._target, name)
        if not inspect.ismethod(value):
            return value
        return MethodType(adapted(value.__func__), self)

    def __dir__(self) -> list[str]:
        offered = {name for name in dir(self._target) if not name.startswith("_")}
        return sorted({*super().__dir__(), *(offered - self._hidden)})


def awaited(
    method: Callable[Concatenate[T, P], R],
) -> Callable[Concatenate[Awaited[T], P], Coroutine[Any, Any, R]]:
    """Return a coroutine method that runs ``method`` in a thread."""

    @wraps(method)
    async def call(self: Awaited[T], /, *args: P.args, **kwargs: P.kwargs) -> R:
        for argument in (*args, *kwargs.values()):
            if inspect.iscoroutinefunction(argument):
                raise InvalidArgument(
                    f"{method.__name__}: {argument.__name__} is an async function, but it is "
                    "called in a worker thread",
                    hint="pass a plain function",
                )
        return await self.threads.call(method, self._target, *args, **kwargs)

    return call


def iterated(
    method: Callable[Concatenate[T, P], Iterator[R]],
) -> Callable[Concatenate[Awaited[T], P], AsyncIterator[R]]:
    """Return a method for ``async for``. Leaving the loop early closes the iterator."""

    @wraps(method)
    async def iterate(self: Awaited[T], /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        thread = self.threads.alone()
        iterators: list[Iterator[R]] = []

        def fetch() -> list[R]:
            if not iterators:
                iterators.append(method(self._target, *args, **kwargs))
            return _fetched(iterators[0])

        try:
            while items := await thread.call(fetch):
                for item in items:
                    yield item
        finally:
            thread.submit(lambda: [getattr(each, "close", int)() for each in iterators])
            thread.close()

    return iterate


def _fetched(iterator: Iterator[R]) -> list[R]:
    items = []
    deadline = monotonic() + _LONGEST_FETCH_S
    for item in islice(iterator, _MOST_ITEMS):
        items.append(item)
        if monotonic() > deadline:
            break
    return items


def entered(
    method: Callable[Concatenate[T, P], AbstractContextManager[R]],
) -> Callable[Concatenate[Awaited[T], P], AbstractAsyncContextManager[Any]]:
    """Return a method for ``async with``; what it gives has its methods awaited, too."""

    @wraps(method)
    def enter(
        self: Awaited[T], /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[Any]:
        return _Entered(self.threads.alone(), partial(method, self._target, *args, **kwargs))

    return enter


class _Entered(AbstractAsyncContextManager[Any]):
    """A blocking context manager that lives in a thread of its own."""

    def __init__(self, thread: Threads, make: Callable[[], AbstractContextManager[Any]]) -> None:
        self._thread = thread
        self._make = make
        self._manager: AbstractContextManager[Any] | None = None

    async def __aenter__(self) -> Any:
        try:
            value = await self._thread.call(self._enter)
        except BaseException as error:
            # Cancelled while the thread was entering it: there it is left again.
            self._thread.submit(self._leave, type(error), error, None)
            self._thread.close()
            raise
        return value if isinstance(value, _PLAIN) else Awaited(value, self._thread)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        # Once it is entered it is left, whoever is cancelled meanwhile.
        leaving = self._thread.submit(self._leave, kind, error, traceback)
        self._thread.close()
        return await asyncio.shield(asyncio.wrap_future(leaving))

    def _enter(self) -> Any:
        manager = self._make()
        value = manager.__enter__()
        self._manager = manager
        return value

    def _leave(self, *failure: Any) -> bool | None:
        manager, self._manager = self._manager, None
        return None if manager is None else manager.__exit__(*failure)


def adapted(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method ``awaited``, ``iterated`` or ``entered``, as its kind demands."""
    return _kind(method)(method)


@cache
def _kind(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Tell the kind of a method by what it is, or else by what it says it returns."""
    if inspect.isgeneratorfunction(function):
        return iterated
    if inspect.isgeneratorfunction(inspect.unwrap(function)):
        return entered  # contextlib.contextmanager
    try:
        result = get_type_hints(function).get("return")
    except NameError:  # a name that is imported for type checkers only
        return awaited
    result = get_origin(result) or result
    if not isinstance(result, type):
        return awaited
    if issubclass(result, Iterator):
        return iterated
    return entered if hasattr(result, "__exit__") else awaited
