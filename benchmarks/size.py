"""A store with a million entries: resident memory, cost of a page of keys, time to open.

``python -m benchmarks.size FOLDER PART ENTRIES`` runs one part in a process of its own and prints
a JSON object; ``measure_size`` runs all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from benchmarks.workload import PAGE, SCOPE, value

__all__ = ["SIZE", "measure_size", "resident_mib"]

SIZE: Final = "size/sqlite/large"
"""The name by which ``--only`` chooses this."""
SMALL: Final = 1000
"""How many entries the store holds that the large one is compared to."""
CACHE_BYTES: Final = 16 * 2**20
BATCH: Final = 10_000
PAGES: Final = 300


def measure_size(folder: Path, entries: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Fill a small and a large SQLite store, each part in a fresh process; return the figures."""
    figures: dict[str, Any] = {"entries": entries, "cache_mib": CACHE_BYTES / 2**20}
    for part in PARTS:
        progress(f"{entries:,} entries: {part}")
        # Opening takes a fraction of a second, which anything else on the machine disturbs.
        runs = [_in_process(folder, part, entries) for _ in range(5 if part == "open" else 1)]
        figures |= {name: min(run[name] for run in runs) for name in runs[0]}
    return figures


def _in_process(folder: Path, part: str, entries: int) -> dict[str, float]:
    # Compiled modules are kept beside the data, whatever the environment says of them: the first
    # process writes them, and what compiling costs is not what opening costs.
    compiled = ["-X", f"pycache_prefix={folder / 'pycache'}"]
    module = ["-m", "benchmarks.size", str(folder), part, str(entries)]
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *compiled, *module]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, encoding="utf-8", env=environ
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _open(folder: Path, entries: int) -> Any:
    from llmspell.state.manager import StateManager
    from llmspell.store import open_store

    store = open_store("sqlite", path=folder / f"{entries}.db")
    return StateManager(store, cache_bytes=CACHE_BYTES)


def _key(number: int) -> str:
    return f"entry-{number:08}"


def _fill(folder: Path, entries: int) -> dict[str, float]:
    """Save all entries in batches."""
    for size in (SMALL, entries):
        state = _open(folder, size)
        before, started = resident_mib(), perf_counter()
        for first in range(0, size, BATCH):
            numbers = range(first, min(first + BATCH, size))
            state.save_many(SCOPE, {_key(number): value(number) for number in numbers})
        took = perf_counter() - started
        grown = resident_mib() - before
        state.close()
    file = folder / f"{entries}.db"
    return {
        "fill_us": took / entries * 1e6,
        "fill_grown_mib": grown,
        "file_mib": file.stat().st_size / 2**20,
    }


def _opening(folder: Path, entries: int) -> dict[str, float]:
    """Open and load one entry: first with all imports, then without."""
    started = perf_counter()
    state = _open(folder, entries)
    state.load(SCOPE, _key(entries // 2))
    first = perf_counter()
    state.close()
    again = perf_counter()
    state = _open(folder, entries)
    state.load(SCOPE, _key(entries // 3))
    done = perf_counter()
    state.close()
    return {"open_ms": (first - started) * 1e3, "open_again_ms": (done - again) * 1e3}


def _paging(folder: Path, entries: int) -> dict[str, float]:
    """Read pages of keys from all over the small and the large store, in turn."""
    states = {size: _open(folder, size) for size in (SMALL, entries)}
    took = dict.fromkeys(states, float("inf"))
    for turn in range(PAGES):
        for size, state in states.items():
            after = _key((size - PAGE) * turn // PAGES)
            started = perf_counter()
            keys = state.list_keys(SCOPE, after=after, limit=PAGE)
            took[size] = min(took[size], perf_counter() - started)
            if len(keys) != min(PAGE, size):
                raise RuntimeError(f"a page of {len(keys)} keys")
    for state in states.values():
        state.close()
    return {"page_small_us": took[SMALL] * 1e6, "page_large_us": took[entries] * 1e6}


def _reading(folder: Path, entries: int) -> dict[str, float]:
    """Load every entry once; the cache must not hold more than it may."""
    state = _open(folder, entries)
    state.load(SCOPE, _key(0))
    before = resident_mib()
    halfway = before
    for number in range(entries):
        if state.load(SCOPE, _key(number)) is None:
            raise RuntimeError(f"entry {number} is not there")
        if number == entries // 2:
            halfway = resident_mib()
    after = resident_mib()
    cached = state.get_stats()["cache"]["entries"]
    state.close()
    return {
        "read_grown_mib": after - before,
        "read_grown_half_mib": halfway - before,
        "cached_entries": cached,
        "resident_mib": after,
    }


PARTS: Final[dict[str, Callable[[Path, int], dict[str, float]]]] = {
    "fill": _fill,
    "open": _opening,
    "list": _paging,
    "read": _reading,
}


def resident_mib() -> float:
    """Return the memory this process holds now (Linux), or its peak elsewhere."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[2]](Path(sys.argv[1]), int(sys.argv[3]))))
