"""How much a regular expression repeats: what the library behind ``matches`` writes out."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["least_length"]

_TOKEN: Final = re.compile(
    r"""
    \\. | \[\^?\]?(?:\\.|[^\]\\])*\]
    | (?P<open>\() | (?P<close>\)) | \{(?P<least>\d+)(?:,\d*)?\}[+?]?
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_DIGITS: Final = 9


def least_length(pattern: str) -> int:
    """Return about how many parts a pattern has once its counted repetitions are written out.

    ``(a{1000}){1000}`` has a million, and they take the memory of a million.
    """
    around: list[int] = []
    sum_here = last = 0
    for token in _TOKEN.finditer(pattern):
        if token["open"]:
            around.append(sum_here)
            sum_here = last = 0
        elif token["close"]:
            last = max(1, sum_here)
            sum_here = (around.pop() if around else 0) + last
        elif token["least"]:
            times = int(token["least"][:_DIGITS])
            sum_here += last * max(0, times - 1)
            last *= max(1, times)
        else:
            last = 1
            sum_here += 1
    return sum_here + sum(around)
