"""Time State calls from script loops, in one run with the yardsticks they are compared to.

python benchmarks/scripts.py [--rounds N] [--calls N]

Each candidate runs in turn, round after round, and its best round counts. Yardsticks: for the
memory store a bare host call from the same VM; for SQLite a bare `sqlite3` upsert that commits
the same bytes. A target is printed beside what was measured; nothing is asserted.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from llmspell.state.manager import StateManager
from llmspell.store import codec, open_store
from llmspell_bridges.api import Global
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox
from llmspell_stdlib.state import STATE

LUA_VALUE = "{theme='dark', version='1.0.0', n=i, f={1, 2, 3}}"
JS_VALUE = "{theme: 'dark', version: '1.0.0', n: i, f: [1, 2, 3]}"
LUA_LOOP = "for i = 1, %d do %s end"
JS_LOOP = "for (let i = 0; i < %d; i++) { %s }"
BARE = Global("Bare", "A host function that does nothing.")
BARE_UPSERT = (
    "INSERT INTO bare VALUES ('global', 'k', ?)"
    " ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value"
)


class Candidate(NamedTuple):
    """One thing to time: what it is, how to run it, its yardstick and its target."""

    name: str
    run: Callable[[int], None]
    yardstick: str = ""
    target: str = ""


@BARE.function()
def call(_: None) -> None:
    """Do nothing."""


def loop(sandbox: Sandbox, body: str) -> Callable[[int], None]:
    """Return what runs the statement ``body`` n times in one script."""
    frame = LUA_LOOP if sandbox.language == "lua" else JS_LOOP
    return lambda calls: sandbox.run(frame % (calls, body), name="benchmark") and None


def script_candidates(lua: Sandbox, js: Sandbox, store: str) -> Iterator[Candidate]:
    """Yield saves and loads from both languages."""
    save_target = {"memory": ("8 us", "7 us", "12 us")}.get(store, ("2.2 x",) * 3)
    yardsticks = (
        ("lua host call", "js host call") if store == "memory" else ("bare upsert", "bare upsert")
    )
    load_yardsticks = ("lua host call", "js host call")
    rows = (
        ("lua save", lua, f"State.save('global', 'k', {LUA_VALUE})", 0, save_target[0]),
        ("lua load", lua, "State.load('global', 'k')", 0, "4.5 us"),
        ("js sync save", js, f"State.sync.save('global', 'k', {JS_VALUE})", 1, save_target[1]),
        ("js sync load", js, "State.sync.load('global', 'k')", 1, "4 us"),
        ("js await save", js, f"await State.save('global', 'k', {JS_VALUE})", 1, save_target[2]),
        ("js await load", js, "await State.load('global', 'k')", 1, "8 us"),
    )
    for name, sandbox, body, language, target in rows:
        chosen = load_yardsticks if "load" in name else yardsticks
        yield Candidate(f"{store}: {name}", loop(sandbox, body), chosen[language], target)


def bare_upsert(folder: Path) -> Callable[[int], None]:
    """Return the SQLite yardstick: autocommitted upserts of changing bytes of the same size."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE bare (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key))"
    )
    values = [
        (codec.encode({"theme": "dark", "version": "1.0.0", "n": n, "f": [1, 2, 3]}),)
        for n in range(1000)
    ]

    def run(calls: int) -> None:
        execute = connection.execute
        for i in range(calls):
            execute(BARE_UPSERT, values[i % 1000])

    return run


@contextmanager
def sandboxes(state: StateManager | None) -> Iterator[tuple[Sandbox, Sandbox]]:
    """Open a Lua and a JavaScript sandbox over a state, or over none."""
    bound = BoundGlobal(BARE, None) if state is None else BoundGlobal(STATE, state)
    lua = create_sandbox("lua", SandboxOptions(globals=[bound]))
    js = create_sandbox("js", SandboxOptions(globals=[bound]))
    try:
        yield lua, js
    finally:
        lua.close()
        js.close()


def measure(candidates: list[Candidate], rounds: int, calls: int) -> dict[str, float]:
    """Return the best time of one call of each candidate, in microseconds."""
    best = dict.fromkeys((candidate.name for candidate in candidates), float("inf"))
    for _ in range(rounds):
        for candidate in candidates:
            started = perf_counter()
            candidate.run(calls)
            took = (perf_counter() - started) / calls * 1e6
            best[candidate.name] = min(best[candidate.name], took)
    return best


def main() -> None:
    """Run the benchmark and print it as a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds; the best counts")
    parser.add_argument("--calls", type=int, default=20_000, help="calls in each round")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lua, js = stack.enter_context(sandboxes(None))
        candidates = [
            Candidate("lua host call", loop(lua, "Bare.call()")),
            Candidate("js host call", loop(js, "Bare.sync.call()")),
            Candidate("bare upsert", bare_upsert(folder)),
        ]
        for backend in ("memory", "sqlite"):
            state = StateManager(open_store(backend, path=folder / "state.db"))
            stack.callback(state.close)
            candidates += script_candidates(*stack.enter_context(sandboxes(state)), backend)
        best = measure(candidates, options.rounds, options.calls)
    print(f"{'':24}{'us a call':>10}  ratio to yardstick         target")
    for candidate in candidates:
        took = best[candidate.name]
        ratio = ""
        if candidate.yardstick:
            ratio = f"{took / best[candidate.yardstick]:5.2f} x {candidate.yardstick}"
        print(f"{candidate.name:24}{took:10.2f}  {ratio:26} {candidate.target}")


if __name__ == "__main__":
    main()
