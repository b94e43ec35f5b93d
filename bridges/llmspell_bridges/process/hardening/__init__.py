"""Confining workers with what the platform offers, and telling what that is.

Nothing here fails for want of a means: a measure that cannot be taken is reported as such, and
whoever requires it refuses the worker.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Final, NoReturn

from orjson import dumps

from llmspell_bridges.limits import Limits
from llmspell_bridges.process.hardening.identity import become_nobody
from llmspell_bridges.process.hardening.landlock import forbid_files
from llmspell_bridges.process.hardening.namespaces import enter_empty_root, enter_namespaces
from llmspell_bridges.process.hardening.parents import (
    die_with_parent,
    forbid_dumps,
    forbid_new_privileges,
)
from llmspell_bridges.process.hardening.resources import (
    address_space_bytes,
    limit_memory,
    limit_resources,
)
from llmspell_bridges.process.hardening.seccomp import forbid_system_calls
from llmspell_bridges.process.measures import Measure, attempt

__all__ = ["MEASURES", "Confinement", "report"]

#: The names of all measures, as reports tell them.
MEASURES: Final = (
    "environment",
    "namespaces",
    "empty root",
    "no privileges",
    "no new privileges",
    "files",
    "memory limit",
    "resource limits",
    "dumps",
    "descriptors",
    "system calls",
)

_MOST_DESCRIPTORS: Final = 1024


class Confinement:
    """What confines a spawner, and with it every worker that it forks."""

    def __init__(self, keep: tuple[int, ...]) -> None:
        """Take this process into a world of its own, where it goes on as a child of the caller.

        Comes before anything is loaded that may start threads: with them there is no way in.
        Descriptors of ``keep`` are the child's alone.
        """
        self._keep = keep
        self._entered = [attempt("environment", _empty_environment), enter_namespaces()]
        if self._entered[-1].active:
            _go_on_as_child(keep)

    def complete(self) -> None:
        """Confine this process to what it has loaded by now."""
        _no_standard_streams()
        self._base_bytes = address_space_bytes()
        self._measures = [
            *self._entered,
            enter_empty_root(self._entered[-1]),
            become_nobody(),
            attempt("no new privileges", forbid_new_privileges),
            attempt("files", forbid_files),
        ]
        if self._entered[-1].active:
            # Once more: the system forgets it of a process that becomes somebody else.
            die_with_parent(0)

    def of_worker(self, descriptor: int, limits: Limits) -> list[Measure]:
        """Confine a forked worker, which keeps one descriptor; return all that confines it."""
        return [
            *self._measures,
            attempt("descriptors", lambda: _close_all_but(descriptor, self._keep)),
            limit_memory(limits.memory_bytes, self._base_bytes),
            limit_resources(),
            attempt("dumps", forbid_dumps),
            attempt("system calls", forbid_system_calls),
        ]


def report(measures: list[Measure]) -> bytes:
    """Return measures as JSON."""
    return dumps([asdict(measure) for measure in measures])


def _no_standard_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.close(null)


def _empty_environment() -> str:
    # Only the time zone stays: a script's local time is the host's.
    for name in set(os.environ) - {"TZ"}:
        del os.environ[name]
    return "empty, but for the time zone"


def _go_on_as_child(keep: tuple[int, ...]) -> None:
    """Fork the first process of the new world; this one waits for its end."""
    child = os.fork()
    if child:
        _stand_by(child, keep)
    die_with_parent(0)


def _stand_by(child: int, keep: tuple[int, ...]) -> NoReturn:
    for descriptor in keep:
        if descriptor >= 0:
            os.close(descriptor)
    os.waitpid(child, 0)
    os._exit(0)


def _close_all_but(descriptor: int, known: tuple[int, ...]) -> str:
    # A spawner has few, but the host may have given them high numbers.
    top = max(descriptor, *known) + _MOST_DESCRIPTORS
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, top)
    return "one socket"
