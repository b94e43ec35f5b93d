"""The processes of a pool, as the system sees them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import psutil

__all__ = ["all_gone", "kill_workers", "spawners", "workers"]


def spawners(host: int | None = None) -> list[psutil.Process]:
    """Return the processes that a host started its workers with."""
    return [
        child
        for child in psutil.Process(host).children()
        if "llmspell_bridges.process.spawner" in " ".join(child.cmdline())
    ]


def workers(host: int | None = None) -> list[psutil.Process]:
    """Return the workers: what was forked last, whether it has a process-id world of its own."""
    below: dict[int, psutil.Process] = {}
    parents = set[int]()
    for spawner in spawners(host):
        for each in spawner.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                parents.add(each.ppid())
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
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
