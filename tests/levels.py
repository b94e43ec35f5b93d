"""The isolation level under which the tests that are handed a sandbox run.

``SANDBOX_TEST_LEVEL=process pytest tests/bridges tests/state`` runs all of them in worker
processes; the tests in ``tests/isolation`` do so with those that matter most.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from llmspell_bridges.process import WorkerPool
from llmspell_bridges.sandbox import Sandbox, SandboxOptions
from llmspell_bridges.sandbox import create_sandbox as create_inline

__all__ = ["create_sandbox", "shared_pool", "under"]

_level = os.environ.get("SANDBOX_TEST_LEVEL", "inline")


@cache
def shared_pool() -> WorkerPool:
    """Return the pool all tests share; it ends with the test run."""
    return WorkerPool(size=8, spares=2)


def create_sandbox(engine: str, options: SandboxOptions) -> Sandbox:
    """Make a sandbox at the level that is in force."""
    if _level == "process":
        return shared_pool().sandbox(engine, options)
    return create_inline(engine, options)


@contextmanager
def under(level: str) -> Iterator[None]:
    """Have sandboxes made at a level within the block."""
    global _level
    before, _level = _level, level
    try:
        yield
    finally:
        _level = before
