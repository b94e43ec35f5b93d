"""Rewriting for the stores that have no quicker way than to write, and what no store rewrites."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from llmspell.errors import InvalidArgument
from llmspell.store.base import Operation, Put, Rewritten, WriteResult
from llmspell.store.changes import NOBODY, Origin

__all__ = ["RewritesByWriting", "check_rewrite"]


class RewritesByWriting(ABC):
    """A store whose rewrite is a write."""

    @abstractmethod
    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult: ...

    def rewrite(
        self,
        batch: Sequence[Put],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        check_rewrite(batch)
        result = self.write(batch, durability=durability, origin=origin)
        return Rewritten(*result[1:])


def check_rewrite(batch: Sequence[Put]) -> None:
    """Raise InvalidArgument for what is no entry at a known version, or one that comes twice."""
    if not batch:
        return
    others = set(map(type, batch)) - {Put}
    if others:
        raise _refused(f"Put, not {others.pop().__name__}")
    scopes, keys, _, _, _, _, _, wanted, versions = zip(*batch, strict=True)
    if None in wanted or min(wanted) < 1:
        raise _refused("a Put that names in if_version the version it replaces")
    if set(versions) != {1}:
        raise _refused("a Put that takes one version")
    if len(set(zip(scopes, keys, strict=True))) != len(batch):
        raise _refused("each key once")


def _refused(wanted: str) -> InvalidArgument:
    return InvalidArgument(f"a rewrite takes {wanted}", parameter="batch")
