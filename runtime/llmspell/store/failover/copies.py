"""Copies of what a primary store last held, bounded by bytes, for when it cannot be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final, NamedTuple

from llmspell.store.base import INTERNAL, Clear, Delete, Operation, Put, Ref, Row, Written
from llmspell.store.changes import Origin
from llmspell.store.failover.values import ABSENT, View, put_row

__all__ = ["Copies", "Known", "is_older", "view_bytes"]

_OVERHEAD: Final = 400
#: Of so many keys it is known that their copy went; with more, any may have gone.
_MOST_GONE: Final = 10_000


def view_bytes(ref: Ref, view: View) -> int:
    """Estimate what a copy costs."""
    return _OVERHEAD + len(ref[0]) + len(ref[1]) + len(view.blob or b"")


def is_older(view: View, former: View | None) -> bool:
    """Tell whether a copy must not replace a former one: two may be noted in the wrong order."""
    return (
        former is not None
        and former.version > view.version > 0
        and former.updated_at >= view.updated_at
    )


class Known(NamedTuple):
    """What there is to write down: copies, the oldest first, and what older ones are wrong.

    These are those of the keys in ``gone`` and of the scopes in ``cleared``; with ``gone``
    None, all.
    """

    views: dict[Ref, View]
    gone: set[Ref] | None
    cleared: set[str]


class Copies:
    """The latest that was read or written of each key; what came in first goes first."""

    def __init__(self, max_bytes: int) -> None:
        #: Counts what was written. Whoever reads notes it before.
        self.writes = 0
        self._drained = 0
        self._replaced = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._known = Known({}, set(), set())
        self._lock = Lock()

    def keep_put(self, ref: Ref, view: View) -> None:
        """Keep what a put has left behind."""
        with self._lock:
            self.writes += 1
            self._keep(ref, view)

    def keep_rows(self, refs: Sequence[Ref], rows: Iterable[Row | None], writes: int) -> None:
        """Keep what a read returned that began when ``writes`` was that."""
        with self._lock:
            if writes < self._replaced:
                return
            for ref, row in zip(refs, rows, strict=True):
                if row is not None or self.writes == writes:
                    self._keep(Ref(*ref), View.of(row))
                elif (
                    writes >= self._drained
                ):  # whether a write came before or after the read nobody knows
                    self._forget(Ref(*ref))

    def keep_written(
        self, batch: Sequence[Operation], written: Sequence[Written], origin: Origin
    ) -> None:
        """Keep what a batch has left behind."""
        with self._lock:
            self.writes += 1
            for operation, done in zip(batch, written, strict=True):
                if isinstance(operation, Clear):
                    views = self._known.views
                    for ref in [ref for ref in views if ref.scope == operation.scope]:
                        self._take(ref)
                    self._known.cleared.add(operation.scope)
                    self._bound()
                elif isinstance(operation, Put):
                    self._keep(Ref(*operation[:2]), View.of(put_row(operation, done, origin)))
                elif isinstance(operation, Delete) and done.existed:
                    gone = ABSENT._replace(version=done.version, updated_at=operation.at)
                    self._keep(Ref(*operation[:2]), gone)

    def forget_all(self) -> None:
        """Keep no copy, nor what was written down before, nor what is being read at present."""
        with self._lock:
            self.writes += 1
            self._replaced = self.writes
            self._known, self._bytes = Known({}, None, set()), 0

    def drain(self) -> Known:
        """Return all copies and keep none. A read that began before shows no key as absent."""
        with self._lock:
            self.writes += 1
            self._drained = self.writes
            known, self._known, self._bytes = self._known, Known({}, set(), set()), 0
        return known

    def _keep(self, ref: Ref, view: View) -> None:
        if ref.scope[:1] == INTERNAL:
            return
        former = self._take(ref)
        if former is not None and is_older(view, former):
            view = former
        self._known.views[ref] = view
        if self._known.gone:
            self._known.gone.discard(ref)
        self._bytes += view_bytes(ref, view)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._known.views)))

    def _forget(self, ref: Ref) -> None:
        self._take(ref)
        gone = self._known.gone
        if gone is not None and ref.scope[:1] != INTERNAL:
            gone.add(ref)
            self._bound()

    def _bound(self) -> None:
        if len(self._known.gone or ()) + len(self._known.cleared) > _MOST_GONE:
            self._known = self._known._replace(gone=None, cleared=set())

    def _take(self, ref: Ref) -> View | None:
        former = self._known.views.pop(ref, None)
        if former is not None:
            self._bytes -= view_bytes(ref, former)
        return former
