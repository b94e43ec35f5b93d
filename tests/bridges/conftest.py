"""One fixture: a sandbox of either language with every global, over a memory store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from levels import create_sandbox
from llmspell.output import Output
from llmspell.state.manager import StateManager
from llmspell.state.scripting import ScriptState
from llmspell.store import open_store
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.errors import ScriptError
from llmspell_bridges.sandbox import SandboxOptions
from llmspell_stdlib.args import ScriptArguments
from llmspell_stdlib.registry import GLOBALS

FEATURES = frozenset(f"state.{each}.enabled" for each in ("journal", "migration", "backup"))


class Bench:
    """A sandbox with its surroundings; scripts of both languages are given side by side."""

    def __init__(self, engine: str, *, args: tuple[str, ...] = (), max_depth: int = 128) -> None:
        self.engine = engine
        self.warnings: list[str] = []
        self.state = StateManager(open_store("memory"))
        self.output = Output(None, None, 1 << 24)
        services = {
            "": self.output,
            "ARGS": ScriptArguments.parse("test", args),
            "State": ScriptState(lambda: self.state),
        }
        self.sandbox = create_sandbox(
            engine,
            SandboxOptions(
                globals=[BoundGlobal(each, services.get(each.name), FEATURES) for each in GLOBALS],
                warn=self.warnings.append,
                max_depth=max_depth,
            ),
        )

    def pick(self, lua: str, js: str) -> str:
        """Return the script of this engine's language."""
        return lua if self.engine == "lua" else js

    def run(self, lua: str, js: str) -> Any:
        """Run the script of this engine's language and return its value."""
        return self.sandbox.run(self.pick(lua, js), name="script")

    def fail(self, lua: str, js: str) -> ScriptError:
        """Run a script that must fail and return its error."""
        with pytest.raises(ScriptError) as caught:
            self.run(lua, js)
        return caught.value

    @property
    def printed(self) -> str:
        """What the scripts printed so far."""
        return self.output.captured


Make = Callable[..., Bench]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make benches; all of them are closed at the end."""
    made: list[Bench] = []

    def make(engine: str, **options: Any) -> Bench:
        made.append(Bench(engine, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.sandbox.close()


@pytest.fixture(params=["lua", "js"])
def bench(request: pytest.FixtureRequest, make: Make) -> Bench:
    return make(request.param)


@pytest.fixture
def lua(make: Make) -> Callable[[str], Any]:
    """Run Lua in a sandbox that stays the same within a test."""
    bench = make("lua")
    return lambda source: bench.sandbox.run(source, name="script")


@pytest.fixture
def js(make: Make) -> Callable[[str], Any]:
    """Run JavaScript in a sandbox that stays the same within a test."""
    bench = make("js")
    return lambda source: bench.sandbox.run(source, name="script")
