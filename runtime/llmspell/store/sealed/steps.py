"""What the steps of work on everything stored tell."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

__all__ = ["Examined", "Reencrypted", "Unreadable"]


class Unreadable(NamedTuple):
    """A stored value that does not open, and why. ``seq`` is the change it belongs to, if any."""

    what: str
    scope: str
    key: str
    version: int
    seq: int | None = None


class Reencrypted(NamedTuple):
    """What one step did: values looked at and sealed anew; ``share`` of the work is done."""

    checked: int
    sealed: int
    share: float
    problems: tuple[Unreadable, ...]


class Examined(NamedTuple):
    """What one step found: values by the id of their key, "" for those in the open."""

    values: Counter[str]
    share: float
    problems: tuple[Unreadable, ...]
