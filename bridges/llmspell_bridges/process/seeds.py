"""Random numbers of a worker's own.

Lua takes its seed from addresses and the second of the day: forks have both in common. JavaScript
takes the microsecond, which two of them may share, and cannot be told another one; so each begins
at another place of the series.
"""

from __future__ import annotations

import os
from typing import Final

from llmspell_bridges.api import Global

__all__ = ["SEEDS"]

_PRELUDES: Final = {
    "lua": """local _, internal = ...
local seeds = internal.worker_seeds()
math.randomseed(seeds[1], seeds[2])
""",
    "js": """(globals, internal) => {
  const { random } = Math;
  for (let skipped = internal.worker_seeds()[0] % 2000; skipped > 0; skipped--) random();
}""",
}

#: Answered by the worker itself: a seed is nothing that the host would have to know.
SEEDS: Final = Global("", "", preludes=_PRELUDES)


@SEEDS.function(internal=True, result="list")
def worker_seeds(_: None) -> list[int]:
    """Return two numbers that no other worker has, as large as every language holds them."""
    return [int.from_bytes(os.urandom(8), "little") >> 11 for _ in range(2)]
