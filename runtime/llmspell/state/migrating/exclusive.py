"""Only one migration over many entries at a time, on whatever machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import msgpack

from llmspell.errors import LockLost, LockUnavailable, MigrationRunning
from llmspell.state.migrating.records import is_gone

if TYPE_CHECKING:
    from llmspell.state.leases import Lease, Leases
    from llmspell.state.migrating.records import RunRecords

__all__ = ["Superseded", "exclusively", "is_under_way"]

_NAME: Final = ("\x01migrations", "run")
_TTL_S: Final = 10.0
#: Who died with the lock cannot give it back: it runs out.
_WAIT_S: Final = _TTL_S + 1
#: Tells a process from an earlier one of the same number, as in a container begun again.
_LIFE: Final = os.urandom(8)


class Superseded(MigrationRunning):
    """The lock ran out while one entry was converted, and somebody else has taken it."""


class Holder(NamedTuple):
    """The process that holds the lock."""

    host: str
    pid: int
    life: bytes

    @property
    def is_dead(self) -> bool:
        """Whether it is known to be no more: it was a process of this machine."""
        if (self.host, self.pid) == (socket.gethostname(), os.getpid()):
            return self.life != _LIFE
        return is_gone(self.host, self.pid)


@contextmanager
def exclusively(leases: Leases, records: RunRecords) -> Iterator[Callable[[], None]]:
    """Hold the lock of migrations; yield what is to be called every few seconds to keep it.

    What a process of this machine left behind when it died is taken over at once. Raises
    ``MigrationRunning``.
    """
    held = [_acquired(leases, records)]

    def keep() -> None:
        try:
            held[0].extend(_TTL_S)
        except LockLost:  # one entry took longer than the lock lives
            held[0] = _taken_again(leases, records)

    try:
        yield keep
    finally:
        leases.release_quietly(held[0])


def is_under_way(leases: Leases) -> bool:
    """Tell whether somebody migrates or rolls back, or died at it a moment ago elsewhere."""
    holder = _holder(leases)
    return holder is not None and not holder[0].is_dead


def _acquired(leases: Leases, records: RunRecords) -> Lease:
    wait_s: float = 0
    for _ in range(2):
        try:
            return leases._acquire(*_NAME, _TTL_S, wait_s, mark=_mark())
        except LockUnavailable:
            found = _holder(leases)
        if found is not None:
            holder, version = found
            if holder.is_dead:
                leases._break_lock(*_NAME, version)
            elif holder.host != socket.gethostname():
                wait_s = _WAIT_S  # how long its lock lives tells whether it does
            else:
                break
    raise _refusal(MigrationRunning, leases, records)


def _taken_again(leases: Leases, records: RunRecords) -> Lease:
    """Take the lock again, which nobody may have wanted meanwhile.

    Nothing is lost if somebody had: each write demands the version that was read.
    """
    try:
        return leases._acquire(*_NAME, _TTL_S, 0, mark=_mark())
    except LockUnavailable:
        raise _refusal(Superseded, leases, records) from None


def _mark() -> bytes:
    return msgpack.packb(Holder(socket.gethostname(), os.getpid(), _LIFE))  # type: ignore[no-any-return]


def _holder(leases: Leases) -> tuple[Holder, int] | None:
    found = leases._mark_of_holder(*_NAME)
    if found is None:
        return None
    try:
        return Holder(*msgpack.unpackb(found[0])[:3]), found[1]
    except (ValueError, TypeError):  # a later version marks it otherwise
        return Holder("another machine", 0, b""), found[1]


def _refusal(kind: type[MigrationRunning], leases: Leases, records: RunRecords) -> MigrationRunning:
    found = _holder(leases)
    facts: dict[str, str] = {}
    who = ""
    if found is not None:
        (host, pid, _), _ = found
        runs = (run for run in records.latest() if run.status == "running")
        run = next((run for run in runs if (run.host, run.pid) == (host, pid)), None)
        facts = {} if run is None else {"id": run.id}
        who = f" ({'' if run is None else f'{run.id}, '}process {pid} on {host})"
    return kind(
        f"another migration is under way in this store{who}",
        hint="wait until it is done; `llmspell migrate status` shows how far it is",
        **facts,
    )
