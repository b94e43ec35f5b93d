"""Resource limits: memory, files, processes, core dumps."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from llmspell_bridges.process.measures import Measure, attempt

__all__ = ["address_space_bytes", "limit_memory", "limit_resources"]

_MIB: Final = 1024 * 1024
# What a worker needs beside its VM: the text of a value on its way, twice, and the interpreter.
_BESIDE_BYTES: Final = 64 * _MIB
_STACK_BYTES: Final = 8 * _MIB


def limit_resources() -> Measure:
    """Allow no new descriptor, no process, no file of any size and no core dump."""
    return attempt("resource limits", _limit)


def _limit() -> str:
    import resource

    wanted = {"NOFILE": 0, "NPROC": 0, "FSIZE": 0, "CORE": 0, "STACK": _STACK_BYTES}
    for name, most in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    return "no new files or processes, no core dumps"


def address_space_bytes() -> int:
    """Return how much address space this process has now; 0 where that cannot be told."""
    import resource

    with suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0


def limit_memory(memory_bytes: int | None, base_bytes: int) -> Measure:
    """Bound the process to what its VM may have, twice, beside what it has already.

    The VM's own limit comes first and tells more; this one holds when that one is got round.
    """

    def limit() -> str:
        import resource

        if memory_bytes is None or not base_bytes:
            raise OSError("there is no memory limit" if base_bytes else "only Linux has it")
        most = base_bytes + 2 * memory_bytes + _BESIDE_BYTES
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        return f"at most {most // _MIB} MiB of address space"

    return attempt("memory limit", limit)
