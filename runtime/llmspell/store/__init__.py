"""Where state is kept: the ``Store`` protocol, its backends, and the codec of values.

Backends are imported when they are opened; SQLAlchemy alone takes longer than a script.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from llmspell.errors import ConfigError, FeatureUnavailable
from llmspell.store.base import (
    INTERNAL,
    Check,
    Clear,
    Delete,
    Operation,
    Put,
    Reader,
    Ref,
    Row,
    Store,
    WriteResult,
    Written,
)
from llmspell.store.changes import NOBODY, Change, Compacted, JournalSpan, Origin, Swept
from llmspell.store.checks import DURABILITIES
from llmspell.store.clock import Clock, system_clock

__all__ = [
    "INTERNAL",
    "NOBODY",
    "Change",
    "Check",
    "Clear",
    "Clock",
    "Compacted",
    "Delete",
    "JournalSpan",
    "Operation",
    "Origin",
    "Put",
    "Reader",
    "Ref",
    "Row",
    "Store",
    "Swept",
    "WriteResult",
    "Written",
    "open_store",
]

#: Older configurations name a backend that SQLite took the place of.
_ALIASES = {"sled": "sqlite"}
#: The memory store's journal is for a look back, not for the record.
_MEMORY_CHANGES = 10_000
_SQLITE_SCHEMES = ("sqlite", "sqlite+pysqlite")


def open_store(
    backend: str,
    *,
    path: Path | None = None,
    url: str | None = None,
    durability: str = "commit",
    busy_timeout_ms: int = 30_000,
    journal: bool = True,
    clock: Clock = system_clock,
) -> Store:
    """Open the store of a backend, ``"memory"`` or ``"sqlite"``, making the file if needed.

    ``url`` may take the place of ``path`` (``sqlite:///relative.db``,
    ``sqlite:////absolute.db``) and decides if both are given. ``busy_timeout_ms`` is how long
    a write waits for another process's. The memory store has no use for any option.

    Raises FeatureUnavailable for a backend this version lacks, ConfigError for options that
    cannot be meant, StorageError when the database cannot be opened.
    """
    name = _ALIASES.get(backend, backend)
    if durability not in DURABILITIES:
        raise ConfigError(
            f"unknown durability {durability!r}", hint=f"use one of: {', '.join(DURABILITIES)}"
        )
    if url is not None:
        name, path = "sqlite", _path_of(url)
    if name == "memory":
        from llmspell.store.memory import MemoryStore

        return MemoryStore(journal=journal, keep_changes=_MEMORY_CHANGES, clock=clock)
    if name != "sqlite":
        raise _unavailable(backend)
    if path is None or path.name == ":memory:":
        raise ConfigError(
            "the sqlite backend needs the path of a file",
            hint='set path or url; for a store in memory set backend = "memory"',
        )
    from llmspell.store.sqlite import SqliteDriver
    from llmspell.store.sqlite_store import SqliteStore

    driver = SqliteDriver(path, durability=durability, busy_timeout_ms=busy_timeout_ms)
    return SqliteStore(driver, journal=journal, clock=clock)


def _path_of(url: str) -> Path:
    # Never show the URL: it may hold a password.
    scheme, separator, rest = url.partition("://")
    if separator and scheme not in _SQLITE_SCHEMES:
        raise _unavailable(scheme)
    name = unquote(rest[1:])
    if not rest.startswith("/") or not name or "?" in rest:
        raise ConfigError(
            "the url does not name a file as sqlite URLs do",
            hint="write sqlite:///relative.db or sqlite:////absolute/path.db",
        )
    return Path(name)


def _unavailable(backend: str) -> FeatureUnavailable:
    return FeatureUnavailable(
        f"this version has no {backend!r} store",
        hint='it has "memory" and "sqlite"',
        backend=backend,
    )
