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
    found = [each for each in reader.versions() if selection.concerns(each[0])]
    seen = set(readable(dict.fromkeys(scope for scope, _, _ in found)))
    mixed: dict[str, None] = {}
    for scope, version, count in found:
        sole = selection.sole_family(scope) if scope in seen else None
        if sole is not None:
            counts[sole, version] += count
        elif scope in seen:
            mixed[scope] = None
    for scope in mixed:
        counts.update(_of_scope(reader, selection, scope))
    return counts


def _of_scope(reader: Reader, selection: Selection, scope: str) -> Counter[tuple[str, int]]:
    """Count in a scope of which not all entries are of one family and selected."""
    counts: Counter[tuple[str, int]] = Counter()
    family_in, after = selection.family_in(scope), None
    while rows := reader.scan(scope, after=after, limit=_PAGE, values=False):
        after = rows[-1].key
        for row in rows:
            family = family_in(row[1])
            if family is not None:
                counts[family, row[5]] += 1
    return counts
