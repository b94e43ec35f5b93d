"""A folder with a key file, and runtimes over an encrypted database in it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from llmspell import Config, Runtime
from llmspell.state.manager import StateManager


@pytest.fixture(autouse=True)
def _no_keys_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder, without the keys of whoever runs the tests."""
    for name in ("LLMSPELL_MASTER_KEY", "LLMSPELL_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A master key that its owner alone can read."""
    path = tmp_path / "master.key"
    path.write_text("5a" * 32)
    path.chmod(0o600)
    return path


@pytest.fixture
def open_runtime(key_file: Path) -> Iterator[Callable[..., Runtime]]:
    """Open the same database again and again, encrypted unless told otherwise."""
    opened: list[Runtime] = []

    def open_runtime(
        *, key: Path | None = key_file, everything: bool = True, **state: Any
    ) -> Runtime:
        security = {"encryption_enabled": everything, "key_file": key and str(key)}
        security |= state.pop("security", {})
        given = {name: value for name, value in security.items() if value is not None}
        runtime = Runtime(Config(state={"path": "state.db", "security": given, **state}))
        opened.append(runtime)
        return runtime

    yield open_runtime
    for runtime in opened:
        runtime.close()


@pytest.fixture
def state(open_runtime: Callable[..., Runtime]) -> StateManager:
    """An encrypted state."""
    return open_runtime().state


def everything_on_disk(folder: Path = Path()) -> bytes:
    """Return all bytes of all files below a folder but the key."""
    found = b""
    for parent, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(".key"):
                found += (Path(parent) / name).read_bytes()
    return found


def rows_of(table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    """Return what somebody with the file, and without the key, sees of a table."""
    with closing(sqlite3.connect("state.db")) as database:
        return list(database.execute(f"SELECT {columns} FROM {table}"))


def forge(statement: str, *values: Any) -> int:
    """Change the database as somebody with write access to the file would."""
    with closing(sqlite3.connect("state.db")) as database, database:
        return database.execute(statement, values).rowcount
