"""Work on a store until killed: the program that the crash tests kill, and how they open its store.

A loop does the work of one number after the other, going on where the one before was killed: what
was saved last as ``n`` is the number whose work is done. It writes down each number, and when, once
every call for it has returned.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from llmspell.state.manager import StateManager
from llmspell.state.transaction import Transaction
from llmspell.store import open_store

__all__ = [
    "BATCH_EVERY",
    "BRIEF_S",
    "FLUSH_MS",
    "KEPT_CHANGES",
    "LASTING_KEYS",
    "LOOPS",
    "TOTAL",
    "open_state",
]

FLUSH_MS: Final = 20
KEPT_CHANGES: Final = 50
#: What both accounts hold together.
TOTAL: Final = 1000
#: Each transaction that waits is a commit of its own, and too many of them flush by themselves.
BATCH_EVERY: Final = 1000
#: Over so many keys the loops spread what they save besides the number.
LASTING_KEYS: Final = 7
_BRIEF_KEYS: Final = 20
BRIEF_S: Final = 0.01


def save(state: StateManager, number: int) -> None:
    """Save a larger value that carries the number, and the number."""
    state.save("s", f"k{number % LASTING_KEYS}", [number] * 40)
    state.save("s", "n", number)


def transfer(state: StateManager, number: int) -> None:
    """Move some money from one account to the other, and count the moves."""

    def move(tx: Transaction) -> None:
        left, right = tx.load("bank", "left", TOTAL), tx.load("bank", "right", 0)
        amount = random.randint(-50, 50)
        tx.save("bank", "left", left - amount)
        tx.save("bank", "right", right + amount)
        tx.save("s", "n", number)

    state.run_transaction(move)


def accept(state: StateManager, number: int) -> None:
    """Write what may wait for the flush: saves, and now and then a transaction that reads nothing."""
    if number % BATCH_EVERY == 1:
        with state.transaction() as tx:
            tx.save("bank", "left", TOTAL - number)
            tx.save("bank", "right", number)
    state.save("s", "n", number)


def expire(state: StateManager, number: int) -> None:
    """Save what soon expires and what does not, and sweep now and then."""
    state.save("brief", f"k{number % _BRIEF_KEYS}", number, ttl=BRIEF_S)
    state.save("s", "lasting", number, ttl=3600)
    if number % 5 == 0:
        for _ in state.compact():
            pass
    state.save("s", "n", number)


def keep_compacting(state: StateManager) -> None:
    """Compact beside the loop for as long as it lives. What fails here ends the process."""
    try:
        while True:
            for _ in state.compact(max_changes=KEPT_CHANGES):
                pass
            time.sleep(0.002)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


class Loop(NamedTuple):
    """What is done for each number, and what beside it all the time."""

    step: Callable[[StateManager, int], None]
    beside: Callable[[StateManager], None] | None = None
    durability: str = "commit"


LOOPS: Final = {
    "save": Loop(save),
    "transaction": Loop(transfer),
    "compaction": Loop(save, beside=keep_compacting),
    "flush": Loop(accept, durability="relaxed"),
    "sweep": Loop(expire),
}


def open_state(place: str, *, durability: str = "commit") -> StateManager:
    """Open a place: a server's URL, or a backend's name, a colon and a path."""
    backend, _, path = place.partition(":")
    options: dict[str, Any] = {"durability": durability, "flush_ms": FLUSH_MS}
    if backend == "postgresql":
        return StateManager(open_store(backend, url=place, **options))
    return StateManager(open_store(backend, path=Path(path), **options))


def main(place: str, name: str) -> None:
    """Work for ever; standard output is where the numbers are written down."""
    loop = LOOPS[name]
    state = open_state(place, durability=loop.durability)
    number = state.load("s", "n", 0)
    if loop.beside is not None:
        threading.Thread(target=loop.beside, args=(state,), daemon=True).start()
    while True:
        number += 1
        loop.step(state, number)
        os.write(1, b"%d %d\n" % (number, time.monotonic_ns()))


if __name__ == "__main__":
    main(*sys.argv[1:])
