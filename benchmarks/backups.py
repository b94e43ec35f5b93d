"""What backups cost: ``python -m benchmarks.backups [entries]`` on a quiet machine.

Every step runs in a process of its own, which tells its time and the most memory it had.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Any, Final

from llmspell import Runtime
from llmspell.config import load_config

__all__ = ["main"]

ENTRIES: Final = 1_000_000
CHANGES: Final = 1000
SCOPES: Final = 100
ROUNDS: Final = 3
WINDOW_S: Final = 4.0
_SPAWN: Final = multiprocessing.get_context("spawn")


def main() -> None:
    """Measure and print everything."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _in_process(_fill, place, entries)
        full = [_in_process(_create, place, "full") for _ in range(ROUNDS)]
        _tell(f"full backup of {entries:,} entries (goal 12 s)", full)
        changed = []
        for _ in range(ROUNDS):
            _in_process(_change, place)
            changed.append(_in_process(_create, place, "incremental"))
        _tell(f"incremental of {CHANGES:,} changes (goal 0.3 s)", changed)
        speeds = [_in_process(_verify, place) for _ in range(ROUNDS)]
        rates = ", ".join(f"{size / seconds / 1e6:.0f}" for seconds, _, size in speeds)
        print(f"{'verify (goal 200 MB/s uncompressed)':58} {rates} MB/s")
        restored = [_in_process(_restore, place, number) for number in range(ROUNDS)]
        _tell(f"restore of {entries:,} entries (goal 25 s, 150 MB)", restored)
        _writers(place)


def _tell(what: str, measured: list[tuple[float, float, int]]) -> None:
    seconds = sorted(each[0] for each in measured)
    memory = max(each[1] for each in measured)
    print(f"{what:58} {median(seconds):8.2f} s (least {seconds[0]:.2f}), {memory:.0f} MB")


def _runtime(place: Path, database: str = "state.db") -> Runtime:
    settings = {
        "state.path": str(place / database),
        "state.backup.enabled": True,
        "state.backup.backup_dir": str(place / "backups"),
        "state.journal.max_changes": 0,
    }
    return Runtime(load_config(environ={}, overrides=settings))


def _in_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run ``work`` in a new process; return seconds, megabytes and what it returned."""
    queue: Queue[Any] = _SPAWN.Queue()
    process = _SPAWN.Process(target=_measured, args=(queue, work, arguments))
    process.start()
    result = queue.get()
    process.join()
    if isinstance(result, str):
        raise SystemExit(result)
    return result


def _measured(queue: Queue[Any], work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        seconds, told = work(*arguments)
    except Exception as error:
        queue.put(f"{work.__name__}: {error!r}")
        raise
    queue.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, told))


def _fill(place: Path, entries: int) -> tuple[float, int]:
    per_scope = entries // SCOPES
    with _runtime(place) as runtime:
        for scope in range(SCOPES):
            rows = (
                (f"user:{scope:03}", f"k{n:06}", {"n": n, "name": f"user {n}", "on": True})
                for n in range(per_scope)
            )
            runtime.state.import_entries(rows)
    return 0.0, 0


def _change(place: Path) -> tuple[float, int]:
    with _runtime(place) as runtime:
        for number in range(CHANGES):
            runtime.state.save("user:001", f"k{number:06}", {"n": time.time_ns()})
    return 0.0, 0


def _create(place: Path, type_: str) -> tuple[float, int]:
    with _runtime(place) as runtime:
        runtime.state.get_stats()  # the store is open
        started = time.perf_counter()
        made = runtime.state.create_backup(type_)
        return time.perf_counter() - started, made.records


def _verify(place: Path) -> tuple[float, int]:
    with _runtime(place) as runtime:
        full = next(each for each in runtime.backups.list() if each.type == "full")
        started = time.perf_counter()
        found = runtime.backups.verify(full.id)
        assert found.valid
        return time.perf_counter() - started, found.size_bytes


def _restore(place: Path, number: int) -> tuple[float, int]:
    with _runtime(place, f"restored{number}.db") as runtime:
        full = next(each for each in runtime.backups.list() if each.type == "full")
        runtime.state.get_stats()
        started = time.perf_counter()
        result = runtime.state.restore_backup(full.id)
        assert result.restored == full.entries
        return time.perf_counter() - started, result.restored


def _writers(place: Path) -> None:
    """Compare how fast another process writes, alone and while backups are made, in turns."""
    ratios = []
    for _ in range(ROUNDS):
        alone = _in_process(_write, place)[2]
        stop = _SPAWN.Event()
        maker = _SPAWN.Process(target=_back_up, args=(place, stop))
        maker.start()
        time.sleep(1)  # it has begun
        ratios.append(_in_process(_write, place)[2] / alone)
        stop.set()
        maker.join()
    slower = (1 - median(ratios)) * 100
    print(f"{'writers during a backup (goal: at most 20 % slower)':58} {slower:8.1f} % slower")


def _write(place: Path) -> tuple[float, int]:
    count = 0
    with _runtime(place) as runtime:
        save = runtime.state.save
        save("writer", "first", 0)
        end = time.perf_counter() + WINDOW_S
        while time.perf_counter() < end:
            save("writer", f"k{count % 500}", {"n": count})
            count += 1
    return WINDOW_S, count


def _back_up(place: Path, stop: Event) -> None:
    with _runtime(place) as runtime:
        while not stop.is_set():
            made = runtime.state.create_backup("full")
            runtime.state.delete_backup(made.id)


if __name__ == "__main__":
    main()
