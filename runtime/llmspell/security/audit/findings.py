"""What a verification finds: problems, notes, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = ["Problem", "ProblemKind", "Step", "numbers"]

ProblemKind: TypeAlias = Literal[
    "changed",
    "checkpoint_changed",
    "damaged",
    "head_changed",
    "head_missing",
    "inserted",
    "missing",
    "moved",
    "not_following",
    "tampering_found",
    "truncated",
    "unkeyed",
    "unknown_key",
]


class Problem(NamedTuple):
    """One thing that is wrong: its kind, the record it is about if there is one, in words."""

    kind: ProblemKind
    what: str
    seq: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Step(NamedTuple):
    """A part of the work: records it looked at, the share that is done, and what was found.

    ``notes`` are no problems, and worth knowing.
    """

    records: int
    share: float
    problems: Sequence[Problem] = ()
    notes: Sequence[str] = ()


def numbers(first: int, last: int) -> str:
    """Return ``record 7`` or ``records 7 to 9``."""
    return f"record {first}" if first == last else f"records {first} to {last}"
