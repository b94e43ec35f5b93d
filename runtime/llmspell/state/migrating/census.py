"""Counting entries by the version of their schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from llmspell.store.base import Reader

if TYPE_CHECKING:
    from llmspell.state.migrating.selection import Selection

__all__ = ["census"]

_PAGE: Final = 10_000


def census(
    reader: Reader,
    selection: Selection,
    readable: Callable[[Iterable[str]], list[str]] = list,
) -> Counter[tuple[str, int]]:
    """Return how many of the selected entries there are of each family and version.

    ``readable`` leaves out scopes.
    """
    counts: Counter[tuple[str, int]] = Counter()
    for scope in readable(scope for scope, _ in selection.scopes(reader)):
        family_in = selection.family_in(scope)
        after: str | None = None
        while rows := reader.scan(scope, after=after, limit=_PAGE, values=False):
            after = rows[-1].key
            for row in rows:
                family = family_in(row[1])
                if family is not None:
                    counts[family, row[5]] += 1
    return counts
