"""A store that goes on when its primary store is away: a breaker, a local log, replay.

While the primary can be reached, every call goes to it. When it cannot, what is known of it
can still be read, and writes are accepted into a local file; they are given to it in order
when it is back. What somebody else changed meanwhile is never overwritten: such a write
becomes a conflict, with both sides kept until somebody decides.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from llmspell.errors import LlmSpellError, StorageError
from llmspell.store.base import (
    INTERNAL,
    Clear,
    Operation,
    Put,
    Reader,
    Ref,
    RestoreWork,
    Rewritten,
    Row,
    Store,
    WriteResult,
)
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.checks import check_durability
from llmspell.store.failover.breaker import is_outage
from llmspell.store.failover.conflicts import keep_ours, keep_theirs
from llmspell.store.failover.keeping import Failover, away
from llmspell.store.failover.values import Conflict, View
from llmspell.store.plan import touched
from llmspell.store.restoring import Batches
from llmspell.store.rewriting import RewritesByWriting

__all__ = ["FailoverStore", "failover_of"]

T = TypeVar("T")
_WAIT_STEP_S = 0.05
#: What INTERNAL entries are for.
_INTERNAL = "checkpoints and locks cannot be used without it"


class FailoverStore(Failover, RewritesByWriting):
    """A store over the one that ``open_primary`` opens, with a log in the file ``local``.

    ``failures`` outages in a row open the breaker; from ``retry_s`` on it looks whether the
    primary is back. Of what is read and written, ``cache_bytes`` are kept for an outage.
    ``durability`` is that of writes which the log accepts.

    While the primary is away, versions go on from the last one known, and those of an entry
    that was not there may differ from what the primary gives it later. A read of what is not
    known, a listing, the journal and INTERNAL entries raise StorageError, ``unavailable``.
    An outage at the beginning is no error, anything else that keeps it from opening is.
    """

    @property
    def primary(self) -> Store | None:
        """The primary store, None while it is away."""
        up = self._line.up
        return None if up is None else up.primary

    # Reading -------------------------------------------------------------------------------

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        while True:
            while (up := self._line.up) is not None:
                writes = self._copies.writes
                try:
                    rows = up.primary.read(refs)
                except LlmSpellError as error:
                    self._line.failed(up, error)
                    continue
                self._line.answered()
                self._copies.keep_rows(refs, rows, writes)
                if self._line.up is not up:
                    absent = [Ref(*r) for r, row in zip(refs, rows, strict=True) if row is None]
                    self._keep_late(absent)
                return rows
            self._attend()
            wanted = [Ref(*ref) for ref in refs]
            _, views = self._open_log().views(list(dict.fromkeys(wanted)))
            missing = next((ref for ref in wanted if ref not in views), None)
            if missing is None:
                now = self._clock()
                return [views[ref].row(ref, now) for ref in wanted]
            if self._line.up is None:  # it may have come back meanwhile
                scope, key = missing
                if scope[:1] == INTERNAL:
                    raise away(_INTERNAL)
                raise away(f"key {key!r} in scope {scope!r} is not known here")

    def epoch(self) -> int:
        """Return the primary's; -1 while it is away, since it may change without being seen."""
        up = self._line.up
        if up is None:
            self._attend()
            return -1
        try:
            return up.epoch(up.primary.epoch())
        except LlmSpellError as error:
            self._line.failed(up, error)
            return -1

    # Writing -------------------------------------------------------------------------------

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        check_durability(durability)
        touched(batch)
        while True:
            up = self._line.up
            if up is not None:
                try:
                    result = up.primary.write(batch, durability=durability, origin=origin)
                except LlmSpellError as error:
                    self._line.failed(up, error)
                else:
                    self._line.answered()
                    self._copies.keep_written(batch, result.written, origin)
                    if self._line.up is not up:
                        self._keep_late()
                    before, after = up.epoch(result.epoch_before), up.epoch(result.epoch_after)
                    return result._replace(epoch_before=before, epoch_after=after)
            self._attend()
            with self._line.lock:
                if self._line.up is None:
                    return self._write_here(batch, durability, origin)

    def put(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
        origin: Origin,
    ) -> tuple[int, int, int, int]:
        while (up := self._line.up) is not None:
            try:
                version, created_at, before, after = up.primary.put(
                    scope, key, blob, at, schema_version, state_class, if_version, origin
                )
            except LlmSpellError as error:
                self._line.failed(up, error)
                continue
            self._line.answered()
            facts = (version, created_at, at, schema_version, state_class, None, origin[2])
            self._copies.keep_put(Ref(scope, key), View(*facts, blob))
            if self._line.up is not up:
                self._keep_late()
            return version, created_at, up.epoch(before), up.epoch(after)
        operation = Put(scope, key, blob, at, schema_version, state_class, None, if_version)
        written, before, after, _ = self.write((operation,), origin=origin)
        return written[0].version, written[0].created_at, before, after

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        """Restore the primary, which must be there; nothing that is known here serves on."""
        check_durability(durability)
        batches: list[Batches] = []

        def told(reader: Reader) -> Batches:
            batches.append(Batches(work, reader))
            return batches[0]

        if (up := self._line.up) is None:
            self._attend()
            raise away("nothing can be restored without it")
        try:
            done = up.primary.restore(told, durability=durability, origin=origin)
        except LlmSpellError as error:
            if batches:
                batches[0].raise_own()
            if error.details.get("reason") == "unknown_outcome":
                self._copies.forget_all()
            self._line.failed(up, error)
            raise
        self._line.answered()
        with self._line.lock:
            self._copies.forget_all()
            self._keep_copies()  # which makes those in the file go as well
        return Rewritten(up.epoch(done.epoch_before), up.epoch(done.epoch_after), done.seq)

    def _write_here(
        self, batch: Sequence[Operation], durability: str | None, origin: Origin
    ) -> WriteResult:
        for operation in batch:
            if operation.scope[:1] == INTERNAL:
                raise away(_INTERNAL)
            if isinstance(operation, Clear):
                raise away("this cannot be done without it")
        written = self._open_log().write(batch, origin, durability)
        if written is None:
            raise away("the write depends on entries that are not known here")
        return WriteResult(written, -1, -1, 0)

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait as every store does; while the primary is away, until it is back."""
        deadline = time.monotonic() + timeout_s
        while not self._line.closed:
            up = self._line.up
            if up is not None:
                try:
                    return up.primary.wait(after, max(0.0, deadline - time.monotonic()))
                except LlmSpellError as error:
                    if self._line.closed:
                        return True
                    self._line.failed(up, error)
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._line.attend()
            time.sleep(min(left, _WAIT_STEP_S))
        return True

    # Failover ------------------------------------------------------------------------------

    def replay(self) -> bool:
        """Try at once to have the primary back, and replay what waits; tell whether it is back."""
        self._check_open()
        if self._line.up is None:
            return self._line.try_now()
        # Another process may have left something.
        with suppress(StorageError):
            self.ask(lambda primary: self._bring_back(primary, False))
        return self._line.up is not None

    def health(self) -> dict[str, Any]:
        """Return the state of the breaker and since when, failures, and what waits.

        ``last_error`` has ``reason`` and ``message``; it is None as long as nothing failed.
        """
        self._check_open()
        line, error = self._line, self._line.last_error
        head = self._open_log().head() if self._has_log() else None
        return {
            "breaker": line.breaker.state,
            "since": datetime.fromtimestamp(line.since // 1_000_000, UTC).isoformat(),
            "failures": line.breaker.failures,
            "waiting_writes": head.waiting if head else 0,
            "conflicts": head.conflicts if head else 0,
            "last_error": error
            and {"reason": error.details.get("reason", error.code), "message": error.message},
        }

    def conflicts(self) -> list[Conflict]:
        """Return the writes that the primary did not take, the oldest first."""
        self._check_open()
        return self._open_log().conflicts() if self._has_log() else []

    def conflict(self, number: int) -> Conflict:
        """Return one conflict. Raises InvalidArgument for a number that none has."""
        self._check_open()
        return self._open_log().conflict(number)

    def keep_ours(self, number: int) -> None:
        """End a conflict: write ours over theirs, whole or not at all. Needs the primary.

        Raises VersionConflict when theirs has changed since the conflict was found or looked
        at last; the conflict then shows what is there now.
        """
        log = self._open_log()
        self.ask(lambda primary: keep_ours(primary, log, number, self._clock))

    def keep_theirs(self, number: int) -> None:
        """End a conflict: drop ours."""
        self._check_open()
        keep_theirs(self._open_log(), number)

    # The whole store -----------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Return the primary's facts; without it ``backend`` is "away", and what is known here."""
        up, facts = self._line.up, None
        if up is not None:
            try:
                facts = up.primary.stats()
            except LlmSpellError as error:
                try:
                    self._line.failed(up, error)
                except StorageError as unserved:
                    if not is_outage(unserved):
                        raise
        if facts is None:
            local = str(self._local.absolute())
            facts = {"backend": "away", "durability": self._durability, "local_path": local}
        return facts | {"failover": self.health()}


def failover_of(store: Store) -> FailoverStore | None:
    """Return the failover store among a store and those it wraps, if there is one."""
    inner: Any = store
    while inner is not None and not isinstance(inner, FailoverStore):
        inner = getattr(inner, "inner", None)
    return inner
