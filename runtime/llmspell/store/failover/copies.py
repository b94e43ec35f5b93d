"""Copies of what a primary store last held, bounded by bytes, for when it cannot be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

from llmspell.store.base import INTERNAL, Clear, Delete, Operation, Put, Ref, Row, Written
from llmspell.store.changes import Origin
from llmspell.store.failover.values import ABSENT, View, put_row

__all__ = ["Copies", "view_bytes"]

_OVERHEAD: Final = 400


def view_bytes(ref: Ref, view: View) -> int:
    """Estimate what a copy costs."""
    return _OVERHEAD + len(ref[0]) + len(ref[1]) + len(view.blob or b"")


class Copies:
    """The latest that was read or written of each key; what came in first goes first."""

    def __init__(self, max_bytes: int) -> None:
        #: Counts what was written. Whoever reads notes it before.
        self.writes = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._views: dict[Ref, View] = {}
        self._lock = Lock()

    def keep_put(self, ref: Ref, view: View) -> None:
        """Keep what a put has left behind."""
        with self._lock:
            self.writes += 1
            self._keep(ref, view)

    def keep_rows(self, refs: Sequence[Ref], rows: Iterable[Row | None], writes: int) -> None:
        """Keep what a read returned that began when ``writes`` was that."""
        with self._lock:
            for ref, row in zip(refs, rows, strict=True):
                if row is not None or self.writes == writes:
                    self._keep(Ref(*ref), View.of(row))
                else:  # whether a write came before or after the read nobody knows
                    self._forget(Ref(*ref))

    def keep_written(
        self, batch: Sequence[Operation], written: Sequence[Written], origin: Origin
    ) -> None:
        """Keep what a batch has left behind."""
        with self._lock:
            self.writes += 1
            for operation, done in zip(batch, written, strict=True):
                if isinstance(operation, Clear):
                    for ref in [ref for ref in self._views if ref.scope == operation.scope]:
                        self._forget(ref)
                elif isinstance(operation, Put):
                    self._keep(Ref(*operation[:2]), View.of(put_row(operation, done, origin)))
                elif isinstance(operation, Delete) and done.existed:
                    gone = ABSENT._replace(version=done.version, updated_at=operation.at)
                    self._keep(Ref(*operation[:2]), gone)

    def drain(self) -> dict[Ref, View]:
        """Return all copies, the oldest first, and keep none."""
        with self._lock:
            views, self._views, self._bytes = self._views, {}, 0
        return views

    def _keep(self, ref: Ref, view: View) -> None:
        if ref.scope[:1] == INTERNAL:
            return
        former = self._forget(ref)
        # Two threads may come here in another order than they were served in.
        if former and former.version > view.version > 0 and former.updated_at >= view.updated_at:
            view = former
        self._views[ref] = view
        self._bytes += view_bytes(ref, view)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._views)))

    def _forget(self, ref: Ref) -> View | None:
        former = self._views.pop(ref, None)
        if former is not None:
            self._bytes -= view_bytes(ref, former)
        return former
