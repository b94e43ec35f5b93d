"""What every candidate does alike: the same small map, under 1,000 keys in turn, ever changing.

The number in the value makes every write change the bytes: a database skips a page that stays
as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, islice
from typing import Any, Final

__all__ = [
    "KEYS",
    "PAGE",
    "PAGE_AFTER",
    "SCOPE",
    "deletes",
    "key",
    "loads",
    "saves",
    "value",
    "warm",
]

SCOPE: Final = "global"
KEYS: Final = 1000
"""How many keys a candidate goes through."""
PAGE: Final = 100
"""How many keys a listing returns."""
PAGE_AFTER: Final = "key5"
"""Where a listing begins: in the middle."""


def value(number: int) -> dict[str, Any]:
    """Return the value to save, about 45 bytes in its stored form."""
    return {"theme": "dark", "version": "1.0.0", "n": number, "f": [1, 2, 3]}


def key(number: int) -> str:
    """Return one of the keys."""
    return f"key{number % KEYS}"


def saves(save: Callable[[str, dict[str, Any]], object]) -> Callable[[int], None]:
    """Return what saves n times through ``save(key, value)``."""
    numbers = count()

    def run(calls: int) -> None:
        for number in islice(numbers, calls):
            save(key(number), value(number))

    return run


def loads(load: Callable[[str], object]) -> Callable[[int], None]:
    """Return what loads n times through ``load(key)``."""

    def run(calls: int) -> None:
        for number in range(calls):
            load(key(number))

    return run


def warm(run: Callable[[int], object]) -> Callable[[int], object]:
    """Return what goes through all keys once, so that a round of loads finds them cached.

    What ran before has written: without this a round would measure how a cache is filled.
    """
    return lambda _: run(KEYS)


def deletes(delete: Callable[[str], object]) -> Callable[[int], None]:
    """Return what deletes the keys ``d0``, ``d1``, ... through ``delete(key)``."""

    def run(calls: int) -> None:
        for number in range(calls):
            delete(f"d{number}")

    return run
