"""llmspell's own subjects: each backend, with each durability that is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.candidate import Setting
from benchmarks.packages import Unavailable
from llmspell.errors import ConfigError
from llmspell.state.manager import StateManager
from llmspell.store import Store, open_store

__all__ = ["BACKENDS", "Backend", "OpenBackend"]

ALL_CALLERS: Final = ("lua", "js-sync", "js-await", "python")
ALL_OPERATIONS: Final = (
    "save",
    "load",
    "load_same",
    "load_uncached",
    "delete",
    "list_keys",
    "transaction",
    "save_many",
    "load_many",
)
WRITES: Final = ("save", "delete", "transaction", "save_many")
SINGLE_WRITES: Final = ("save", "transaction")


@dataclass(frozen=True)
class Backend:
    """A way to open a store, and what of it is worth measuring."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    callers: tuple[str, ...] = ALL_CALLERS
    operations: tuple[str, ...] = ALL_OPERATIONS
    threads: bool = True
    processes: bool = False


BACKENDS: Final = (
    Backend("memory", "memory"),
    Backend("sqlite", "sqlite", processes=True),
    Backend("sqlite-nojournal", "sqlite", {"journal": False}, operations=WRITES, threads=False),
    Backend(
        "sqlite-relaxed",
        "sqlite",
        {"durability": "relaxed", "flush_ms": 100},
        operations=(*WRITES, "save_flushed"),
    ),
    Backend("sqlite-fsync", "sqlite", {"durability": "fsync"}, operations=SINGLE_WRITES),
    Backend("postgresql", "postgresql", processes=True),
    Backend(
        "postgresql-cached",
        "postgresql",
        {"max_stale_ms": 1000},
        operations=("load", "load_same"),
        threads=False,
    ),
    Backend("rocksdb", "rocksdb"),
    Backend("rocksdb-fsync", "rocksdb", {"durability": "fsync"}, operations=SINGLE_WRITES),
)


class OpenBackend:
    """A backend that is open: its store, a manager, and one whose loads pass by the cache.

    ``database`` names its file or database; the backend's own name unless given.
    """

    def __init__(self, backend: Backend, setting: Setting, database: str | None = None) -> None:
        self.how = _how(backend, setting, database or backend.name)
        self.store = _open(backend.kind, self.how)
        self.state = StateManager(self.store)
        self.uncached = StateManager(self.store, cache_bytes=0)
        setting.stack.callback(self.state.close)

    def settle(self) -> None:
        """Wait until nothing is left to be written, so that no other candidate pays for it.

        A delete is never put off, and is committed after everything that was accepted before.
        """
        if "flush_ms" in self.how:
            self.state.delete("settle", "nothing")

    def flushed(self, run: Callable[[int], None]) -> Callable[[int], None]:
        """Return what does the calls and waits until all of them are written."""

        def both(calls: int) -> None:
            run(calls)
            self.settle()

        return both


def _how(backend: Backend, setting: Setting, database: str) -> dict[str, Any]:
    how = dict(backend.options)
    if backend.kind in ("sqlite", "rocksdb"):
        how["path"] = setting.folder / database
    if backend.kind == "postgresql":
        how["url"] = setting.postgres.database(database)
    return how


def _open(kind: str, how: Mapping[str, Any]) -> Store:
    try:
        return open_store(kind, **how)
    except ConfigError as error:
        raise Unavailable(". ".join(filter(None, (error.message, error.hint)))) from error
