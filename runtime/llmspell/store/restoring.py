"""What every store does alike when it restores: looking at the batches, and keeping others out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import get_ident
from typing import Any, Final, TypeAlias

from llmspell.errors import InvalidArgument, StorageError
from llmspell.store.base import Delete, Reader, Ref, Restored, RestoreWork

__all__ = ["MOST_VERSION", "Batches", "Restorer", "came_twice", "ephemeral_restored", "refs_of"]

#: The highest version that every script can tell from the one before it.
MOST_VERSION: Final = 2**53 - 1

_Batch: TypeAlias = Sequence[Restored | Delete]
_END: Final[Any] = object()
_new_ref: Any = partial(tuple.__new__, Ref)


class Batches:
    """What ``work`` yields, batch by batch, each checked.

    ``error`` is what it raised. A store that translates its driver's errors must let this one
    through as it is: it says nothing of the store.
    """

    def __init__(self, work: RestoreWork, reader: Reader) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._reader = reader

    def __iter__(self) -> Iterator[_Batch]:
        source = self._begin()
        try:
            while (batch := self._next(source)) is not _END:
                _check(batch)
                if batch:
                    yield batch
        finally:
            if (close := getattr(source, "close", None)) is not None:
                close()

    def raise_own(self) -> None:
        """Raise what ``work`` raised, if it did."""
        if self.error is not None:
            raise self.error

    def _begin(self) -> Iterator[_Batch]:
        try:
            batches = self._work(self._reader)
        except BaseException as error:
            self.error = error
            raise
        if not hasattr(batches, "__iter__"):
            raise _refused(f"batches from its work, not {type(batches).__name__}")
        return iter(batches)

    def _next(self, source: Iterator[_Batch]) -> _Batch:
        try:
            return next(source, _END)
        except BaseException as error:
            self.error = error
            raise


class Restorer:
    """Knows which thread restores, if one does: what it writes besides would wait for ever."""

    def __init__(self) -> None:
        self.thread: int | None = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Call this thread the one that restores."""
        try:
            self.thread = get_ident()
            yield
        finally:
            self.thread = None

    def refuse_own(self) -> None:
        """Raise StorageError in the thread that restores."""
        if self.thread is not None and self.thread == get_ident():
            raise StorageError(
                "a restore is under way in this thread, and nothing else can be written before"
                " it ends",
                hint="yield it as a part of the restore, or write it afterwards",
                reason="locked",
            )

    def forget_others(self) -> None:
        """Know, in the child of a fork, that other threads have not come along."""
        if self.thread != get_ident():
            self.thread = None


def came_twice(scope: str, key: str) -> InvalidArgument:
    """Make the error of an address that was restored in an earlier batch already."""
    return _refused(f"each address once, and key {key!r} of scope {scope!r} came twice")


def ephemeral_restored() -> InvalidArgument:
    """Make the error of an entry that is never stored, and so cannot come from a backup."""
    return _refused("entries that are stored, not those of class ephemeral")


def refs_of(batch: Iterable[Restored | Delete]) -> list[Ref]:
    """Return the addresses of a batch."""
    return [_new_ref(operation[:2]) for operation in batch]


def _check(batch: Any) -> None:
    if not isinstance(batch, Sequence):
        raise _refused(f"batches that are sequences, not {type(batch).__name__}")
    others = set(map(type, batch)) - {Restored, Delete}
    if others:
        raise _refused(f"batches of Restored and Delete, not of {others.pop().__name__}")
    versions = [it[4] for it in batch if type(it) is Restored]
    if len(versions) < len(batch) and any(
        it.if_version is not None for it in batch if type(it) is Delete
    ):
        raise _refused("a Delete without if_version: nobody else can write meanwhile")
    if versions and (
        set(map(type, versions)) != {int} or min(versions) < 1 or max(versions) > MOST_VERSION
    ):
        raise _refused(f"versions that are whole numbers from 1 to {MOST_VERSION}")
    if len({it[:2] for it in batch}) != len(batch):
        seen: set[tuple[str, str]] = set()
        for it in batch:
            if it[:2] in seen:
                raise came_twice(it.scope, it.key)
            seen.add(it[:2])


def _refused(wanted: str) -> InvalidArgument:
    return InvalidArgument(f"a restore takes {wanted}", parameter="work")
