"""What checking a store tells."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Problem", "Verified"]


class Problem(NamedTuple):
    """Something that is wrong, and where, as far as that is known. Never holds a value."""

    what: str
    scope: str | None = None
    key: str | None = None
    version: int | None = None
    seq: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the problem as plain data, without what is not known."""
        return {name: fact for name, fact in self._asdict().items() if fact is not None}


class Verified(NamedTuple):
    """What one step looked at, and what it found.

    ``entries`` and ``changes`` are how many were checked; ``share`` is how much of the work is
    done, from 0 to 1.
    """

    entries: int
    changes: int
    share: float
    problems: tuple[Problem, ...]
