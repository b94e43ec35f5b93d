"""A mark on a part of a value: it must not be stored as plain text."""

from __future__ import annotations

from typing import Any

__all__ = ["Confidential"]


class Confidential:
    """Wraps the part of a value that is encrypted by itself before it is stored.

    What it holds shows in neither ``repr`` nor ``str``.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Confidential(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Confidential) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(Confidential)
