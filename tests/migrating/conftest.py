"""States with schemas and migrations, over every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from llmspell import Config, Runtime
from llmspell.state.manager import StateManager

from .profiles import STEP, V1, V2

BACKENDS = ("memory", "sqlite", "rocksdb", "postgresql")


@pytest.fixture
def open_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Runtime]]:
    """Open runtimes in an empty folder; on SQLite and RocksDB they share their files."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def open_runtime(
            backend: str = "sqlite", *, migration: dict[str, Any] | None = None, **given: Any
        ) -> Runtime:
            state: dict[str, Any] = {"migration": {"enabled": True} | (migration or {})}
            if backend.startswith("postgresql"):
                state["url"] = backend
            else:
                state |= {"backend": backend, "path": f"{backend}.db"}
            state |= given.pop("state", {})
            given = {"schemas": [V1, V2], "migrations": [STEP]} | given
            return stack.enter_context(Runtime(Config(state=state), **given))

        yield open_runtime


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend, or the address of a database."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return str(request.param)


@pytest.fixture
def state(open_runtime: Callable[..., Runtime]) -> StateManager:
    """A state on SQLite that knows the user profile."""
    return open_runtime().state
