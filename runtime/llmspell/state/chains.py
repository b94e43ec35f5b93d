"""The chains of the journal: each key's changes, one pointing to the one before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from llmspell.store.base import Ref
from llmspell.store.changes import Change

__all__ = ["Chains", "Gaps", "Link"]


class Link(NamedTuple):
    """What is remembered of a key's latest change."""

    seq: int
    version: int
    lives: bool


class Chains:
    """Follows the keys of one part of a journal that is told in order.

    Keys are divided by their hash into ``parts``; only those of ``part`` are remembered, in
    ``last``. ``floor`` tells how far the journal is compacted by now: others may be at it.
    """

    def __init__(self, part: int, parts: int, floor: Callable[[], int]) -> None:
        self._part, self._parts = part, parts
        self._floor = floor
        self.last: dict[int, Link] = {}

    def number(self, ref: Ref) -> int | None:
        """Return the number under which a key is remembered; None if it is of another part."""
        number = hash(ref)
        return number if number % self._parts == self._part else None

    def add(self, change: Change) -> str | None:
        """Take the next change; return what is wrong with it, if anything is."""
        number = self.number(Ref(change.scope, change.key))
        if number is None:
            return None
        known = self.last.get(number)
        self.last[number] = Link(change.seq, change.version, change.op == "put")
        return self._wrong(change, known)

    def _wrong(self, change: Change, known: Link | None) -> str | None:
        previous = change.previous
        if known is not None and previous == known.seq:
            if change.version > known.version:
                return None
            return f"its version does not rise above {known.version}, that of change {previous}"
        if previous is None:
            # What was deleted long ago is forgotten, and its key begins anew.
            if known is None or not known.lives:
                return None
            return f"it points to no earlier change, but its key has change {known.seq}"
        if previous <= self._floor():
            return None if known is None or known.seq < previous else _astray(previous, known)
        if known is None:
            return f"the change before it, {previous}, is not in the journal"
        return _astray(previous, known)


def _astray(previous: int, known: Link) -> str:
    return f"it points to change {previous}, but the one before it of its key is {known.seq}"


class Gaps:
    """Finds numbers that are missing between ``floor`` and the changes it is told of, in order."""

    def __init__(self, floor: Callable[[], int]) -> None:
        self._floor = floor
        self._known_floor = floor()
        self._reached = 0

    def reach(self, seq: int) -> Iterator[str]:
        """Take the number of the next change; yield what is missing before it."""
        first, last = max(self._reached, self._known_floor) + 1, seq - 1
        self._reached = seq
        if first <= last:
            self._known_floor = self._floor()
            first = max(first, self._known_floor + 1)
            if first == last:
                yield f"change {first} is missing from the journal"
            elif first < last:
                yield f"changes {first} to {last} are missing from the journal"
