"""How much room the backups of a place take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llmspell.backup.model import BACKUP_TYPES, Manifest, time_of
from llmspell.backup.repository.base import Repository
from llmspell.errors import BackupError

__all__ = ["StorageUsage", "TypeUsage", "storage_usage"]


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """How many backups of one type there are, and their sizes as they lie there and before."""

    backups: int
    total_bytes: int
    uncompressed_bytes: int


@dataclass(frozen=True, slots=True)
class StorageUsage:
    """Sizes are in bytes, of chunks without manifests; ``free_bytes`` is None where not known.

    ``unreadable`` backups, whose manifests are damaged, count in ``unreadable_bytes`` only.
    """

    location: str
    backups: int
    total_bytes: int
    uncompressed_bytes: int
    by_type: dict[str, TypeUsage]
    oldest_us: int | None
    newest_us: int | None
    unreadable: int
    unreadable_bytes: int
    free_bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return what people and scripts see of it: without what is not known."""
        facts = asdict(self)
        oldest, newest = facts.pop("oldest_us"), facts.pop("newest_us")
        if oldest is not None and newest is not None:
            facts |= {"oldest": time_of(oldest), "newest": time_of(newest)}
        return {name: value for name, value in facts.items() if value is not None}


def storage_usage(repository: Repository, manifests: Sequence[Manifest]) -> StorageUsage:
    """Return the room that these backups take, and the others that lie there unreadable."""
    total = _sum(manifests)
    times = [manifest.created_us for manifest in manifests]
    known = {manifest.id for manifest in manifests}
    unreadable = [backup for backup in repository.ids() if backup not in known]
    return StorageUsage(
        location=repository.location,
        backups=total.backups,
        total_bytes=total.total_bytes,
        uncompressed_bytes=total.uncompressed_bytes,
        by_type={
            name: _sum(of_type)
            for name in BACKUP_TYPES
            if (of_type := [manifest for manifest in manifests if manifest.type == name])
        },
        oldest_us=min(times, default=None),
        newest_us=max(times, default=None),
        unreadable=len(unreadable),
        unreadable_bytes=sum(_size(repository, backup) for backup in unreadable),
        free_bytes=repository.free_bytes(),
    )


def _sum(manifests: Sequence[Manifest]) -> TypeUsage:
    return TypeUsage(
        len(manifests),
        sum(manifest.stored_bytes for manifest in manifests),
        sum(manifest.size_bytes for manifest in manifests),
    )


def _size(repository: Repository, backup_id: str) -> int:
    size = 0
    try:
        for name in repository.names(backup_id):
            size += _file_size(repository, backup_id, name)
    except BackupError:  # removed meanwhile, or out of reach
        pass
    return size


def _file_size(repository: Repository, backup_id: str, name: str) -> int:
    try:
        return repository.size(backup_id, name)
    except BackupError:  # no file of a backup
        return 0
