"""What the store remembers of migrations: each run, and how far back the journal is needed.

Both are entries of llmspell's own. They hold counts and names of schemas and steps, no keys.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from time import time_ns
from typing import Any, Final

import msgpack

from llmspell.errors import StateError, VersionConflict
from llmspell.state.contention import backoff
from llmspell.state.entry import timestamp
from llmspell.store.base import Delete, Operation, Put, Ref, Row, Store, WriteResult
from llmspell.store.holds import HOLDS, RUNS, Hold, holding

__all__ = ["MigrationRun", "RunRecords", "is_gone", "new_id"]

_PREFIX: Final = "m"
_KEPT_RUNS: Final = 1000
_ATTEMPTS: Final = 100
_ID_BYTES: Final = 2


@dataclass(slots=True)
class MigrationRun:
    """One run of a migration over many entries. Times are microseconds since 1970.

    ``status`` is that of the result, or ``running``: of one whose process has died, too, until
    it is taken up again. ``seq`` is the journal's position before it, None without a journal.
    """

    id: str
    started_us: int
    selection: list[Any]
    seq: int | None
    atomic: bool = False
    status: str = "running"
    ended_us: int | None = None
    actor: str | None = None
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    items_migrated: int = 0
    items_failed: int = 0
    from_versions: dict[str, list[int]] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    @property
    def targets(self) -> dict[str, int]:
        """The version that each family was to reach."""
        return dict(self.selection[0])

    def taken_up(self, *, atomic: bool) -> MigrationRun:
        """Return the run as one of this process, which goes on with it."""
        return replace(self, atomic=atomic, host=socket.gethostname(), pid=os.getpid())

    def to_dict(self) -> dict[str, Any]:
        """Return the run as scripts and programs see it; what is not known is left out."""
        told = asdict(self)
        for name in ("selection", "host", "pid", "seq", "started_us", "ended_us"):
            del told[name]
        told |= {"targets": self.targets, "started_at": timestamp(self.started_us)}
        if self.ended_us is not None:
            told["ended_at"] = timestamp(self.ended_us)
        scope, key = self.selection[1:3]
        told |= {"scope": scope, "key": key}
        return {name: value for name, value in told.items() if value is not None}


_KNOWN: Final = frozenset(each.name for each in fields(MigrationRun))


class RunRecords:
    """Reads and writes the records through ``write``, which is the manager's."""

    def __init__(
        self, store: Callable[[], Store], write: Callable[[Sequence[Operation]], WriteResult]
    ) -> None:
        self._store = store
        self._write = write

    def save(self, run: MigrationRun, keep_until: int | None = None) -> None:
        """Store a run as it is now, and with it how long the journal is kept back to its begin.

        ``keep_until`` is a time; 0 lets the journal go, None leaves that as it is.
        """
        record = Put(RUNS, run.id, msgpack.packb(asdict(run)), _now())
        if keep_until is None or run.seq is None:
            self._write([record])
            return
        for attempt in range(_ATTEMPTS):
            row = self._store().read((HOLDS,))[0]
            with suppress(VersionConflict):
                self._write([_holding(row, run, keep_until), record])
                return
            backoff(attempt)
        raise StateError("the record of migrations was changed by others too often")

    def find(self, id_: str) -> MigrationRun | None:
        """Return the run of that id."""
        row = self._store().read((Ref(RUNS, id_),))[0]
        return None if row is None else _run(row.blob)

    def latest(self) -> Iterator[MigrationRun]:
        """Yield all runs, the latest first."""
        for row in reversed(self._store().scan(RUNS, prefix=_PREFIX)):
            run = _run(row.blob)
            if run is not None:
                yield run

    def forget_old(self) -> None:
        """Remove the oldest runs beyond the last thousand."""
        rows = self._store().scan(RUNS, prefix=_PREFIX, values=False)
        old = rows[:-_KEPT_RUNS]
        if old:
            self._write([Delete(RUNS, row.key, _now()) for row in old])

    def end_abandoned(self, own: str, keep_us: int) -> None:
        """Record as interrupted what still counts as running and is not ``own``.

        For who has the lock: nobody else migrates. The journal is kept for such a run for
        ``keep_us`` from now.
        """
        for run in self.latest():
            if run.status == "running" and run.id != own:
                run.status = "interrupted"
                self.save(run, _now() + keep_us)


def is_gone(host: str, pid: int) -> bool:
    """Tell whether a process of this machine is known to be no more."""
    if host != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is somebody else's
        return False
    return False


def new_id(now_us: int) -> str:
    """Return an id for a run: its time, so that ids sort by it, and some random digits."""
    moment = dt.datetime.fromtimestamp(now_us / 1_000_000, dt.UTC)
    return f"{_PREFIX}{moment:%Y%m%dT%H%M%S%f}-{os.urandom(_ID_BYTES).hex()}"


def _run(blob: bytes) -> MigrationRun | None:
    """Read a run. One that a later version stored may tell more; what is no run is left out."""
    try:
        facts = msgpack.unpackb(blob)
        run = MigrationRun(**{name: facts[name] for name in facts if name in _KNOWN})
        run.to_dict()
    except (ValueError, TypeError, ArithmeticError):
        return None
    return run


def _holding(row: Row | None, run: MigrationRun, until: int) -> Put:
    """Return the write that adds a run to the holds, or takes it out, unless somebody is faster."""
    assert run.seq is not None
    now = _now()
    hold = Hold(run.id, run.seq, run.started_us, until, run.status == "running")
    return holding(row, run.id, hold if until > now else None, now)


def _now() -> int:
    return time_ns() // 1000
