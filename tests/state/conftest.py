"""A runtime's state over either store, and scripts of both languages that use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from levels import create_sandbox
from llmspell.state.manager import StateLimits, StateManager
from llmspell.state.scripting import ScriptState
from llmspell.store import open_store
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.errors import ScriptError
from llmspell_bridges.sandbox import Sandbox, SandboxOptions
from llmspell_stdlib.args import ScriptArguments
from llmspell_stdlib.registry import GLOBALS


class Silent:
    """Takes a script's output and drops it."""

    def write(self, stream: str, text: str) -> None:
        pass


def sandbox(engine: str, state: StateManager, **options: Any) -> Sandbox:
    """Return a sandbox whose ``State`` is this one."""
    services = {
        "": Silent(),
        "ARGS": ScriptArguments.parse("test", ()),
        "State": ScriptState(lambda: state),
    }
    features = frozenset({"state.journal.enabled"})
    offered = [BoundGlobal(each, services.get(each.name), features) for each in GLOBALS]
    return create_sandbox(engine, SandboxOptions(globals=offered, **options))


class Desk:
    """One state, and a sandbox in each language when it is asked for."""

    def __init__(self, backend: str, folder: Path, limits: StateLimits | None = None) -> None:
        self.backend = backend
        self.path = folder / "state.db"
        self.limits = limits or StateLimits()
        self.state = self.open()
        self._sandboxes: dict[str, Sandbox] = {}

    def open(self) -> StateManager:
        """Open another manager; on SQLite it is on the same file."""
        path = self.path if self.backend == "sqlite" else None
        return StateManager(open_store(self.backend, path=path), limits=self.limits)

    def sandbox(self, engine: str) -> Sandbox:
        """Return the desk's sandbox of that language."""
        if engine not in self._sandboxes:
            self._sandboxes[engine] = sandbox(engine, self.state, max_depth=self.limits.depth)
        return self._sandboxes[engine]

    def lua(self, source: str) -> Any:
        """Run Lua and return its value."""
        return self.sandbox("lua").run(source, name="script")

    def js(self, source: str) -> Any:
        """Run JavaScript and return its value."""
        return self.sandbox("js").run(source, name="script")

    def run(self, engine: str, lua: str, js: str) -> Any:
        """Run the script of the engine's language and return its value."""
        return self.lua(lua) if engine == "lua" else self.js(js)

    def fail(self, engine: str, lua: str, js: str) -> ScriptError:
        """Run a script that must fail and return its error."""
        with pytest.raises(ScriptError) as caught:
            self.run(engine, lua, js)
        return caught.value

    def close(self) -> None:
        for each in self._sandboxes.values():
            each.close()
        self.state.close()


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Open desks; all of them are closed at the end."""
    with ExitStack() as stack:

        def open_desk(backend: str = "memory", **options: Any) -> Desk:
            desk = Desk(backend, tmp_path, **options)
            stack.callback(desk.close)
            return desk

        yield open_desk


@pytest.fixture(params=["memory", "sqlite"])
def desk(request: pytest.FixtureRequest, open_desk: Callable[..., Desk]) -> Desk:
    return open_desk(request.param)


@pytest.fixture(params=["lua", "js"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)
