"""The cheapest way through versions: fewest unsafe links first, then fewest links."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

__all__ = ["cheapest", "reachable"]


def cheapest(
    start: int,
    goal: int,
    *,
    neighbours: Callable[[int], Iterable[int]],
    is_safe: Callable[[int, int], bool | None],
) -> tuple[int, ...] | None:
    """Return the versions of the way, both ends included, or ``None`` when there is none.

    ``is_safe`` tells of a link between neighbours, ``None`` where none leads; it is asked only
    about links that could be on a cheapest way, for the answer takes work. Of ways that cost
    the same, the one through the lower versions is taken.
    """
    pending: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, (start,))]
    settled: set[int] = set()
    while pending:
        unsafe, links, path = heappop(pending)
        at = path[-1]
        if at == goal:
            return path
        if at in settled:
            continue
        settled.add(at)
        for to in neighbours(at):
            safe = None if to in settled else is_safe(at, to)
            if safe is not None:
                heappush(pending, (unsafe + (not safe), links + 1, (*path, to)))
    return None


def reachable(
    start: int,
    *,
    neighbours: Callable[[int], Iterable[int]],
    leads: Callable[[int, int], bool],
) -> frozenset[int]:
    """Return the versions that some way leads to from ``start``, itself included."""
    found = {start}
    pending = [start]
    while pending:
        at = pending.pop()
        for to in neighbours(at):
            if to not in found and leads(at, to):
                found.add(to)
                pending.append(to)
    return frozenset(found)
