"""Care for a store that was lost: a restore that is refused makes no new one in its place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from llmspell.cli.commands.backup_ids import LATEST, id_of
from llmspell.cli.commands.backup_options import open_backups
from llmspell.cli.store_access import without_making
from llmspell.errors import BackupBaseMissing, BackupDamaged

if TYPE_CHECKING:
    from llmspell.cli.options import Settings
    from llmspell.config import Config

__all__ = ["check_named"]


def check_named(settings: Settings, config: Config, backup_id: str | None) -> None:
    """Raise what is wrong with the backup to restore, where a new store would be made for it.

    A store that is made with a wrong key belongs to that: the right one does not open it. What is
    damaged the restore itself tells.
    """
    if without_making(config) is config:
        return
    with open_backups(settings, config) as backups:
        named = id_of(backups, backup_id or LATEST)
        with suppress(BackupDamaged, BackupBaseMissing):
            for manifest in backups.catalogue().chain(named):
                backups.key_of(manifest)
