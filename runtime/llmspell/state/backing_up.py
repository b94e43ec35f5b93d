"""From the configuration to the backups of a state."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from llmspell.backup.manager import BackupManager, Surroundings
from llmspell.backup.settings import BackupSettings
from llmspell.state.existence import store_exists
from llmspell.state.sealing import configured_sealing, key_ring_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.backup.retention import RetentionPolicy
    from llmspell.backup.schedule import Schedule
    from llmspell.config.backup_section import Backup
    from llmspell.config.models import State
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.state.core import StateCore

__all__ = ["open_backups"]

_ENCRYPT: Final = {"auto": None, "on": True, "off": False}
_DAY_US: Final = 24 * 3600 * 1_000_000


def open_backups(
    state: State,
    opened: Callable[[], StateCore | None],
    opening: Callable[[], StateCore],
) -> BackupManager:
    """Return the backups that a configuration names.

    ``opening`` opens the state they are of if it is not ``opened``: listing and verifying do
    without, for it may be what was lost.
    """
    section = state.backup

    def master() -> MasterKey | Passphrase | None:
        sealing = configured_sealing(state.security)
        return None if sealing is None else sealing.master

    def known_ring() -> Any:
        manager = opened()
        return None if manager is None else key_ring_of(manager.store)

    around = Surroundings(
        backend=state.backend if state.url is None else state.url.partition(":")[0],
        exists=lambda: opened() is not None or store_exists(state),
        store=lambda: opening().store,
        write=lambda batch: opening()._write_internal(batch),
        ring=lambda: key_ring_of(opening().store),
        known_ring=known_ring,
        master=master,
        cipher=state.security.encryption_algorithm,
    )
    return BackupManager(
        _settings(section),
        around,
        policy=partial(_policy, section),
        schedule=partial(_schedule, section),
        keep_journal_us=section.journal_days * _DAY_US,
    )


def _settings(section: Backup) -> BackupSettings:
    return BackupSettings(
        location=section.backup_url or section.backup_dir,
        format=section.format,
        compression=section.compression_algorithm,
        level=section.compression_level,
        chunk_bytes=section.chunk_size,
        streams=section.parallel_backup_streams,
        verify=section.verification_enabled,
        encrypt=_ENCRYPT[section.encryption],
        max_load=section.max_load,
    )


def _policy(section: Backup) -> RetentionPolicy:
    from llmspell.state.backup_policy import configured_policy

    return configured_policy(section)


def _schedule(section: Backup) -> Schedule:
    from llmspell.backup.schedule import Schedule

    wanted = section.schedule
    entries = {"full": wanted.full, "differential": wanted.differential}
    entries["incremental"] = wanted.incremental
    return Schedule(
        {type_: cron for type_, cron in entries.items() if cron},
        timezone=wanted.timezone,
        prune=wanted.prune,
    )
