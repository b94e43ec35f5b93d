"""Random numbers of a worker's own.

Lua takes its seed from addresses and the second of the day: forks have both in common.
"""

from __future__ import annotations

import os
from typing import Final

from llmspell_bridges.api import Global

__all__ = ["SEEDS"]

_PRELUDE: Final = """local _, internal = ...
local seeds = internal.worker_seeds()
math.randomseed(seeds[1], seeds[2])
"""

#: Answered by the worker itself: a seed is nothing that the host would have to know.
SEEDS: Final = Global("", "", preludes={"lua": _PRELUDE})


@SEEDS.function(internal=True, result="list", languages=("lua",))
def worker_seeds(_: None) -> list[int]:
    """Return two numbers that no other worker has."""
    return [int.from_bytes(os.urandom(8), "little") >> 1 for _ in range(2)]
