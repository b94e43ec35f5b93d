"""The processes of a pool, as the system sees them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import psutil

from llmspell_bridges.process import WorkerPool

__all__ = ["all_gone", "kill_workers", "spawners", "workers"]


def spawners() -> list[psutil.Process]:
    """Return the processes that this one started its workers with, of all pools."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # a zombie too
            if "llmspell_bridges.process.spawner" in " ".join(child.cmdline()):
                found.append(child)
    return found


def workers(pool: WorkerPool | None = None) -> list[psutil.Process]:
    """Return the workers of a pool, or of all: what was forked last in each world."""
    below: dict[int, psutil.Process] = {}
    parents = set[int]()
    for spawner in spawners():
        if pool is not None and spawner.pid != pool.spawner_pid:
            continue
        for each in spawner.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                parents.add(each.ppid())
                if _runs(each):
                    below[each.pid] = each
    return [each for pid, each in below.items() if pid not in parents]


def kill_workers(number: int = signal.SIGKILL) -> None:
    """Send a signal to every worker of this process."""
    for each in workers():
        with suppress(ProcessLookupError):
            os.kill(each.pid, number)


def all_gone(processes: list[psutil.Process], within_s: float = 20.0) -> bool:
    """Wait until all of them have ended; return whether they have."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not any(_runs(each) for each in processes):
            return True
        time.sleep(0.01)
    return False


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
