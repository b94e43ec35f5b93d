"""Only one migration over many entries at a time, on whatever machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from llmspell.errors import LockLost, LockUnavailable, MigrationRunning

if TYPE_CHECKING:
    from llmspell.state.leases import Lease, Leases
    from llmspell.state.migrating.records import RunRecords

__all__ = ["exclusively"]

_NAME: Final = ("\x01migrations", "run")
_TTL_S: Final = 10.0
#: Who died with the lock cannot give it back: it runs out.
_WAIT_S: Final = _TTL_S + 1


@contextmanager
def exclusively(leases: Leases, records: RunRecords) -> Iterator[Callable[[], None]]:
    """Hold the lock of migrations; yield what is to be called every few seconds to keep it.

    What a process of this machine left behind when it died is taken over at once. Raises
    ``MigrationRunning``.
    """
    lease = _acquired(leases, records)
    try:
        yield lambda: _extended(lease, records)
    finally:
        leases.release_quietly(lease)


def _acquired(leases: Leases, records: RunRecords) -> Lease:
    running = next((run for run in records.latest() if run.status == "running"), None)
    wait_s = _WAIT_S
    if running is not None and running.is_of_this_machine:
        # Whether it goes on need not be guessed from how long its lock lives.
        wait_s = 0
        if running.is_of_dead_process():
            leases._break_lock(*_NAME)
    try:
        return leases._acquire(*_NAME, _TTL_S, wait_s)
    except LockUnavailable:
        raise _running(records) from None


def _extended(lease: Lease, records: RunRecords) -> None:
    try:
        lease.extend(_TTL_S)
    except LockLost:
        # One entry took longer than the lock lives. Nothing is lost by that, since each write
        # demands the version it read; but two that migrate at once would only hinder each other.
        raise _running(records) from None


def _running(records: RunRecords) -> MigrationRunning:
    run = next((run for run in records.latest() if run.status == "running"), None)
    who = "" if run is None else f" ({run.id}, process {run.pid} on {run.host})"
    return MigrationRunning(
        f"another migration is under way in this store{who}",
        hint="wait until it is done; `llmspell migrate status` shows how far it is",
        **({} if run is None else {"id": run.id}),
    )
