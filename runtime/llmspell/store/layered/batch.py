"""One batch over two layers, taken apart into a batch for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from llmspell.store.base import Check, Clear, Delete, Operation, Put, Ref, Written

__all__ = ["EPHEMERAL", "LayeredBatch"]

#: The class of entries that are never stored.
EPHEMERAL: Final = "ephemeral"


class _Source(NamedTuple):
    """Where the result of an operation comes from, and what the other layer adds to it."""

    is_above: bool
    place: int
    existed: bool = False
    more: int = 0


class LayeredBatch:
    """What a batch does to the ephemeral entries (``upper``) and to the stored ones (``lower``).

    ``above`` has the ephemeral entries among those it may touch, with their expiry; ``below``
    the addresses of the stored ones. Both are afterwards as the batch leaves them. Each
    precondition goes to the layer whose entry can be seen at its place in the batch.
    """

    def __init__(
        self,
        batch: Sequence[Operation],
        above: Mapping[Ref, int | None],
        below: Iterable[Ref],
    ) -> None:
        self.upper: list[Operation] = []
        self.lower: list[Operation] = []
        self.above = dict(above)
        self._below = set(below)
        self._sources = [self._split(operation) for operation in batch]

    def written(self, upper: Sequence[Written], lower: Sequence[Written]) -> list[Written]:
        """Put the results of both layers together."""
        results = []
        for is_above, index, existed, count in self._sources:
            done = upper[index] if is_above else lower[index]
            results.append(done._replace(existed=done.existed or existed, count=done.count + count))
        return results

    def _split(self, operation: Operation) -> _Source:
        if isinstance(operation, Clear):
            return self._clear(operation)
        ref = Ref(operation.scope, operation.key)
        seen = self._is_above(ref, operation.at)
        if isinstance(operation, Check):
            return self._to_upper(operation) if seen else self._to_lower(operation)
        if isinstance(operation, Delete):
            source = self._delete(operation, seen)
            self._below.discard(ref)
            self.above.pop(ref, None)
            return source
        if operation.state_class == EPHEMERAL:
            source = self._put_above(operation, ref, seen)
            self.above[ref] = operation.expires_at
            return source
        source = self._put_below(operation, seen)
        self._below.add(ref)
        self.above.pop(ref, None)
        return source

    def _put_above(self, put: Put, ref: Ref, seen: bool) -> _Source:
        if not seen and put.if_version is not None:
            self.lower.append(Check(*ref, put.at, put.if_version))
            put = put._replace(if_version=None)
        return self._to_upper(put, existed=ref in self._below)

    def _put_below(self, put: Put, seen: bool) -> _Source:
        if seen:
            self.upper.append(Delete(put.scope, put.key, put.at, put.if_version))
            put = put._replace(if_version=None)
        return self._to_lower(put, existed=seen)

    def _delete(self, delete: Delete, seen: bool) -> _Source:
        if not seen:
            return self._to_lower(delete)
        self.lower.append(delete._replace(if_version=None))
        return self._to_upper(delete)

    def _clear(self, clear: Clear) -> _Source:
        mine = [ref for ref in self.above if ref.scope == clear.scope]
        alone = [ref for ref in mine if self._is_above(ref, clear.at) and ref not in self._below]
        if mine:
            self.upper.append(clear)
        for ref in mine:
            del self.above[ref]
        self._below = {ref for ref in self._below if ref.scope != clear.scope}
        return self._to_lower(clear, existed=bool(alone), more=len(alone))

    def _is_above(self, ref: Ref, at: int) -> bool:
        if ref not in self.above:
            return False
        expires_at = self.above[ref]
        return expires_at is None or expires_at > at

    def _to_upper(self, operation: Operation, *, existed: bool = False) -> _Source:
        self.upper.append(operation)
        return _Source(True, len(self.upper) - 1, existed)

    def _to_lower(self, operation: Operation, *, existed: bool = False, more: int = 0) -> _Source:
        self.lower.append(operation)
        return _Source(False, len(self.lower) - 1, existed, more)
