"""Time the stores against a bare sqlite3 upsert of the same bytes, in the same run.

python benchmarks/store.py [--rounds N] [--writes N] [--size BYTES] [--keys N]

Rounds alternate between the candidates and the best round of each counts, so that what else
the machine does weighs on all alike. Every write commits and changes the bytes.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from llmspell.store import Put, Ref, Store, codec, open_store

VALUE = {"theme": "dark", "version": "1.0.0", "n": 3, "f": [1, 2, 3]}
BARE_UPSERT = (
    "INSERT INTO bare (scope, key, value) VALUES (?, ?, ?)"
    " ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value"
)
SCOPE = "agent:bench"


def bare_upsert(folder: Path, items: list[tuple[str, bytes]]) -> Callable[[], None]:
    """Prepare the yardstick: autocommitted upserts, write-ahead log, synchronous NORMAL."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE bare (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key))"
    )
    execute = connection.cursor().execute
    rows = [(SCOPE, key, blob) for key, blob in items]

    def run() -> None:
        for row in rows:
            execute(BARE_UPSERT, row)

    return run


def store_write(store: Store, items: list[tuple[str, bytes]]) -> Callable[[], None]:
    """Prepare single-Put batches, each committed."""
    batches = [[Put(SCOPE, key, blob, at)] for at, (key, blob) in enumerate(items)]

    def run() -> None:
        for batch in batches:
            store.write(batch)

    return run


def store_read(store: Store, items: list[tuple[str, bytes]]) -> Callable[[], None]:
    """Prepare reads of one entry each."""
    lists = [[Ref(SCOPE, key)] for key, _ in items]

    def run() -> None:
        for refs in lists:
            store.read(refs)

    return run


def repeat(call: Callable[[], object], count: int) -> Callable[[], None]:
    """Prepare ``count`` calls."""

    def run() -> None:
        for _ in range(count):
            call()

    return run


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--writes", type=int, default=5_000, help="calls in a round")
    parser.add_argument("--size", type=int, default=80, help="bytes of a value")
    parser.add_argument("--keys", type=int, default=1_000)
    options = parser.parse_args()

    if options.writes < 2 * options.keys:
        parser.error("--writes must be at least twice --keys, or rounds repeat the same bytes")
    # A prime number of payloads, so that no key meets the same one twice in a row: SQLite
    # skips the page of a value that did not change.
    payloads = [os.urandom(options.size) for _ in range(61)]
    count = options.writes
    items = [(f"key-{i % options.keys}", payloads[i % 61]) for i in range(count)]
    blob = codec.encode(VALUE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sqlite = open_store("sqlite", path=folder / "state.db")
        memory = open_store("memory")
        candidates = {
            "bare sqlite3 upsert": bare_upsert(folder, items),
            "sqlite write": store_write(sqlite, items),
            "sqlite read": store_read(sqlite, items),
            "sqlite epoch": repeat(sqlite.epoch, count),
            "memory write": store_write(memory, items),
            "memory read": store_read(memory, items),
            "codec encode": repeat(lambda: codec.encode(VALUE), count),
            "codec decode": repeat(lambda: codec.decode(blob), count),
        }
        best = dict.fromkeys(candidates, float("inf"))
        for _ in range(options.rounds):
            for label, run in candidates.items():
                start = perf_counter()
                run()
                best[label] = min(best[label], perf_counter() - start)
        sqlite.close()
    yardstick = best["bare sqlite3 upsert"]
    for label, seconds in best.items():
        print(f"{label:20} {seconds / count * 1e6:7.2f} us  {seconds / yardstick:6.3f} x bare")


if __name__ == "__main__":
    main()
