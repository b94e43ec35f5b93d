"""Runtimes with backups over one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from llmspell import Config, Runtime


@pytest.fixture
def open_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Runtime]]:
    """Open runtimes over one database in an empty folder, with backups unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def open_runtime(
            backup: dict[str, Any] | None = None, state: dict[str, Any] | None = None, **given: Any
        ) -> Runtime:
            section = {"enabled": True, "backup_dir": "backups"} | (backup or {})
            audit = given.pop("audit", {})
            config = Config(
                state={"path": "state.db", "backup": section} | (state or {}), audit=audit
            )
            return stack.enter_context(Runtime(config, **given))

        yield open_runtime


@pytest.fixture
def runtime(open_runtime: Callable[..., Runtime]) -> Runtime:
    """A runtime with a value and no backup."""
    runtime = open_runtime()
    runtime.state.save("user:1", "k", "before")
    return runtime
