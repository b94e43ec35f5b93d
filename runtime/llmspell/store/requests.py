"""Writes that wait for the right to write, served together by the one who gets it.

A thread that finds the writer busy leaves its batch here. Whoever is next serves all that
wait in one transaction, so that they share the cost of its commit; each batch still applies
or fails by itself.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence

from llmspell.errors import StorageError
from llmspell.store.base import Operation, WriteResult, Written
from llmspell.store.changes import Origin
from llmspell.store.plan import Plan

__all__ = ["Request", "Waiting", "answer_all", "fail_all", "own_copy", "plan_all"]


class Request:
    """One batch and what became of it. Once it is ``taken``, somebody has served it or is at it."""

    __slots__ = ("batch", "durability", "error", "origin", "result", "seq", "taken", "written")

    def __init__(self, batch: Sequence[Operation], durability: str, origin: Origin) -> None:
        self.batch = batch
        self.durability = durability
        self.origin = origin
        self.taken = False
        self.error: BaseException | None = None
        self.written: list[Written] = []
        self.seq = 0
        self.result: WriteResult | None = None

    def answer(self) -> WriteResult:
        """Return the result or raise what went wrong."""
        if self.error is not None:
            raise own_copy(self.error)
        if self.result is None:
            raise _interrupted()
        return self.result


class Waiting:
    """The requests that nobody serves yet. Adding needs no lock."""

    def __init__(self, at_most: int = 256) -> None:
        self._queue: deque[Request] = deque()
        self._at_most = at_most

    def add(self, request: Request) -> None:
        self._queue.append(request)

    def __bool__(self) -> bool:
        return bool(self._queue)

    def take(self, taken: list[Request]) -> None:
        """Add those to serve together to ``taken``, in the order they came.

        None is lost when a signal strikes in between. Those are left out that are taken: their
        callers have given up.
        """
        queue = self._queue
        while queue and len(taken) < self._at_most:
            request = queue[0]
            if not request.taken:
                request.taken = True
                taken.append(request)
            queue.popleft()


def plan_all(plan: Plan, requests: Sequence[Request]) -> int:
    """Apply each request's batch, keeping the error of each that is refused.

    Return how many there are that were not.
    """
    for request in requests:
        try:
            request.written = plan.apply(request.batch, request.origin)
        except Exception as error:
            request.error = error
        request.seq = plan.last
    return sum(request.error is None for request in requests)


def answer_all(requests: Sequence[Request], before: int, after: int) -> None:
    """Give each request its result, as if it had been committed alone, in its turn.

    ``before`` and ``after`` are the epochs around the commit of all; each request that was not
    refused takes a step of its own, for each changed what a cache of another's does not know.
    """
    passed = [request for request in requests if request.error is None]
    epoch = after - len(passed) if after != before else after
    for request in passed:
        left = before if request is passed[0] else epoch
        epoch = min(epoch + 1, after)
        request.result = WriteResult(request.written, left, epoch, request.seq)


def fail_all(requests: Sequence[Request], error: Exception) -> None:
    """Give each request that has no error of its own the one that ended the transaction."""
    for request in requests:
        request.error = request.error or error


def own_copy(error: BaseException) -> BaseException:
    """Return an error like this one, since several threads cannot raise the same."""
    if not isinstance(error, StorageError):
        return error
    mine = copy.copy(error)
    mine.__cause__, mine.__traceback__ = error.__cause__, None
    return mine


def _interrupted() -> StorageError:
    """Make the error of a request whose server was interrupted: that took its write along."""
    return StorageError(
        "the thread that wrote for several was interrupted",
        hint="load the entry again to see whether the write was made",
        reason="unknown_outcome",
    )
