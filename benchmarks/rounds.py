"""Measuring: rounds in which every candidate has its turn, so that drift weighs on all alike."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

from benchmarks.candidate import Candidate, Missing

__all__ = ["Progress", "Timing", "described", "measure"]

MAX_CALLS: Final = 50_000
#: What takes so many times the length of a round in one call is slow, and has its turn in every
#: third round only.
SLOW: Final = 4
SLOW_EVERY: Final = 3

#: Called with the round (0 while calls are counted out) and a candidate's name.
Progress = Callable[[int, str], None]


@dataclass
class Timing:
    """Microseconds of one operation in each round; ``operations`` is how many the last one did."""

    operations: int
    rounds_us: list[float] = field(default_factory=list)
    lost: int | None = None

    @property
    def best_us(self) -> float:
        """The fastest round, which other work on the machine disturbed least."""
        return min(self.rounds_us)

    @property
    def median_us(self) -> float:
        """The round in the middle."""
        return statistics.median(self.rounds_us)


def measure(
    candidates: Sequence[Candidate], *, rounds: int, slice_s: float, progress: Progress
) -> tuple[dict[str, Timing], list[Missing]]:
    """Time every candidate in each of ``rounds`` rounds, for about ``slice_s`` seconds each.

    Candidates that do the same thing follow one another. One that fails is left out and told
    of: an error in one must not cost the figures of all others.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate.name.rpartition("/")[2])
    failed: dict[str, str] = {}
    turns = {}
    for candidate in ordered:
        progress(0, candidate.name)
        try:
            turns[candidate.name] = _Turn(candidate, slice_s)
        except Exception as error:
            failed[candidate.name] = described(error)
    # What the set-up left behind need not be looked at again and again.
    gc.collect()
    gc.freeze()
    for number in range(rounds):
        for name, turn in turns.items():
            if name in failed or number % turn.every:
                continue
            progress(number + 1, name)
            try:
                turn.take()
            except Exception as error:
                failed[name] = described(error)
    gc.unfreeze()
    timings = {name: turn.result() for name, turn in turns.items() if name not in failed}
    return timings, [Missing(name, reason, failed=True) for name, reason in failed.items()]


class _Turn:
    """A candidate with how many calls fill one round, and in every which round to make them."""

    def __init__(self, candidate: Candidate, slice_s: float) -> None:
        self._candidate, self._slice_s = candidate, slice_s
        _timed(candidate, 1)  # warms up
        self._calls, took = 1, _timed(candidate, 1)
        self.every = SLOW_EVERY if took > SLOW * slice_s else 1
        while took < slice_s / 2 and self._calls < MAX_CALLS:
            self._calls = min(_fitting(self._calls, took, slice_s), self._calls * 10)
            took = min(_timed(candidate, self._calls) for _ in range(2))
        self._calls = _fitting(self._calls, took, slice_s)
        self._timing = Timing(self._calls * candidate.step)

    def take(self) -> None:
        """Make the calls of one round.

        Counting out may have met a disturbance and stopped at too few calls, whose figures
        would be those of the call's frame: a faster round than expected makes the next larger.
        """
        took = _timed(self._candidate, self._calls)
        self._timing.operations = self._calls * self._candidate.step
        self._timing.rounds_us.append(took / self._timing.operations * 1e6)
        more = min(_fitting(self._calls, took, self._slice_s), self._calls * 10)
        self._calls = max(self._calls, more)

    def result(self) -> Timing:
        """Return what was measured, with the updates that got lost."""
        if self._candidate.lost is not None:
            self._timing.lost = self._candidate.lost()
        return self._timing


def _fitting(calls: int, took: float, slice_s: float) -> int:
    return max(1, min(MAX_CALLS, int(calls * slice_s / max(took, 1e-7))))


def _timed(candidate: Candidate, calls: int) -> float:
    candidate.prepare(calls)
    gc.collect(0)
    started = perf_counter()
    candidate.run(calls)
    took = perf_counter() - started
    candidate.settle()
    return took


def described(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
