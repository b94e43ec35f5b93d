"""Everything in this folder runs its sandboxes in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridges.conftest import bench, js, lua, make
from levels import under
from llmspell import Runtime
from llmspell_bridges.process import WorkerPool
from state.conftest import desk, engine, open_desk

__all__ = ["bench", "desk", "engine", "js", "lua", "make", "open_desk"]


@pytest.fixture(autouse=True)
def _in_processes() -> Iterator[None]:
    with under("process"):
        yield


@pytest.fixture
def open_pool() -> Iterator[Callable[..., WorkerPool]]:
    """Open pools; all of them are closed at the end."""
    opened: list[WorkerPool] = []

    def open_pool(**options: Any) -> WorkerPool:
        opened.append(WorkerPool(**options))
        return opened[-1]

    yield open_pool
    for pool in opened:
        pool.close()


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A runtime over a memory store whose scripts run in processes."""
    with Runtime(profile="minimal", isolation="process") as opened:
        yield opened
