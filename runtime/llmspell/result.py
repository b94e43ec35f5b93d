"""What a run gives, and what those need of a runtime who run scripts on it for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.permissions import Permissions
    from llmspell.state.access_opening import Acting
    from llmspell.state.manager import StateManager
    from llmspell_bridges.limits import Limits

__all__ = ["RunResult", "Runs"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run gave.

    ``value`` is a Lua chunk's ``return`` or a JavaScript script's value, as plain Python data.
    ``output`` is what it printed when nobody streamed it. ``warnings`` are mistakes that are no
    errors, one line each. ``duration_ms`` is wall clock time in milliseconds. ``run_id`` names the
    run in the history of what it wrote.
    """

    value: Any
    output: str
    warnings: tuple[str, ...]
    duration_ms: float
    engine: str
    script: str
    run_id: str


class Runs(Protocol):
    """A runtime, as far as maps are concerned."""

    @property
    def config(self) -> Config: ...
    @property
    def permissions(self) -> Permissions: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def state(self) -> StateManager: ...
    @property
    def acting(self) -> Acting: ...
    def check_open(self) -> None: ...
    def execute(
        self,
        code: str,
        *,
        engine: str,
        args: Sequence[str] = (),
        name: str = "",
        input: Any = None,  # noqa: A002
        folder: str | None = None,
    ) -> RunResult: ...
    def close(self) -> None: ...
