"""Many writers at once: eight threads, four processes, and one of each to compare them to."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from benchmarks.backends import Backend, OpenBackend
from benchmarks.candidate import Candidate, Setting
from benchmarks.crew import Crew
from benchmarks.work import SHARED, WORK
from llmspell.state.manager import StateManager

__all__ = ["PROCESSES", "THREADS", "parallel_calls", "parallel_names"]

THREADS: Final = 8
PROCESSES: Final = 4


class Team(Protocol):
    """Workers that do shares of the calls at the same time."""

    def work(self, name: str, target: str, shares: list[int]) -> None:
        """Let worker number n do ``shares[n]`` calls of a work; return when all have."""


class Threads:
    """Threads of this process, over one manager."""

    def __init__(self, state: StateManager, pool: ThreadPoolExecutor) -> None:
        self._state = state
        self._pool = pool

    def work(self, name: str, target: str, shares: list[int]) -> None:
        """Do the shares in threads."""
        futures = [
            self._pool.submit(WORK[name], self._state, calls, target, number)
            for number, calls in enumerate(shares)
        ]
        for future in futures:
            future.result()


def parallel_names(backend: Backend) -> tuple[str, ...]:
    """Return the operations that are measured of a backend."""
    return tuple(
        f"{kind}-{workers}/{work}"
        for kind, most in _kinds(backend)
        for workers in (1, most)
        for work in WORK
    )


def parallel_calls(backend: Backend, opened: OpenBackend, setting: Setting) -> Iterator[Candidate]:
    """Yield the candidates of a backend; their calls are those of all workers together."""
    for kind, most in _kinds(backend):
        if kind == "threads":
            pool = setting.stack.enter_context(ThreadPoolExecutor(THREADS))
            team: Team = Threads(opened.state, pool)
        else:
            # A database of their own: that others have it open must not cost the rest.
            opened = OpenBackend(backend, setting, f"{backend.name}-processes")
            team = setting.stack.enter_context(Crew(backend.kind, opened.how, PROCESSES))
        for workers in (1, most):
            for work in WORK:
                yield _candidate(f"{backend.name}/{kind}-{workers}", work, team, opened, workers)


def _kinds(backend: Backend) -> list[tuple[str, int]]:
    kinds = (("threads", THREADS, backend.threads), ("processes", PROCESSES, backend.processes))
    return [(kind, most) for kind, most, wanted in kinds if wanted]


def _candidate(name: str, work: str, team: Team, opened: OpenBackend, workers: int) -> Candidate:
    made = 0

    def run(calls: int) -> None:
        nonlocal made
        made += calls
        share, rest = divmod(calls, workers)
        team.work(work, name, [share + (number < rest) for number in range(workers)])

    def lost() -> int:
        return made - int(opened.state.load(SHARED, name, 0))

    return Candidate(
        f"{name}/{work}",
        run,
        settle=opened.settle,
        lost=lost if work == "increment" else None,
    )
