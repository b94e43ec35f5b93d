"""Verifying a backup and all it needs, without restoring anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from llmspell.backup.checking import check_chunks
from llmspell.backup.model import BackupEvent, Manifest
from llmspell.errors import (
    BackupBaseMissing,
    BackupDamaged,
    BackupNotFound,
    UnsupportedBackup,
)

if TYPE_CHECKING:
    from llmspell.backup.chain import Catalogue
    from llmspell.backup.sealing import BackupKey

__all__ = ["Verification", "verify"]


@dataclass(slots=True)
class Verification:
    """What a verification found: ``backups`` are those that were read, the full one first.

    ``records`` and ``size_bytes`` (before compression) are of all of them.
    """

    id: str
    valid: bool = True
    backups: list[str] = field(default_factory=list)
    chunks: int = 0
    records: int = 0
    size_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    duration_ms: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as scripts and programs see it."""
        return {
            "id": self.id,
            "valid": self.valid,
            "backups": list(self.backups),
            "chunks": self.chunks,
            "records": self.records,
            "size_bytes": self.size_bytes,
            "problems": list(self.problems),
            "duration_ms": self.duration_ms,
        }


def verify(
    catalogue: Catalogue,
    backup_id: str,
    key_of: Callable[[Manifest], BackupKey | None],
    *,
    streams: int = 1,
    chain: bool = True,
    on_event: Callable[[BackupEvent], None] | None = None,
) -> Verification:
    """Verify one backup; with ``chain`` those it is made from, too.

    Raises ``BackupNotFound`` if there is none of that id; what is wrong else is in the result.
    """
    started = time.perf_counter()
    found = Verification(backup_id)
    try:
        manifests = catalogue.chain(backup_id) if chain else [catalogue.get(backup_id)]
    except BackupNotFound:
        raise
    except (BackupDamaged, BackupBaseMissing, UnsupportedBackup) as error:
        found.problems.append(error.message)
        manifests = []
    total = sum(manifest.records for manifest in manifests)
    _tell(on_event, "started", backup_id, 0, total)
    for manifest in manifests:
        _verify_one(catalogue, manifest, key_of(manifest), found, streams, total, on_event)
    found.valid = not found.problems
    found.duration_ms = round((time.perf_counter() - started) * 1000, 3)
    _tell(on_event, "finished", backup_id, found.records, total)
    return found


def _verify_one(
    catalogue: Catalogue,
    manifest: Manifest,
    key: BackupKey | None,
    found: Verification,
    streams: int,
    total: int,
    on_event: Callable[[BackupEvent], None] | None,
) -> None:
    done = found.records
    get = partial(catalogue.repository.read, manifest.id)
    problems = check_chunks(
        get,
        manifest,
        key,
        names=catalogue.repository.names(manifest.id),
        streams=streams,
        on_progress=lambda records: _tell(on_event, "progress", found.id, done + records, total),
    )
    named = problems if manifest.id == found.id else [f"{manifest.id}: {it}" for it in problems]
    found.problems += named
    found.backups.append(manifest.id)
    found.chunks += len(manifest.chunks)
    found.records += manifest.records
    found.size_bytes += manifest.size_bytes


def _tell(
    on_event: Callable[[BackupEvent], None] | None, kind: str, id_: str, done: int, total: int
) -> None:
    if on_event is not None:
        on_event(BackupEvent(kind, "verify", id_, done, total))
