"""Care for a store that was lost: what only looks, or is refused, makes no new one in its place."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from llmspell.cli.commands.backup_ids import proper_id
from llmspell.cli.commands.backup_options import open_backups
from llmspell.errors import BackupBaseMissing, BackupDamaged

if TYPE_CHECKING:
    from llmspell.cli.options import Settings
    from llmspell.config import Config

__all__ = ["check_named", "without_making"]


def without_making(config: Config) -> Config:
    """Return the configuration for a dry run: for a file that is not there memory stands in."""
    state = config.state
    if state.url is not None or state.failover.enabled or os.path.lexists(state.path):
        return config
    return config.model_copy(update={"state": state.model_copy(update={"backend": "memory"})})


def check_named(settings: Settings, config: Config, backup_id: str | None) -> None:
    """Raise what is wrong with the backup to restore, where a new store would be made for it.

    A store that is made with a wrong key belongs to that: the right one does not open it. What is
    damaged the restore itself tells.
    """
    if without_making(config) is config:
        return
    with open_backups(settings, config) as backups:
        latest = None if backup_id else backups.latest()
        named = proper_id(backups, backup_id) if backup_id else latest and latest.id
        with suppress(BackupDamaged, BackupBaseMissing):
            for manifest in backups.catalogue().chain(named) if named else ():
                backups.key_of(manifest)
