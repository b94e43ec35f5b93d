"""Adding to a stored number."""

from __future__ import annotations

from typing import Any

from llmspell.errors import InvalidValue
from llmspell_bridges.values import INT_MAX, INT_MIN

__all__ = ["add"]


def add(value: Any, by: float) -> int | float:
    """Return the sum; two integers stay one. Raises ``InvalidValue`` for what is no number."""
    for number, what in ((value, "the stored value"), (by, "the amount")):
        if type(number) is not int and type(number) is not float:
            raise InvalidValue(
                f"{what} is not a number, so it cannot be incremented",
                hint="increment works on integers and floats",
                path="$",
            )
        if type(number) is int and not INT_MIN <= number <= INT_MAX:
            raise InvalidValue(f"{what} is an integer beyond 64 bits", path="$")
    total: int | float = value + by
    if type(total) is int and not INT_MIN <= total <= INT_MAX:
        raise InvalidValue("the sum is an integer beyond 64 bits", path="$")
    if type(total) is float and total - total != 0.0:
        raise InvalidValue("the sum is not a finite number", path="$")
    return total
