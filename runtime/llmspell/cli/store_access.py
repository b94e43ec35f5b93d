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

__all__ = ["check_exists", "open_existing", "open_state", "read_state", "without_making"]


@contextmanager
def open_state(settings: Settings) -> Iterator[StateManager]:
    """Yield the StateManager that scripts under the same settings would use."""
    from llmspell.engine import Runtime

    with Runtime(settings.load_if_given(), actor=settings.acting_as()) as runtime:
        yield runtime.state


@contextmanager
def read_state(settings: Settings) -> Iterator[StateManager]:
    """Yield the same for a command that only reads, and makes no store where there is none.

    What it reads then is empty; a note says so, for the folder may be the wrong one.
    """
    from llmspell.config import default_config
    from llmspell.engine import Runtime

    config = settings.load_if_given() or default_config()
    missing = _is_missing(config)
    with Runtime(without_making(config), actor=settings.acting_as()) as runtime:
        yield runtime.state
    if missing and not settings.as_json:
        from llmspell.cli.report import print_note

        print_note("note", f"there is no store at {os.path.abspath(config.state.path)} yet")


@contextmanager
def open_existing(settings: Settings) -> Iterator[StateManager]:
    """Yield the same for a command whose success says that what is stored is well."""
    from llmspell.engine import Runtime

    with Runtime(settings.load_if_given(), actor=settings.acting_as()) as runtime:
        check_exists(runtime.config)
        yield runtime.state


def without_making(config: Config) -> Config:
    """Return the configuration for looking: for a store that is not there memory stands in."""
    if not _is_missing(config):
        return config
    nowhere = config.state.model_copy(update={"backend": "memory"})
    return config.model_copy(update={"state": nowhere})


def check_exists(config: Config) -> None:
    """Raise ``StorageError`` where opening the store would make one; servers are not asked."""
    if _is_missing(config):
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


def _is_missing(config: Config) -> bool:
    from llmspell.state.existence import store_exists

    state = config.state
    # With failover a database that is not there may only be away.
    return state.backend != "memory" and not state.failover.enabled and not store_exists(state)
