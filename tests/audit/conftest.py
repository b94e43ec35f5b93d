"""Logs to look at, and the words to say what is wrong with them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import llmspell
from llmspell.security.audit import AuditLog, AuditRecord, verify
from llmspell.security.audit.reading import records_between

__all__ = ["KEY", "OTHER_KEY", "filled", "kinds", "llmspell", "notes", "rows", "sql"]

KEY = bytes(range(32))
OTHER_KEY = bytes(32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


def filled(path: Path, count: int, *, key: bytes | None = KEY, **options: Any) -> Path:
    """Write a log of so many records and close it."""
    with AuditLog(path, key=key, **options) as log:
        for number in range(count):
            log.record("save", scope="user:42", key=f"k{number}", version=1)
    return path


def kinds(path: Path, key: bytes | None = KEY, **options: Any) -> set[str]:
    """Return the kinds of problems a verification finds."""
    steps = verify(path, key=key, **options)
    return {problem.kind for step in steps for problem in step.problems}


def notes(path: Path, key: bytes | None = KEY) -> list[str]:
    return [note for step in verify(path, key=key) for note in step.notes]


def rows(path: Path) -> list[AuditRecord]:
    """Return all records in their order."""
    return list(records_between(path))


def sql(path: Path, statement: str, *values: Any) -> None:
    """Do what somebody with access to the file can do."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(statement, values)
