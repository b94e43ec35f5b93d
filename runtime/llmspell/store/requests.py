"""Writes that wait for the right to write, served together by the one who gets it.

A thread that finds the writer busy leaves its batch here. Whoever is next serves all that
wait in one transaction, so that they share the cost of its commit; each batch still applies
or fails by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from llmspell.errors import StorageError
from llmspell.store.base import Operation, WriteResult, Written
from llmspell.store.changes import Origin
from llmspell.store.plan import Plan

__all__ = ["Request", "Waiting", "answer_all", "fail_all", "plan_all"]


class Request:
    """One batch and what became of it."""

    __slots__ = ("batch", "done", "durability", "error", "origin", "result", "seq", "written")

    def __init__(self, batch: Sequence[Operation], durability: str, origin: Origin) -> None:
        self.batch = batch
        self.durability = durability
        self.origin = origin
        self.done = False
        self.error: BaseException | None = None
        self.written: list[Written] = []
        self.seq = 0
        self.result: WriteResult | None = None

    def answer(self) -> WriteResult:
        """Return the result or raise what went wrong."""
        if self.error is not None:
            raise self.error
        assert self.result is not None
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

        Each is in one place or the other whenever a signal strikes. Those are left out whose
        callers have given up.
        """
        queue = self._queue
        while queue and len(taken) < self._at_most:
            if not queue[0].done:
                taken.append(queue[0])
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


def fail_all(requests: Sequence[Request], error: BaseException) -> None:
    """Give each request that has no error of its own the one that ended the transaction.

    An interrupt is for the thread it struck; the others hear that it took their write along.
    """
    for request in requests:
        if request.error is None:
            request.error = error if isinstance(error, Exception) else _interrupted()


def _interrupted() -> StorageError:
    return StorageError(
        "the thread that wrote for several was interrupted",
        hint="load the entry again to see whether the write was made",
        reason="unknown_outcome",
    )
