"""What a script finds around it: its globals with the services behind them, and its limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from llmspell.module_roots import modules_for
from llmspell.output import MAX_CAPTURED_BYTES, Output
from llmspell.services.access import HostAccess
from llmspell.state.scripting import ScriptState
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.limits import Limits
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox
from llmspell_bridges.values import MAX_DEPTH, canonical
from llmspell_stdlib.args import ScriptArguments
from llmspell_stdlib.input import INPUT
from llmspell_stdlib.registry import GLOBALS

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.permissions import Permissions
    from llmspell.state.manager import StateManager
    from llmspell_bridges.process import WorkerPool

__all__ = ["NO_INPUT", "Grounds", "Surroundings"]

Sink = Callable[[str], None]
#: A run may well be given None.
NO_INPUT: Final[Any] = object()
_MOST_WARNINGS: Final = 100
_FEATURES: Final = frozenset({"state.journal.enabled"})


@dataclass(frozen=True, slots=True)
class Grounds:
    """What all scripts of a runtime share. ``permissions`` and ``state`` are made when needed."""

    config: Config | None
    stdout: Sink | None
    stderr: Sink | None
    limits: Limits
    pool: WorkerPool | None
    permissions: Callable[[], Permissions]
    state: Callable[[], StateManager]

    @property
    def max_depth(self) -> int:
        """How deeply values may be nested."""
        return MAX_DEPTH if self.config is None else self.config.limits.depth

    @property
    def features(self) -> frozenset[str]:
        """The gates that are open: the keys that switch features on and are on."""
        if self.config is None:
            return _FEATURES
        state = self.config.state
        switches = {
            "state.journal.enabled": state.journal.enabled,
            "state.migration.enabled": state.migration.enabled,
            "state.backup.enabled": state.backup.enabled,
        }
        return frozenset(key for key, is_on in switches.items() if is_on)


class Surroundings:
    """What one sandbox is given; close it after the sandbox.

    ``folder`` is where the script's modules are, besides the module folders. ``limits`` and
    ``permissions`` are its own, in place of those of the runtime. ``output`` holds what it printed
    if nobody takes it, ``warnings`` its mistakes that are no errors.
    """

    def __init__(
        self,
        grounds: Grounds,
        engine: str,
        name: str,
        args: Sequence[str],
        *,
        folder: str | None = None,
        given: Any = NO_INPUT,
        permissions: Permissions | None = None,
        limits: Limits | None = None,
    ) -> None:
        config = grounds.config
        kept = MAX_CAPTURED_BYTES if config is None else config.limits.output_bytes
        self._grounds, self._engine = grounds, engine
        self._limits = grounds.limits if limits is None else limits.over(grounds.limits)
        self.output = Output(grounds.stdout, grounds.stderr, kept)
        self.warnings: list[str] = []
        self.run_id = os.urandom(8).hex()
        self._state = ScriptState(grounds.state)
        self._access = HostAccess(lambda: permissions or grounds.permissions(), config)
        self.offered = self._globals(PurePath(name).name, args)
        self.offered.append(modules_for(config, engine=engine, name=name, folder=folder))
        if given is not NO_INPUT:
            exact = canonical(given, max_depth=grounds.max_depth)
            self.offered.append(BoundGlobal(INPUT, exact))

    def _globals(self, name: str, args: Sequence[str]) -> list[BoundGlobal]:
        services = {
            "": self.output,
            "ARGS": ScriptArguments.parse(name, args),
            "State": self._state,
            "Fs": self._access,
            "Env": self._access,
            "Http": self._access,
        }
        config, features = self._grounds.config, self._grounds.features
        return [
            BoundGlobal(declared, services.get(declared.name), features)
            for declared in GLOBALS
            if declared.name != "State" or config is None or config.state.enabled
        ]

    def warn(self, text: str) -> None:
        """Keep a warning, once, and of more than a hundred only the first ones."""
        if len(self.warnings) < _MOST_WARNINGS and text not in self.warnings:
            self.warnings.append(text)

    def sandbox(self) -> Sandbox:
        """Return a fresh sandbox in these surroundings; there may be one after the other."""
        options = SandboxOptions(
            self.offered,
            max_depth=self._grounds.max_depth,
            warn=self.warnings.append,
            limits=self._limits,
        )
        pool = self._grounds.pool
        return (
            create_sandbox(self._engine, options)
            if pool is None
            else pool.sandbox(self._engine, options)
        )

    def close(self) -> None:
        """Give back what the script left open: locks, transactions, watches, connections."""
        self._state.close()
        self._access.close()
