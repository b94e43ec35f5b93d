"""Worker processes that stay for a whole run, each with the store opened by itself."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from benchmarks.work import WORK
from llmspell.state.manager import StateManager
from llmspell.store import open_store

__all__ = ["Crew"]


class Crew:
    """Processes over one database; a context manager. They start when first needed."""

    def __init__(self, kind: str, how: Mapping[str, Any], size: int) -> None:
        self._opening = (kind, dict(how))
        self._size = size
        self._members: list[tuple[Any, Connection]] = []

    def work(self, name: str, target: str, shares: list[int]) -> None:
        """Let process number n do ``shares[n]`` calls of a work; return when all have."""
        if not self._members:
            self._start()
        busy = [connection for _, connection in self._members[: len(shares)]]
        for number, (connection, calls) in enumerate(zip(busy, shares, strict=True)):
            connection.send((name, calls, target, number))
        problems = [problem for connection in busy if (problem := connection.recv())]
        if problems:
            raise RuntimeError(problems[0])

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        for _ in range(self._size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_member, args=(theirs, *self._opening), daemon=True)
            process.start()
            theirs.close()
            self._members.append((process, ours))
        for _, connection in self._members:
            connection.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for process, connection in self._members:
            connection.close()
            process.join(10)


def _member(connection: Connection, kind: str, how: dict[str, Any]) -> None:
    state = StateManager(open_store(kind, **how))
    connection.send("")
    while True:
        try:
            name, calls, target, number = connection.recv()
        except (EOFError, KeyboardInterrupt):
            break
        try:
            WORK[name](state, calls, target, number)
        except Exception as error:
            connection.send(f"{type(error).__name__}: {error}")
        else:
            connection.send("")
    state.close()
