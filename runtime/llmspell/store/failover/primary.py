"""What only the primary store of a failover store can do: listings and the journal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from llmspell.store.base import Reader, Ref, Row, Store
from llmspell.store.changes import Change, Compacted, JournalSpan, Swept

__all__ = ["OnlyPrimary"]

T = TypeVar("T")


class OnlyPrimary(ABC):
    """Each call goes to the primary or fails: a part of a list would look like the whole."""

    @abstractmethod
    def ask(self, work: Callable[[Store], T]) -> T:
        """Return ``work(primary)``. Raises StorageError, ``unavailable``, while it is away."""

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        return self.ask(
            lambda primary: primary.scan(
                scope, prefix=prefix, after=after, limit=limit, values=values
            )
        )

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        return self.ask(lambda primary: primary.scopes(prefix))

    def versions(self) -> list[tuple[str, int, int]]:
        return self.ask(lambda primary: primary.versions())

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        return self.ask(lambda primary: primary.walk(after, limit=limit))

    def position(self) -> int:
        return self.ask(lambda primary: primary.position())

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        with ExitStack() as stack:
            yield self.ask(lambda primary: stack.enter_context(primary.snapshot()))

    def span(self) -> JournalSpan:
        return self.ask(lambda primary: primary.span())

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        return self.ask(lambda primary: primary.changes(after, limit=limit, values=values))

    def recall(self, seqs: Sequence[int]) -> Mapping[int, Change]:
        return self.ask(lambda primary: primary.recall(seqs))

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        return self.ask(
            lambda primary: primary.history(ref, below=below, limit=limit, values=values)
        )

    def compact(
        self, *, before: int | None = None, keep: int | None = None, limit: int = 1000
    ) -> Compacted:
        return self.ask(lambda primary: primary.compact(before=before, keep=keep, limit=limit))

    def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        return self.ask(lambda primary: primary.sweep(now, limit=limit))
