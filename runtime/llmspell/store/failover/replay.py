"""Giving waiting writes to the primary store: in order, each once, none over somebody else's.

Each goes in one batch with a mark, an INTERNAL entry of the primary that holds the token of
the last write of this log that it took or refused. The batch demands the mark's version, so
two processes that replay one log cannot both apply a write, and a process that died after the
primary had committed finds its token there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgpack

from llmspell.errors import LlmSpellError, RuntimeClosed, StorageError, VersionConflict
from llmspell.store.base import INTERNAL, Check, Delete, Operation, Put, Ref, Row, Store
from llmspell.store.clock import Clock
from llmspell.store.failover.log import FailoverLog
from llmspell.store.failover.values import CONFLICTED, Entry, View, outcomes_of, pack

__all__ = ["MARKS", "Replay", "rows_of"]

MARKS: Final = INTERNAL + "failover.marks"
#: How often the primary may fail over one write, and answer otherwise, until it is set aside.
_PATIENCE: Final = 3


class _Mark(NamedTuple):
    version: int
    token: str | None = None
    refused: bool = False
    problem: str | None = None


class Replay:
    """One attempt. ``stumbles`` counts, over all of them, how often a write's own turn failed.

    ``check`` is called before each write and may raise to end it. Raises what the primary
    raises when it cannot be reached; what was not given to it waits.
    """

    def __init__(
        self,
        primary: Store,
        log: FailoverLog,
        *,
        clock: Clock,
        stumbles: dict[str, int],
        check: Callable[[], None],
    ) -> None:
        self._primary = primary
        self._log = log
        self._clock = clock
        self._stumbles = stumbles
        self._check = check
        self._place = Ref(MARKS, log.head().name)
        self._settled = 0
        self._mark = self._read_mark()

    def run(self, up_to: int | None = None) -> None:
        """Give the primary all that waits, or what has waited since before that number."""
        # The mark is always read before the log: so a write that is still in the log when the
        # mark shows a later one cannot be.
        while (found := self._log.first(self._settled)) is not None:
            self._check()
            number, entry, views = found
            if up_to is not None and number > up_to:
                return
            if entry.token == self._mark.token:
                self._finish(number, entry)
            else:
                self._give(number, entry, views)

    def _give(self, number: int, entry: Entry, views: Mapping[Ref, View]) -> None:
        checks: list[Operation] = []
        for base in entry.bases:
            version = base.demanded(views.get(Ref(base.scope, base.key)))
            if version == CONFLICTED:
                return self._refuse(number, entry, None)
            checks.append(Check(base.scope, base.key, base.at, version))
        operations = entry.operations
        batch = [self._marking(entry, refused=False, problem=None), *checks, *operations]
        try:
            written = self._primary.write(batch, origin=entry.origin).written
        except VersionConflict as error:
            if error.details.get("scope") == MARKS:  # another process replays too
                self._mark = self._read_mark()
                return None
            return self._refuse(number, entry, None)
        except (StorageError, RuntimeClosed) as error:
            if not self._is_refusal(entry, error):
                raise
            return self._refuse(number, entry, error.message)
        except LlmSpellError as error:
            return self._refuse(number, entry, error.message)
        self._mark = _Mark(written[0].version, entry.token)
        done = written[1 + len(checks) :]
        self._log.settle(number, entry, outcomes_of(operations, done))
        self._settled = number
        return None

    def _is_refusal(self, entry: Entry, error: LlmSpellError) -> bool:
        """Tell whether it is this write that fails, again and again, and not the primary."""
        if error.details.get("reason") != "io":
            return False
        stumbles = self._stumbles[entry.token] = self._stumbles.get(entry.token, 0) + 1
        if stumbles < _PATIENCE:
            return False
        self._primary.read([self._place])
        return True

    def _refuse(self, number: int, entry: Entry, problem: str | None) -> None:
        """Make a write a conflict. The primary hears of it first, lest another applies it."""
        marking = self._marking(entry, refused=True, problem=problem)
        try:
            self._primary.write([marking])
        except VersionConflict:
            self._mark = self._read_mark()
            return
        self._mark = self._read_mark()
        if self._mark.token == entry.token:
            self._finish(number, entry)

    def _finish(self, number: int, entry: Entry) -> None:
        """Take off the log what the primary has dealt with."""
        rows = rows_of(self._primary, entry.written)
        if self._mark.refused:
            self._log.settle(number, entry, {}, problem=self._mark.problem, theirs=rows)
        else:
            self._log.settle(number, entry, _recovered(entry, rows))
        self._settled = number

    def _marking(self, entry: Entry, *, refused: bool, problem: str | None) -> Put:
        blob = pack([entry.token, refused, problem])
        return Put(*self._place, blob, self._clock(), if_version=self._mark.version)

    def _read_mark(self) -> _Mark:
        (row,) = self._primary.read([self._place])
        return _Mark(0) if row is None else _Mark(row.version, *msgpack.unpackb(row.blob))


def rows_of(primary: Store, refs: list[Ref]) -> dict[Ref, Row]:
    """Return what the primary has of these keys."""
    found = zip(refs, primary.read(refs), strict=True)
    return {ref: row for ref, row in found if row is not None}


def _recovered(entry: Entry, rows: Mapping[Ref, Row]) -> dict[Ref, int]:
    """Return the versions of a write that is known to be applied, where it is still the latest."""
    outcomes = {}
    for operation in entry.operations:
        ref = Ref(*operation[:2])
        row = rows.get(ref)
        if isinstance(operation, Delete):
            outcomes[ref] = CONFLICTED if row else 0
        elif isinstance(operation, Put):
            same = row and row.updated_at == operation.at and row.blob == operation.blob
            outcomes[ref] = row.version if row and same else CONFLICTED
    return outcomes
