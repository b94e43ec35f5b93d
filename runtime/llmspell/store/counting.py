"""Counting entries by their schema version, for readers that have no quicker way."""

from __future__ import annotations

from collections import Counter
from typing import Final

from llmspell.store.base import Reader

__all__ = ["versions_by_scan"]

_PAGE: Final = 10_000


def versions_by_scan(reader: Reader) -> list[tuple[str, int, int]]:
    """Do what ``Reader.versions`` does by scanning everything, without values."""
    counts: Counter[tuple[str, int]] = Counter()
    for scope, _ in reader.scopes():
        after: str | None = None
        while rows := reader.scan(scope, after=after, limit=_PAGE, values=False):
            counts.update((scope, row[5]) for row in rows)
            after = rows[-1].key
    return [(scope, version, count) for (scope, version), count in sorted(counts.items())]
