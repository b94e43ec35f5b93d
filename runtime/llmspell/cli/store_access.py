"""Open the configured state for a command that needs no script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.cli.options import Settings
    from llmspell.state.manager import StateManager

__all__ = ["open_state"]


@contextmanager
def open_state(settings: Settings) -> Iterator[StateManager]:
    """Yield the StateManager that scripts under the same settings would use."""
    from llmspell.engine import Runtime

    with Runtime(settings.load_if_given(), actor=settings.acting_as()) as runtime:
        yield runtime.state
