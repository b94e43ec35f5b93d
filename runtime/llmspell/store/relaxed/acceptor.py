"""Accepting writes: what their outcome will be is told before they are made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from llmspell.store.base import INTERNAL, Operation, Put, Row, Store, WriteResult, Written
from llmspell.store.changes import Origin
from llmspell.store.relaxed.core import EVERYTHING
from llmspell.store.relaxed.pending import Address
from llmspell.store.relaxed.reader import RelaxedReader

__all__ = ["Base", "RelaxedAcceptor", "plain"]

#: A version, and when the life of the entry began.
Base: TypeAlias = tuple[int, int]
_ATTEMPTS: Final = 3
# Each run is a commit. So many keep a flush short when origins take turns.
_MOST_RUNS: Final = 256
_new_row: Any = partial(tuple.__new__, Row)


class RelaxedAcceptor(RelaxedReader):
    """Accepts puts over entries whose version is pending, remembered or read for it."""

    def __init__(self, inner: Store, flush_s: float, max_bytes: int) -> None:
        super().__init__(inner, flush_s)
        self._max_bytes = max_bytes
        # New keys come together: after one, the next unknown key is written without looking.
        self._asks = True

    def _accept_one(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        origin: Origin,
    ) -> tuple[int, int, int, int] | None:
        """Accept a put of a key whose version is known; None if it is not that simple."""
        ref = (scope, key)
        pending = self._pending
        with self._lock:
            if (
                not self._accepts
                or self._claimed
                or pending.bytes + len(blob) > self._max_bytes
                or len(pending.runs) > _MOST_RUNS
            ):
                return None
            number = self.inner.epoch()
            row = self._latest.get(ref)
            if row is not None:
                base, created_at = row[2], row[3]
            elif number == self._known_at and number != -1 and ref in self._known:
                base, created_at = self._known[ref]
            else:
                return None
            version = base + 1
            row = _new_row(
                (
                    scope,
                    key,
                    version,
                    created_at,
                    at,
                    schema_version,
                    state_class,
                    None,
                    origin[2],
                    blob,
                )
            )
            pending.add(ref, row, base, origin)
            before = self._outer(number, self._frame, self._accepted)
            # Last: whoever reads the new epoch finds the new value.
            self._accepted += 1
            return version, created_at, before, before if before == -1 else before + 1

    def _accept_short(self, batch: Sequence[Put], origin: Origin) -> WriteResult | None:
        """Do what ``_accept`` does, if the batch is one put and that is simple."""
        scope, key, blob, at, schema_version, state_class, _, _, versions = batch[0]
        if len(batch) > 1 or versions != 1:
            return None
        taken = self._accept_one(scope, key, blob, at, schema_version, state_class, origin)
        if taken is None:
            return None
        version, created_at, before, after = taken
        return WriteResult([Written(version, created_at, True, 1)], before, after, self._seq())

    def _seq(self) -> int:
        return self._last + self._pending.rows if self._last else 0

    def _accept(
        self, batch: Sequence[Put], refs: Sequence[Address], origin: Origin
    ) -> WriteResult | None:
        """Accept plain puts whose outcome can be told now; None if they must be written at once."""
        self._make_room(sum(len(put.blob) for put in batch))
        found: dict[Address, Base] = {}
        stamp = -1
        for _ in range(_ATTEMPTS):
            with self._lock:
                if not self._accepts or self._is_claimed(refs):
                    break
                if stamp != self._stamp:
                    stamp = self._stamp
                    found.clear()
                missing = self._complete(refs, found)
                if not missing:
                    return self._take(batch, refs, found, origin)
            if not self._asks or not self._look_up(missing, found):
                return None
        with self._lock:
            if self._error is not None:
                raise self._failure() from self._error
        return None

    def _complete(self, refs: Sequence[Address], found: dict[Address, Base]) -> list[Address]:
        """Add what is pending or remembered to what was found; return what is still missing."""
        epoch = self.inner.epoch()
        known = self._known if epoch == self._known_at and epoch != -1 else {}
        missing = []
        for ref in refs:
            row = self._latest.get(ref)
            if row is not None:
                found[ref] = row[2], row[3]
            elif ref in known:
                found[ref] = known[ref]
            elif ref not in found:
                missing.append(ref)
        return missing

    def _look_up(self, refs: Sequence[Address], found: dict[Address, Base]) -> bool:
        """Read the versions of entries; False if one expires or is not there.

        Only the store itself knows which versions a key that is not there had before.
        """
        for ref, row in zip(refs, self.inner.read(refs), strict=True):  # type: ignore[arg-type]
            if row is None or row.expires_at is not None:
                return False
            found[ref] = row.version, row.created_at
        return True

    def _take(
        self,
        batch: Sequence[Put],
        refs: Sequence[Address],
        bases: dict[Address, Base],
        origin: Origin,
    ) -> WriteResult:
        before = self._outer(self.inner.epoch(), self._frame, self._accepted)
        if len(refs) > 1:
            self._pending.keep_apart(refs)
        written = []
        for put, ref in zip(batch, refs, strict=True):
            base, created_at = bases[ref]
            version = base + put.versions
            row = _new_row((*ref, version, created_at, *put[3:6], None, origin[2], put[2]))
            self._pending.add(ref, row, base, origin)
            written.append(Written(version, created_at, True, 1))
        self._accepted += 1
        return WriteResult(written, before, before if before == -1 else before + 1, self._seq())

    def _ask_last(self) -> None:
        self._knows_last = True
        seq = self.inner.write(()).seq
        with self._lock:
            self._last = max(self._last, seq)

    def _is_claimed(self, refs: Sequence[Address]) -> bool:
        claimed = self._claimed
        if not claimed or EVERYTHING in claimed:
            return bool(claimed)
        return any(ref in claimed or (ref[0], None) in claimed for ref in refs)

    def _make_room(self, more_bytes: int) -> None:
        pending = self._pending
        while pending.bytes and (
            pending.bytes + more_bytes > self._max_bytes or len(pending.runs) > _MOST_RUNS
        ):
            self.flush()


def plain(batch: Sequence[Operation]) -> list[Address]:
    """Return the keys of a batch of plain puts of different ones; none of any other batch."""
    refs = []
    for operation in batch:
        if (
            type(operation) is not Put
            or operation.if_version is not None
            or operation.expires_at is not None
            or operation.scope[:1] == INTERNAL
        ):
            return []
        refs.append((operation.scope, operation.key))
    return refs if len(refs) == 1 or len(set(refs)) == len(refs) else []
