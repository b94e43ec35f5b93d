"""A store that seals what is confidential, over one that keeps bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from llmspell.store.backend import Backend
from llmspell.store.base import Put, Reader, Ref, RestoreWork, Rewritten, Row
from llmspell.store.changes import NOBODY, Change, Origin
from llmspell.store.sealed.envelope import Envelope
from llmspell.store.wrapper import StoreWrapper

if TYPE_CHECKING:
    from llmspell.store.sealed.keeper import RingKeeper

__all__ = ["SealedStore"]

_new_row: Any = partial(tuple.__new__, Row)
_new_change: Any = partial(tuple.__new__, Change)


class _Opened:
    """Reads sealed rows from ``inner``."""

    def __init__(self, inner: Reader, envelope: Envelope) -> None:
        self._reader = inner
        self._envelope = envelope

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        return [row if row is None else self._row(row) for row in self._reader.read(refs)]

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        rows = self._reader.scan(scope, prefix=prefix, after=after, limit=limit, values=values)
        return [self._row(row) for row in rows] if values else rows

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        return self._reader.scopes(prefix)

    def versions(self) -> list[tuple[str, int, int]]:
        return self._reader.versions()

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        return [self._row(row) for row in self._reader.walk(after, limit=limit)]

    def position(self) -> int:
        return self._reader.position()

    def _row(self, row: Row) -> Row:
        scope, key, version, _, _, schema_version, state_class, _, _, blob = row
        opened = self._envelope.open(scope, key, version, schema_version, blob, state_class)
        return row if opened is blob else _new_row((*row[:9], opened))


class SealedStore(_Opened, StoreWrapper):
    """Seals and opens with ``envelope``; those above see blobs as they were given.

    ``inner`` seals inside its writes, when the version is known: a sealed blob belongs to one
    version of one key and opens nowhere else. ``keeper`` has the key ring; without one there
    is no key, and what is sealed stays so.
    """

    inner: Backend

    def __init__(self, inner: Backend, envelope: Envelope, keeper: RingKeeper | None) -> None:
        StoreWrapper.__init__(self, inner)
        _Opened.__init__(self, inner, envelope)
        self.envelope = envelope
        self.keeper = keeper
        inner.seal = envelope.seal
        inner.ring_seen = None if keeper is None else keeper.seen

    def rewrite(
        self,
        batch: Sequence[Put],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        return self.inner.rewrite(batch, durability=durability, origin=origin)

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        return self.inner.restore(
            lambda reader: work(_Opened(reader, self._envelope)),
            durability=durability,
            origin=origin,
        )

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        with self.inner.snapshot() as reader:
            yield _Opened(reader, self._envelope)

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        found = self.inner.changes(after, limit=limit, values=values)
        return [self._change(it) for it in found] if values else found

    def recall(self, seqs: Sequence[int]) -> Mapping[int, Change]:
        return {seq: self._change(it) for seq, it in self.inner.recall(seqs).items()}

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        found = self.inner.history(ref, below=below, limit=limit, values=values)
        return [self._change(it) for it in found] if values else found

    def _change(self, change: Change) -> Change:
        blob = change.blob
        if change.op != "put":
            return change
        opened = self._envelope.open(
            change.scope,
            change.key,
            change.version,
            change.schema_version,
            blob,
            change.state_class,
        )
        return change if opened is blob else _new_change((*change[:14], opened))
