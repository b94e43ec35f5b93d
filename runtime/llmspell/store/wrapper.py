"""A store that is another store: the ground for those that change a part of what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from llmspell.store.base import (
    Operation,
    Reader,
    Ref,
    RestoreWork,
    Rewritten,
    Row,
    Store,
    WriteResult,
)
from llmspell.store.changes import NOBODY, Change, Compacted, JournalSpan, Origin, Swept
from llmspell.store.rewriting import RewritesByWriting

__all__ = ["StoreWrapper"]


class StoreWrapper(RewritesByWriting):
    """Hands every call on to ``inner``, which it owns: closing this closes that.

    Only a rewrite is a write of this store itself, so that whoever changes what writing does
    need not know of it.
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        return self.inner.read(refs)

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        return self.inner.scan(scope, prefix=prefix, after=after, limit=limit, values=values)

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        return self.inner.scopes(prefix)

    def versions(self) -> list[tuple[str, int, int]]:
        return self.inner.versions()

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        return self.inner.walk(after, limit=limit)

    def position(self) -> int:
        return self.inner.position()

    def snapshot(self) -> AbstractContextManager[Reader]:
        return self.inner.snapshot()

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        return self.inner.write(batch, durability=durability, origin=origin)

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
        return self.inner.put(scope, key, blob, at, schema_version, state_class, if_version, origin)

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        return self.inner.restore(work, durability=durability, origin=origin)

    def span(self) -> JournalSpan:
        return self.inner.span()

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        return self.inner.changes(after, limit=limit, values=values)

    def recall(self, seqs: Sequence[int]) -> Mapping[int, Change]:
        return self.inner.recall(seqs)

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        return self.inner.history(ref, below=below, limit=limit, values=values)

    def compact(
        self, *, before: int | None = None, keep: int | None = None, limit: int = 1000
    ) -> Compacted:
        return self.inner.compact(before=before, keep=keep, limit=limit)

    def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        return self.inner.sweep(now, limit=limit)

    def wait(self, after: int, timeout_s: float) -> bool:
        return self.inner.wait(after, timeout_s)

    def epoch(self) -> int:
        return self.inner.epoch()

    def stats(self) -> dict[str, Any]:
        return self.inner.stats()

    def close(self) -> None:
        self.inner.close()
