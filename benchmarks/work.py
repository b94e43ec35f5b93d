"""What the workers of a team do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.workload import SCOPE, value
from llmspell.state.manager import StateManager

__all__ = ["SHARED", "WORK"]

SHARED: Final = "shared"


def _save_own_keys(state: StateManager, calls: int, target: str, worker: int) -> None:
    for number in range(calls):
        state.save(SCOPE, f"{target}-{worker}-{number % 100}", value(number))


def _increment_one_key(state: StateManager, calls: int, target: str, worker: int) -> None:
    for _ in range(calls):
        state.increment(SHARED, target)


#: Called with the state, how many calls to make, the candidate's name, the worker's number.
WORK: Final[dict[str, Callable[[StateManager, int, str, int], None]]] = {
    "save": _save_own_keys,
    "increment": _increment_one_key,
}
