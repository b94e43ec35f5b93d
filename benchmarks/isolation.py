"""What a process of its own costs a script: ``python -m benchmarks.isolation`` on a quiet machine.

Prints one line for each figure: the same work inline and in a worker process, as medians.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Final

from llmspell import Runtime
from llmspell.state.manager import StateManager
from llmspell.state.scripting import ScriptState
from llmspell.store import open_store
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.process import WorkerPool
from llmspell_bridges.sandbox import SandboxOptions
from llmspell_stdlib.args import ScriptArguments
from llmspell_stdlib.registry import GLOBALS

__all__ = ["main"]

CALLS: Final = 2000
ROUNDS: Final = 15
STARTS: Final = 50
#: Between two starts, so that another worker waits ready, as when scripts come one by one.
PAUSE_S: Final = 0.05
LOOPS: Final = {
    "lua": "local t = os.clock() for i = 1, {n} do {body} end",
    "js": "for (let i = 0; i < {n}; i++) {{ {body} }}",
}
BODIES: Final = {
    ("lua", "load"): "State.load('g', 'k')",
    ("lua", "save"): "State.save('g', 'k', {a = i})",
    ("js", "load"): "State.sync.load('g', 'k')",
    ("js", "save"): "State.sync.save('g', 'k', {a: i})",
}
BUSY: Final = "local x = 0 for i = 1, 60000000 do x = x + i % 7 end return x"


def main() -> None:
    """Measure and print everything."""
    inline, process = Runtime(profile="minimal"), Runtime(profile="minimal", isolation="process")
    with inline, process:
        for (engine, what), body in BODIES.items():
            _show(
                f"{engine}: State.{what}",
                "us",
                *(_call(r, engine, body) for r in (inline, process)),
            )
        for engine in LOOPS:
            _show(
                f"{engine}: a whole script", "ms", *(_start(r, engine) for r in (inline, process))
            )
    for engine in LOOPS:
        print(f"{engine}: a fresh sandbox in a warm worker: {_fresh(engine):.2f} ms")
    print(f"two busy scripts at once: {_together():.2f} times one after the other")


def _show(what: str, unit: str, inline: float, process: float) -> None:
    print(f"{what}: {inline:.1f} {unit} inline, {process:.1f} {unit} in a process")


def _timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _call(runtime: Runtime, engine: str, body: str) -> float:
    """Return the microseconds of one call in a loop of them."""
    runtime.state.save("g", "k", {"a": 1})
    with runtime.session(engine) as session:
        code = LOOPS[engine].format(n=CALLS, body=body)
        return median(_timed(lambda: session.evaluate(code)) for _ in range(ROUNDS)) / CALLS * 1e6


def _start(runtime: Runtime, engine: str) -> float:
    """Return the milliseconds of a script that does nothing."""

    def run() -> float:
        time.sleep(PAUSE_S)
        return _timed(lambda: runtime.execute("", engine=engine))

    return median(run() for _ in range(STARTS)) * 1e3


def _fresh(engine: str) -> float:
    state = StateManager(open_store("memory"))
    services = {"ARGS": ScriptArguments.parse("x", ()), "State": ScriptState(lambda: state)}
    offered = [BoundGlobal(each, services.get(each.name)) for each in GLOBALS]
    options = SandboxOptions(globals=offered)
    with WorkerPool(size=1) as pool:

        def make() -> float:
            time.sleep(PAUSE_S)
            started = time.perf_counter()
            sandbox = pool.sandbox(engine, options)
            took = time.perf_counter() - started
            sandbox.close()
            return took

        return median(make() for _ in range(STARTS)) * 1e3


def _together() -> float:
    """Return how many times faster two CPU-bound scripts are at once than one by one."""
    with Runtime(profile="minimal", isolation="process") as runtime, ThreadPoolExecutor(2) as two:

        def run(_: int = 0) -> object:
            return runtime.execute(BUSY, engine="lua").value

        run()
        alone = _timed(lambda: [run(), run()])
        return alone / _timed(lambda: list(two.map(run, range(2))))


if __name__ == "__main__":
    main()
