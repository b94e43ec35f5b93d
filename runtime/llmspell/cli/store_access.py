"""Open the configured state for a command that needs no script."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.cli.options import Settings
    from llmspell.config import Config
    from llmspell.state.manager import StateManager

__all__ = ["check_exists", "open_state"]


@contextmanager
def open_state(settings: Settings, *, existing: bool = False) -> Iterator[StateManager]:
    """Yield the StateManager that scripts under the same settings would use.

    A store that is not there is made, or, when it has to be ``existing``, a ``StorageError``.
    """
    from llmspell.engine import Runtime

    with Runtime(settings.load_if_given(), actor=settings.acting_as()) as runtime:
        if existing:
            check_exists(runtime.config)
        yield runtime.state


def check_exists(config: Config) -> None:
    """Raise ``StorageError`` where opening the store would make one; servers are not asked.

    For commands whose success says something of what is stored: that of a new, empty store in
    the wrong place would mislead.
    """
    from llmspell.state.backing_up import store_exists

    if config.state.backend != "memory" and not store_exists(config.state):
        from llmspell.errors import StorageError

        path = os.path.abspath(config.state.path)
        lost = "if it was lost, `llmspell backup restore` brings it back; else "
        raise StorageError(
            f"there is no store at {path}",
            hint=f"{lost * config.state.backup.enabled}name its configuration with -c, or go to the"
            "\nfolder that state.path is meant from; what saves something first makes one",
            reason="missing",
            path=path,
        )
