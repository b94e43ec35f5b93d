"""Taking backups from an archive into a place for backups: all that are new, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmspell.backup.archive_file import Archive, damaged_archive, open_archive
from llmspell.backup.model import BackupEvent, Manifest
from llmspell.errors import BackupDamaged, BackupError, BackupNotFound, UnsupportedBackup

if TYPE_CHECKING:
    from llmspell.backup.chain import Catalogue

__all__ = ["ImportResult", "import_archive"]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What was imported: ids, the bases of others first.

    ``present`` were there already and stay as they are. ``missing`` are backups that imported
    ones are made from, and that are neither in the archive nor in the place: without them those
    cannot be restored.
    """

    file: str
    imported: tuple[str, ...]
    present: tuple[str, ...]
    missing: tuple[str, ...]
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as programs see it."""
        return {
            "file": self.file,
            "imported": list(self.imported),
            "present": list(self.present),
            "missing": list(self.missing),
            "size_bytes": self.size_bytes,
        }


def import_archive(
    catalogue: Catalogue, file: Path, *, on_event: Callable[[BackupEvent], None] | None = None
) -> ImportResult:
    """Import what is in an archive; the caller holds the repository's lock.

    Everything in it is checked before anything appears. A backup that is there already is left
    as it is if it is the same. Raises ``BackupError`` if it is another one, ``BackupDamaged`` and
    ``UnsupportedBackup``.
    """
    with open_archive(file) as archive:
        read = [archive.manifest(backup_id) for backup_id in archive.ids()]
        # Bases first: what is written then leads back to a full backup at any moment.
        read.sort(key=lambda manifest: (len(manifest.chain), manifest.id))
        manifests = {manifest.id: manifest for manifest in read}
        there = {each: _there(catalogue, each, manifests[each]) for each in manifests}
        missing = _missing_bases(catalogue, archive, manifests)
        steps = _Steps(manifests, on_event)
        for manifest in manifests.values():
            for chunk in manifest.chunks:
                archive.check_chunk(manifest.id, chunk)
                steps.advance(manifest, chunk.records)
        new = [manifest for manifest in manifests.values() if not there[manifest.id]]
        _copy(catalogue, archive, new, steps)
    return ImportResult(
        file=str(file),
        imported=tuple(manifest.id for manifest in new),
        present=tuple(backup_id for backup_id, is_there in there.items() if is_there),
        missing=missing,
        size_bytes=sum(manifest.stored_bytes for manifest in new),
    )


class _Steps:
    """Tells how far an import is: every record is checked, and then written."""

    def __init__(
        self, manifests: Mapping[str, Manifest], on_event: Callable[[BackupEvent], None] | None
    ) -> None:
        self._on_event, self._done = on_event, 0
        self._total = 2 * sum(manifest.records for manifest in manifests.values())

    def advance(self, manifest: Manifest, records: int) -> None:
        self._done += records
        if self._on_event is not None:
            event = BackupEvent("progress", "import", manifest.id, self._done, self._total)
            self._on_event(event)


def _there(catalogue: Catalogue, backup_id: str, manifest: Manifest) -> bool:
    """Return whether the very backup is there already."""
    try:
        found = catalogue.get(backup_id)
    except BackupNotFound:
        return False
    except (BackupDamaged, UnsupportedBackup) as error:
        raise _in_the_way(catalogue, backup_id, "one that is damaged") from error
    if found.checksum != manifest.checksum:
        raise _in_the_way(catalogue, backup_id, "another one")
    return True


def _in_the_way(catalogue: Catalogue, backup_id: str, what: str) -> BackupError:
    return BackupError(
        f"nothing was imported: there is a backup {backup_id} in {catalogue.repository.location}"
        f" already, and it is {what}",
        hint=f"if it shall be replaced: llmspell backup delete {backup_id}",
        reason="exists",
        backup=backup_id,
    )


def _missing_bases(
    catalogue: Catalogue, archive: Archive, manifests: Mapping[str, Manifest]
) -> tuple[str, ...]:
    """Return the bases that are nowhere. Raises if one is not what a backup was made from."""
    missing: set[str] = set()
    for manifest in manifests.values():
        if manifest.base is None:
            continue
        base = manifests.get(manifest.base) or _known(catalogue, manifest.base)
        if base is None:
            missing.add(manifest.base)
        elif base.checksum != manifest.base_checksum or manifest.chain != (*base.chain, base.id):
            raise damaged_archive(
                archive.path,
                f"backup {manifest.id} was made from another backup {base.id} than this one",
            )
    return tuple(sorted(missing))


def _known(catalogue: Catalogue, backup_id: str) -> Manifest | None:
    try:
        return catalogue.get(backup_id)
    except (BackupNotFound, BackupDamaged, UnsupportedBackup):
        return None


def _copy(catalogue: Catalogue, archive: Archive, new: list[Manifest], steps: _Steps) -> None:
    """Write all of them aside before the first one becomes a backup, bases first."""
    with ExitStack() as stack:
        drafts = []
        for manifest in new:
            draft = stack.enter_context(catalogue.repository.creating(manifest.id))
            for chunk in manifest.chunks:
                draft.put(chunk.name, archive.chunk_bytes(manifest.id, chunk))
                steps.advance(manifest, chunk.records)
            drafts.append(draft)
        for manifest, draft in zip(new, drafts, strict=True):
            draft.commit(archive.manifest_bytes(manifest.id))
