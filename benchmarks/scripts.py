"""Time State calls from script loops, in one run with the yardsticks they are compared to.

python benchmarks/scripts.py [--rounds N] [--calls N]

Each candidate runs in turn, round after round, and its best round counts. Yardsticks: for the
memory store and for loads a raw host call from the same VM (0.4 us from Lua and 0.11 us from
JavaScript where the targets were set), for saves to SQLite a bare `sqlite3` upsert that commits the
same bytes. Machines differ and drift: compare ratios. Nothing is asserted.
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

import quickjs
from lupa.lua54 import LuaRuntime

from llmspell.state.manager import StateManager
from llmspell.store import codec, open_store
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox
from llmspell_stdlib.state import STATE

LUA_VALUE = "{theme='dark', version='1.0.0', n=i, f={1, 2, 3}}"
JS_VALUE = "{theme: 'dark', version: '1.0.0', n: i, f: [1, 2, 3]}"
LUA_LOOP = "for i = 1, %d do %s end"
JS_LOOP = "for (let i = 0; i < %d; i++) { %s }"
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


def raw_calls() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """Return loops of raw host calls with two arguments, from Lua and from JavaScript."""
    lua = LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
    lua_loop = lua.compile(b"local host, n = ... for i = 1, n do host(1, 'text') end")
    js = quickjs.Context()
    js.add_callable("host", lambda index, text: "null")
    js_loop = js.eval("(n) => { for (let i = 0; i < n; i++) host(1, 'text'); }")

    def host(index: int, text: bytes) -> bytes:
        return b"return nil"

    return lambda n: lua_loop(host, n), js_loop


def loop(sandbox: Sandbox, body: str) -> Callable[[int], None]:
    """Return what runs the statement ``body`` n times in one script."""
    frame = LUA_LOOP if sandbox.language == "lua" else JS_LOOP
    return lambda calls: sandbox.run(frame % (calls, body), name="benchmark") and None


def script_candidates(lua: Sandbox, js: Sandbox, store: str) -> Iterator[Candidate]:
    """Yield saves and loads from both languages."""
    in_memory = store == "memory"
    save_target = ("8 us = 20 x", "7 us = 64 x", "12 us = 109 x") if in_memory else ("2.2 x",) * 3
    load_yardsticks = ("lua host call", "js host call")
    yardsticks = load_yardsticks if in_memory else ("bare upsert", "bare upsert")
    rows = (
        ("lua save", lua, f"State.save('global', 'k', {LUA_VALUE})", 0, save_target[0]),
        ("lua load", lua, "State.load('global', 'k')", 0, "4.5 us = 11 x"),
        ("js sync save", js, f"State.sync.save('global', 'k', {JS_VALUE})", 1, save_target[1]),
        ("js sync load", js, "State.sync.load('global', 'k')", 1, "4 us = 36 x"),
        ("js await save", js, f"await State.save('global', 'k', {JS_VALUE})", 1, save_target[2]),
        ("js await load", js, "await State.load('global', 'k')", 1, "8 us = 73 x"),
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
def sandboxes(state: StateManager) -> Iterator[tuple[Sandbox, Sandbox]]:
    """Open a Lua and a JavaScript sandbox over a state."""
    bound = BoundGlobal(STATE, state)
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
        raw_lua, raw_js = raw_calls()
        candidates = [
            Candidate("lua host call", raw_lua),
            Candidate("js host call", raw_js),
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
