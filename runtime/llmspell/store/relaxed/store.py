"""A store that accepts writes at once and commits them a moment later: write-behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llmspell.store.base import (
    INTERNAL,
    Operation,
    Put,
    RestoreWork,
    Rewritten,
    Store,
    WriteResult,
)
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.relaxed.acceptor import Base, RelaxedAcceptor, plain
from llmspell.store.relaxed.core import EVERYTHING, claims_of
from llmspell.store.relaxed.pending import Address
from llmspell.store.rewriting import check_rewrite

__all__ = ["RELAXED", "RelaxedStore"]

#: The durability of a write that may wait for the next flush.
RELAXED: Final = "relaxed"


class RelaxedStore(RelaxedAcceptor):
    """Commits relaxed writes at most ``flush_ms`` after they were accepted.

    Relaxed is ``write`` with that durability and, with ``everything``, all that names no other
    one. When the process is killed it loses at most what it accepted in the last ``flush_ms``
    and during the flush under way, always the end of it; a batch is never half there. Several
    writes of one key by one origin between two flushes become one, which takes all their
    versions and shows once in the journal; batches of several entries show each.

    Only puts over entries wait. What has a precondition or an expiry, removes something, or
    writes a key that is not there (its version is then the store's to tell) is committed at
    once, after everything that was accepted before it. Reading shows what was accepted. When
    another process writes a key that is pending here, the last to be stored wins and versions
    are the store's; likewise ``seq`` of a relaxed write is the place it will have if nobody
    else writes before the flush.

    While a flush fails, writes are refused with a StorageError that tells how many wait, in
    its details as ``waiting``. A write flushes first when more than ``max_pending_bytes`` would
    wait, or more turns of origins than a flush writes quickly. Close the store: one that nobody
    closed is flushed at the end of the process, and lives until then.
    """

    def __init__(
        self,
        inner: Store,
        *,
        flush_ms: float = 100,
        everything: bool = False,
        max_pending_bytes: int = 64 << 20,
    ) -> None:
        super().__init__(inner, flush_ms / 1000, max_pending_bytes)
        self._flush_ms = flush_ms
        self._everything = everything

    # Writing -------------------------------------------------------------------------------

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        refs: list[Address] = []
        if durability == RELAXED or (durability is None and self._everything):
            durability = None
            refs = plain(batch)
            if refs:
                puts: Sequence[Any] = batch
                if not self._knows_last:
                    self._ask_last()
                accepted = self._accept_short(puts, origin) or self._accept(puts, refs, origin)
                if accepted is not None:
                    return accepted
        claims = claims_of(batch)
        begun = self._begin(claims)
        before = after = -1
        learned: dict[Address, Base] = {}
        try:
            result = self.inner.write(batch, durability=durability, origin=origin)
            before, after = result.epoch_before, result.epoch_after
            if refs:
                written = result.written
                learned = {ref: done[:2] for ref, done in zip(refs, written, strict=True)}
                self._asks = written[-1].existed
        finally:
            before, after = self._finish(claims, begun, before, after, learned)
        self._last = max(self._last, result.seq)
        return result._replace(epoch_before=before, epoch_after=after)

    def rewrite(
        self,
        batch: Sequence[Put],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        """Rewrite at once: what has preconditions does not wait."""
        check_rewrite(batch)
        if durability == RELAXED:
            durability = None
        claims = [put[:2] for put in batch]
        begun = self._begin(claims)
        before = after = -1
        try:
            before, after, seq = self.inner.rewrite(batch, durability=durability, origin=origin)
        finally:
            before, after = self._finish(claims, begun, before, after)
        self._last = max(self._last, seq)
        return Rewritten(before, after, seq)

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        """Restore at once, after what was accepted; nothing is accepted before that is over."""
        if durability == RELAXED:
            durability = None
        claims = (EVERYTHING,)
        begun = self._begin(claims)
        before = after = -1
        try:
            before, after, seq = self.inner.restore(work, durability=durability, origin=origin)
        finally:
            before, after = self._finish(claims, begun, before, after)
        self._last = max(self._last, seq)
        return Rewritten(before, after, seq)

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
        if self._everything and if_version is None and scope[:1] != INTERNAL:
            taken = self._accept_one(scope, key, blob, at, schema_version, state_class, origin)
            if taken is not None:
                return taken
            operation = Put(scope, key, blob, at, schema_version, state_class)
            accepted = self._accept((operation,), [(scope, key)], origin)
            if accepted is not None:
                ((done,), before, after, _) = accepted
                return done[0], done[1], before, after
        claims = ((scope, key),)
        begun = self._begin(claims)
        before = after = -1
        learned: dict[Address, Base] = {}
        try:
            version, created_at, before, after = self.inner.put(
                scope, key, blob, at, schema_version, state_class, if_version, origin
            )
            if self._everything:
                self._asks = version > 1  # or so it seems: it may also have been deleted
                self._knows_last = False
                learned[scope, key] = version, created_at
        finally:
            before, after = self._finish(claims, begun, before, after, learned)
        return version, created_at, before, after

    def stats(self) -> dict[str, Any]:
        facts = super().stats() | {"flush_ms": self._flush_ms}
        return facts | {"durability": RELAXED} if self._everything else facts
