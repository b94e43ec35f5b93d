"""What people call the subjects, callers and operations, and what each is compared to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

__all__ = ["CALLERS", "OPERATIONS", "OURS", "Operation", "duration", "grouped", "label"]


class Operation(NamedTuple):
    """What an operation does, and the candidate its rows are compared to."""

    title: str
    yardstick: str


_BARE: Final = "bare-sqlite3/python"
OPERATIONS: Final[dict[str, Operation]] = {
    "save": Operation("save one entry", f"{_BARE}/save"),
    "save_flushed": Operation("save one entry, until it is written", f"{_BARE}/save"),
    "load": Operation("load one of 1,000 entries, cached", "redis/eval/load"),
    "load_same": Operation("load the same entry again, cached", "redis/eval/load_same"),
    "load_uncached": Operation("load one entry, uncached", f"{_BARE}/load_uncached"),
    "delete": Operation("delete one entry", f"{_BARE}/delete"),
    "list_keys": Operation("list 100 of 1,000 keys", f"{_BARE}/list_keys"),
    "transaction": Operation("transaction: load 2, save 2", f"{_BARE}/transaction"),
    "save_many": Operation("save a batch, for each entry", f"{_BARE}/save_many"),
    "load_many": Operation("load a batch, for each entry", f"{_BARE}/load_uncached"),
    "increment": Operation("count up one number", f"{_BARE}/save"),
    "call": Operation("a host call that does nothing", "host/lua/call"),
    "epoch": Operation("ask whether anything was written", "host/lua/call"),
    "encode": Operation("encode a value", "host/lua/call"),
    "decode": Operation("decode a value", "host/lua/call"),
    "python": Operation("a bare interpreter", "command/shell/python"),
    "version": Operation("llmspell --version", "command/shell/python"),
    "exec-lua": Operation("llmspell exec, Lua", "command/shell/python"),
    "exec-js": Operation("llmspell exec, JavaScript", "command/shell/python"),
    "exec-state": Operation("llmspell exec, Lua with State", "command/shell/python"),
}
OURS: Final = {
    "memory": "llmspell memory",
    "sqlite": "llmspell SQLite",
    "sqlite-nojournal": "llmspell SQLite, no journal",
    "sqlite-relaxed": "llmspell SQLite, relaxed",
    "sqlite-fsync": "llmspell SQLite, fsync",
    "postgresql": "llmspell PostgreSQL",
    "postgresql-cached": "llmspell PostgreSQL, cached",
    "rocksdb": "llmspell RocksDB",
    "rocksdb-fsync": "llmspell RocksDB, fsync",
    "command": "command",
    "host": "VM",
    "codec": "codec",
}
_OTHERS: Final = {
    "bare-sqlite3": "bare sqlite3",
    "bare-psycopg": "bare psycopg",
    "bare-rocksdict": "bare rocksdict",
    "diskcache": "diskcache",
    "sqlitedict": "sqlitedict",
    "langgraph-sqlite": "LangGraph SqliteStore",
    "langgraph-memory": "LangGraph InMemoryStore",
    "redis": "Redis",
}
CALLERS: Final = {
    "lua": "Lua",
    "js-sync": "JS sync",
    "js-await": "JS await",
    "python": "Python",
    "store": "Store alone",
    "eval": "EVAL",
    "shell": "shell",
    "threads-1": "1 thread",
    "threads-8": "8 threads",
    "processes-1": "1 process",
    "processes-4": "4 processes",
}


def label(name: str) -> tuple[str, str]:
    """Return how to show a candidate's subject and caller."""
    subject, caller, _ = name.split("/")
    return OURS.get(subject) or _OTHERS[subject], CALLERS[caller]


def grouped(document: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[Any, float | None]]]]:
    """Yield each operation with its rows, fastest first, and their ratios to the yardstick."""
    results = {row["name"]: row for row in document["results"]}
    for operation, (_, name) in OPERATIONS.items():
        rows = [row for row in results.values() if row["operation"] == operation]
        rows.sort(key=lambda row: row["best_us"])
        unit = results[name]["best_us"] if name in results else None
        if rows:
            yield operation, [(row, row["best_us"] / unit if unit else None) for row in rows]


def duration(microseconds: float) -> str:
    """Return a duration with three digits and its unit."""
    units = ((1, "us"), (1e3, "ms"), (1e6, "s"))
    divisor, unit = next((u for u in units if microseconds < 1000 * u[0]), units[-1])
    number = microseconds / divisor
    return f"{number:.{2 if number < 10 else 1 if number < 100 else 0}f} {unit}"
