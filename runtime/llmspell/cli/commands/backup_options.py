"""What the backup commands share: the backups of the configuration, and how far work is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from llmspell.cli.commands.backup_again import again, repeated
from llmspell.cli.progress import advancing
from llmspell.cli.store_access import check_exists

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.model import BackupEvent
    from llmspell.cli.options import Settings
    from llmspell.config import Config
    from llmspell.state.manager import StateManager

__all__ = [
    "advising",
    "chain_option",
    "configured",
    "following",
    "open_backed_up",
    "open_backups",
]

chain_option = click.option(
    "--no-chain", "alone", is_flag=True, help="Without the backups that it is made from."
)


def configured(settings: Settings) -> Config:
    """Load the configuration. Raises ``FeatureUnavailable`` when it has backups switched off."""
    config = settings.load_if_given()
    if config is None or not config.state.backup.enabled:
        from llmspell.errors import FeatureUnavailable

        this = f"LLMSPELL_STATE__BACKUP__ENABLED=true {again(settings)} ..."
        raise FeatureUnavailable(
            "backups are switched off",
            hint=f"set state.backup.enabled = true in the configuration, or for one call:\n{this}",
            key="state.backup.enabled",
        )
    return config


@contextmanager
def open_backups(settings: Settings, config: Config | None = None) -> Iterator[BackupManager]:
    """Yield the backups; the store, which may be lost, is not opened."""
    config = config or configured(settings)
    from llmspell.engine import Runtime

    with advising(settings), Runtime(config, actor=settings.acting_as()) as runtime:
        yield runtime.backups


@contextmanager
def open_backed_up(
    settings: Settings, config: Config | None = None, *, existing: bool = False
) -> Iterator[StateManager]:
    """Yield the state that backups are made of, which notes in the audit what is done to it.

    A store that has to be ``existing`` and is not there is a ``StorageError``.
    """
    config = config or configured(settings)
    from llmspell.engine import Runtime

    with advising(settings), Runtime(config, actor=settings.acting_as()) as runtime:
        if existing:
            check_exists(config)
        yield runtime.state


@contextmanager
def advising(settings: Settings) -> Iterator[None]:
    """Have the commands that an error advises begin as the one that was called."""
    from llmspell.errors import LlmSpellError

    try:
        yield
    except LlmSpellError as error:
        if error.hint:
            error.hint = repeated(settings, error.hint)
        raise


@contextmanager
def following(verb: str) -> Iterator[Callable[[BackupEvent], None]]:
    """Yield what shows events as a bar on a terminal."""
    with advancing(verb) as advance:
        yield lambda event: advance(min(1.0, event.done / event.total) if event.total else None)
