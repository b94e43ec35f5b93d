"""What ``State`` offers where backups are on: making, listing, verifying, restoring them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from llmspell_bridges.api import Param, Record
from llmspell_stdlib.state import given
from llmspell_stdlib.state_migration import STATE

__all__ = ["BACKUP", "STATE", "BackupService"]

#: The key of the configuration that switches these functions on.
BACKUP: Final = "state.backup.enabled"


class Told(Protocol):
    """What something came to."""

    def to_dict(self) -> dict[str, Any]: ...


class Made(Told, Protocol):
    """What is known of a backup."""

    @property
    def id(self) -> str: ...


class BackupService(Protocol):
    """What these functions need of the host."""

    def create_backup(self, type: str, **options: Any) -> Made: ...  # noqa: A002
    def list_backups(self) -> Sequence[Made]: ...
    def validate_backup(self, backup: str) -> Told: ...
    def restore_backup(self, backup: str | None, **options: Any) -> Told: ...
    def cleanup_backups(self, *, dry_run: bool) -> Told: ...
    def storage_usage(self) -> Told: ...


STATE.records += [
    Record(
        "BackupOptions",
        "Options of `State.create_backup`.",
        (
            Param(
                "base",
                "text",
                "For an incremental or differential backup: the id of the one it is made from, "
                "unless the latest that will do.",
            ),
            Param("scope", "scope", 'For type "scope": the scope that is backed up.'),
            Param("label", "text", "A name for people."),
        ),
    ),
    Record(
        "RestoreOptions",
        "Options of `State.restore_backup`.",
        (
            Param("scope", "scope", "Restore this scope alone."),
            Param("keys", "texts", "Restore these keys of the scope alone."),
            Param(
                "policy",
                "text",
                'What becomes of entries that are there: "replace" (the default), "keep", "newer".',
            ),
            Param(
                "delete_extra",
                "boolean",
                'Delete what is not in the backup; left out, that is so with "replace".',
            ),
            Param(
                "at",
                "value",
                "A time to go back to, as a timestamp or text; the journal is followed from the "
                "backup to there.",
            ),
            Param("checkpoint", "text", "The same, to the id or label of a checkpoint."),
            Param(
                "pre_restore_backup",
                "boolean",
                "Make a full backup of how it is before; true if left out.",
            ),
            Param("dry_run", "boolean", "Only tell what would be done."),
        ),
    ),
]


@STATE.function(
    Param("type", "text", '"full", "incremental", "differential" or "scope".'),
    Param("options", "BackupOptions", "base, scope, label", optional=True),
    result="text",
    result_doc="The id of the backup.",
    gate=BACKUP,
    access=("admin",),
)
def create_backup(
    state: BackupService,
    type: str,  # noqa: A002 - scripts see it by that name
    options: dict[str, Any] | None = None,
) -> str:
    """Make a backup: everything, one scope, or what changed since another backup.

    It shows one moment, whoever writes meanwhile, and is read again and compared with its
    checksums before it counts. What a transaction has not committed is not in it. When the time
    of the run is over before the backup is made, nothing is left of it.
    """
    return state.create_backup(type, **given(options)).id


@STATE.function(
    result="list",
    result_doc="Maps with id, type, created_at, completed_at, duration_ms, entries, deletions, "
    "size_bytes, compressed_size_bytes, compression, format, encrypted, backend, checksum, "
    "verified and, where there are any, label, base and scope.",
    gate=BACKUP,
    reads=True,
    access=("admin",),
)
def list_backups(state: BackupService) -> list[dict[str, Any]]:
    """Return the backups there are, the latest first."""
    return [backup.to_dict() for backup in state.list_backups()]


@STATE.function(
    Param("id", "text", "The backup's id."),
    result="map",
    result_doc="id, valid, backups (those that were read), chunks, records, size_bytes, "
    "duration_ms, and problems, a list of texts.",
    gate=BACKUP,
    reads=True,
    access=("admin",),
)
def validate_backup(state: BackupService, id: str) -> dict[str, Any]:  # noqa: A002
    """Read a backup, and those it is made from, and compare them with their checksums.

    Nothing is restored. A damaged or missing chunk is named in `problems`.
    """
    return state.validate_backup(id).to_dict()


@STATE.function(
    Param(
        "id",
        "text",
        "The backup's id; null with `at` or `checkpoint`: the one that leads there.",
        optional=True,
    ),
    Param(
        "options",
        "RestoreOptions",
        "scope, keys, policy, delete_extra, at, checkpoint, pre_restore_backup, dry_run",
        optional=True,
    ),
    result="map",
    result_doc="backup_id, status (restored, nothing_to_do, dry_run), restored, unchanged, "
    "skipped, deleted, failed, expired, duration_ms, errors, changes (of a dry run) and, where "
    "there is one, grants, point and pre_restore_backup_id.",
    gate=BACKUP,
    access=("admin",),
)
def restore_backup(
    state: BackupService,
    id: str | None = None,  # noqa: A002
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Bring back what a backup holds: all of it, or nothing if anything is wrong.

    The backup is verified first, and one of how it is now is made. What came later is deleted,
    unless the policy is another; history keeps it. Versions go on: none comes twice. It is no part
    of a transaction, and refused inside of one.
    """
    return state.restore_backup(id, **given(options)).to_dict()


@STATE.function(
    Param("dry_run", "boolean", "Only tell what would be removed.", optional=True),
    result="map",
    result_doc="deleted and kept (lists of maps with id, reason, type, created_at, size_bytes), "
    "failed (maps with id, code, message), freed_bytes, dry_run.",
    gate=BACKUP,
    access=("admin",),
)
def cleanup_backups(state: BackupService, dry_run: bool | None = None) -> dict[str, Any]:
    """Remove the backups that the configured retention lets go.

    What another backup is made from stays as long as that one does.
    """
    return state.cleanup_backups(dry_run=bool(dry_run)).to_dict()


@STATE.function(
    result="map",
    result_doc="location, backups, total_bytes, uncompressed_bytes, by_type, unreadable, "
    "unreadable_bytes and, where known, oldest, newest, free_bytes.",
    gate=BACKUP,
    reads=True,
    access=("admin",),
)
def get_storage_usage(state: BackupService) -> dict[str, Any]:
    """Return how much room the backups take."""
    return state.storage_usage().to_dict()
