"""What a relaxed store has accepted and not written yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from llmspell.store.base import Put, Row
from llmspell.store.changes import Origin

__all__ = ["Address", "Pending", "Run"]

#: Scope and key: a Ref, or the plain tuple it equals.
Address: TypeAlias = tuple[str, str]

#: What an entry costs besides its value: its objects and its places in three dictionaries.
_ROW_BYTES: Final = 600


class Run:
    """Entries of one origin, to be written in one batch.

    A key that is put again replaces its row; ``bases`` has the version each key came from.
    """

    __slots__ = ("bases", "bytes", "origin", "rows")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.rows: dict[Address, Row] = {}
        self.bases: dict[Address, int] = {}
        self.bytes = 0

    def batch(self) -> list[Put]:
        """Return the writes that store what the run holds now."""
        bases = self.bases
        return [
            Put(
                row.scope,
                row.key,
                row.blob,
                row.updated_at,
                row.schema_version,
                row.state_class,
                versions=row.version - bases[ref],
            )
            for ref, row in self.rows.items()
        ]

    def count(self) -> int:
        """Return how many versions were handed out for these entries."""
        return sum(row.version - self.bases[ref] for ref, row in self.rows.items())


class Pending:
    """Runs in the order they were accepted. Every call is made under the store's lock.

    Runs are written one after the other and a change of origin begins a new one, so what a
    crash takes is always the end of what was accepted. ``latest`` has the newest row of each
    key, of whichever run; ``rows`` is how many are to be written. ``on_run`` is called before a
    run begins.
    """

    def __init__(self, on_run: Callable[[], None]) -> None:
        self.latest: dict[Address, Row] = {}
        self.runs: deque[Run] = deque()
        self.bytes = 0
        self.rows = 0
        self._on_run = on_run
        self._open: Run | None = None

    def add(self, ref: Address, row: Row, base: int, origin: Origin) -> None:
        """Take a row; ``base`` is the version before it."""
        run = self._open
        if run is None or (run.origin is not origin and run.origin != origin):
            run = self._begin(origin)
        former = run.rows.get(ref)
        if former is None:
            run.bases[ref] = base
            self.rows += 1
            more = _ROW_BYTES + len(row[9])
        else:
            more = len(row[9]) - len(former[9])
        run.rows[ref] = self.latest[ref] = row
        run.bytes += more
        self.bytes += more

    def _begin(self, origin: Origin) -> Run:
        self._on_run()
        run = self._open = Run(origin)
        self.runs.append(run)
        return run

    def keep_apart(self, refs: Iterable[Address]) -> None:
        """Begin a new run with the next row if the present one has any of these keys."""
        if self._open is not None and not self._open.rows.keys().isdisjoint(refs):
            self._open = None

    def seal(self) -> list[Run]:
        """Return all runs; what comes from now on begins a new one."""
        self._open = None
        return list(self.runs)

    def drop_first(self) -> None:
        """Forget the first run, which was written."""
        run = self.runs.popleft()
        self.bytes -= run.bytes
        self.rows -= len(run.rows)
        latest = self.latest
        for ref, row in run.rows.items():
            if latest[ref] is row:
                del latest[ref]

    def count(self) -> int:
        """Return how many writes were accepted."""
        return sum(run.count() for run in self.runs)

    def clear(self) -> None:
        """Forget everything."""
        self._open = None
        self.runs.clear()
        self.latest.clear()
        self.bytes = self.rows = 0
