"""Tell whether a process of this machine has ended, without mistaking another one for it."""

from __future__ import annotations

import os
from pathlib import Path
from socket import gethostname

__all__ = ["has_ended", "own_mark"]

_PROC = Path("/proc")
_ENDED = "ZX"


def own_mark() -> str:
    """Return what no other process has: machine, its boot, container, id and start.

    Empty where the system does not tell, which is everywhere but on Linux.
    """
    machine, started = _machine(), _started(os.getpid())
    return f"{machine} {os.getpid()} {started}" if machine and started else ""


def has_ended(mark: str) -> bool:
    """Return whether the process of a mark is known to have ended; False if that is unknown."""
    machine, _, rest = mark.partition(" ")
    pid, _, started = rest.partition(" ")
    if not pid.isdigit() or machine != _machine():
        return False
    return _started(int(pid)) != started


def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        # Containers of one machine each have process ids of their own.
        return f"{gethostname()}/{boot}/{os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return when a process started, in the system's own count; None if there is none."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name stands in brackets before it and may hold anything.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in _ENDED else fields[19]
