"""Another store than the configured one, to restore into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmspell.cli.options import Settings
    from llmspell.config import Config
    from llmspell.config.models import State
    from llmspell.state.manager import StateManager

__all__ = ["check_empty", "named_text", "open_other"]

_SCHEME: Final = "://"
_WITH_PATH: Final = ("sqlite", "rocksdb")


@contextmanager
def open_other(settings: Settings, into: str, *, only_looking: bool) -> Iterator[StateManager]:
    """Yield the state of the store that ``into`` names, a path or a URL.

    All else is as configured, keys too. With ``only_looking`` a file that is not there yet is not
    made: an empty store in memory stands in for it. Raises ``UsageFailure`` for the configured
    store itself, and ``ConfigError``.
    """
    config = settings.load()
    state = _state(config.state, into)
    if only_looking and state.url is None and not os.path.lexists(state.path):
        state = state.model_copy(update={"backend": "memory"})
    from llmspell.engine import Runtime

    with Runtime(_with(config, state), actor=settings.acting_as()) as runtime:
        yield runtime.state


def check_empty(other: StateManager, into: str) -> None:
    """Raise ``UsageFailure`` if another store has entries: nothing would bring those back."""
    scopes = len(other.store.scopes())
    if scopes:
        from llmspell.cli.failures import UsageFailure
        from llmspell.cli.table import counted

        raise UsageFailure(
            f"{named_text(into)} has entries, in {counted(scopes, 'scope')}: they would be replaced"
            " or deleted, and no backup of them is made",
            hint="choose an empty store; or --overwrite, which cannot be undone",
        )


def named_text(into: str) -> str:
    """Return which store ``into`` names: its whole path, or its URL without credentials."""
    from llmspell.cli.commands.backup_words import url_text

    return url_text(into) if _SCHEME in into else os.path.abspath(Path(into).expanduser())


def _state(configured: State, into: str) -> State:
    if _is_the_same(configured, into):
        from llmspell.cli.failures import UsageFailure

        raise UsageFailure(
            "--into names the configured store itself", hint="leave --into out to restore into it"
        )
    if _SCHEME in into:
        where: dict[str, Any] = {"url": into}
    else:
        backend = configured.backend if configured.backend in _WITH_PATH else "sqlite"
        where = {"url": None, "path": Path(into).expanduser(), "backend": backend}
    # Copies of the configured store have no place beside another one.
    alone = configured.failover.model_copy(update={"enabled": False})
    off = configured.backup.model_copy(update={"enabled": False})
    return configured.model_copy(update={**where, "failover": alone, "backup": off})


def _is_the_same(configured: State, into: str) -> bool:
    if _SCHEME in into:
        return into == configured.url
    if configured.url is not None or configured.backend not in _WITH_PATH:
        return False
    return os.path.realpath(configured.path) == os.path.realpath(Path(into).expanduser())


def _with(config: Config, state: State) -> Config:
    return config.model_copy(update={"state": state})
