"""States with access control, over a store in memory or a file, and clocks to turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from llmspell.security.access import AccessControl, Grant, Policy
from llmspell.state.manager import StateManager
from llmspell.store import open_store

NOON_US = 1_900_000_000_000_000 // 86_400_000_000 * 86_400_000_000 + 43_200_000_000
"""Noon (UTC) of a Sunday in 2030."""


_numbers = count(1)


class Clock:
    """Tells the time it is set to: microseconds of the calendar, and seconds that only grow."""

    def __init__(self) -> None:
        self.now_us = NOON_US
        self.passed_s = 0.0

    def __call__(self) -> int:
        return self.now_us

    def monotonic_s(self) -> float:
        return self.passed_s

    def pass_s(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)
        self.passed_s += seconds


def grant(actor: str | None, permission: str, scope: str, **facts: Any) -> Grant:
    """Return a grant as the configuration would hold it."""
    given = {"actor": actor, "permission": permission, "scope": scope, **facts}
    return Grant.read(f"c{next(_numbers)}", given)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def control(clock: Clock) -> Callable[..., AccessControl]:
    """Make an access control of grants."""

    def make(
        *grants: Grant, roles: Mapping[str, tuple[str, ...]] | None = None, **options: Any
    ) -> AccessControl:
        return AccessControl(
            Policy(grants, roles), clock=clock, monotonic_s=clock.monotonic_s, **options
        )

    return make


@pytest.fixture
def guarded(clock: Clock) -> Iterator[Callable[..., StateManager]]:
    """Open states with access control; in memory, or where a path says."""
    with ExitStack() as stack:

        def open_one(*grants: Grant, path: Path | None = None, **options: Any) -> StateManager:
            store = open_store("memory") if path is None else open_store("sqlite", path=path)
            made = {"clock": clock, "monotonic_s": clock.monotonic_s, **options}
            access = partial(AccessControl, Policy(grants, made.pop("roles", None)), **made)
            state = StateManager(store, access=access, actor=options.get("actor"))
            stack.callback(state.close)
            return state

        yield open_one
