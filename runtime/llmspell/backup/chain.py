"""The backups of a place: what is there, and what each of them needs."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from llmspell.backup.manifest_file import unpack
from llmspell.backup.model import BACKUP_TYPES, Manifest, check_id
from llmspell.errors import (
    BackupBaseMissing,
    BackupDamaged,
    BackupError,
    BackupNotFound,
    UnsupportedBackup,
)

if TYPE_CHECKING:
    from llmspell.backup.repository.base import Repository

__all__ = ["BASES", "Catalogue"]

#: The types that a backup of each type can be based on.
BASES: Final[dict[str, tuple[str, ...]]] = {
    "full": (),
    "scope": (),
    "differential": ("full",),
    "incremental": ("full", "differential", "incremental"),
}


class Catalogue:
    """What a repository's manifests tell. They are read whenever it is asked.

    ``damaged`` maps the ids that could not be read the last time to what is wrong with them.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.damaged: dict[str, str] = {}
        self._read: dict[str, tuple[bytes, Manifest]] = {}

    def manifests(self) -> list[Manifest]:
        """Return the backups there are, the newest first, without those in ``damaged``."""
        found: list[Manifest] = []
        damaged: dict[str, str] = {}
        for backup_id in self.repository.ids():
            try:
                found.append(self._manifest(backup_id))
            except BackupNotFound:
                continue  # somebody has just removed it
            except (BackupDamaged, UnsupportedBackup) as error:
                damaged[backup_id] = error.message
        self.damaged = damaged
        return sorted(found, key=lambda each: (each.created_us, each.id), reverse=True)

    def get(self, backup_id: str) -> Manifest:
        """Return one backup. Raises BackupNotFound, BackupDamaged and UnsupportedBackup."""
        try:
            return self._manifest(check_id(backup_id))
        except BackupNotFound:
            raise _not_found(backup_id, self.repository.ids()) from None

    def chain(self, backup_id: str) -> list[Manifest]:
        """Return a backup and all it needs, the full one first.

        Raises BackupNotFound for the backup itself, BackupBaseMissing when one it needs is not
        there, BackupDamaged when one is unreadable or not the one that it was made from.
        """
        chain = [self.get(backup_id)]
        while (base := chain[0].base) is not None:
            if any(each.id == base for each in chain):
                raise _damaged(chain[0], "it is based on itself")
            chain.insert(0, self._base_of(chain[0], base))
        _check_links(chain)
        return chain

    def dependents(self, backup_id: str) -> list[str]:
        """Return the ids of the backups that need this one, the newest first."""
        return [each.id for each in self.manifests() if backup_id in each.chain]

    def latest(
        self, types: Collection[str] = BACKUP_TYPES, *, store_id: str | None = None
    ) -> Manifest | None:
        """Return the newest backup of these types whose chain is whole; None if there is none.

        With ``store_id`` only backups of that store count.
        """
        for manifest in self.manifests():
            if manifest.type not in types or not _is_of(manifest, store_id):
                continue
            if self.is_whole(manifest.id):
                return manifest
        return None

    def is_whole(self, backup_id: str) -> bool:
        """Return whether the manifests of all that a backup needs are there and fit."""
        try:
            self.chain(backup_id)
        except BackupError:
            return False
        return True

    def _manifest(self, backup_id: str) -> Manifest:
        data = self.repository.manifest(backup_id)
        digest = sha256(data).digest()
        known = self._read.get(backup_id)
        if known is None or known[0] != digest:
            known = self._read[backup_id] = (digest, unpack(data, backup_id))
        return known[1]

    def _base_of(self, manifest: Manifest, base: str) -> Manifest:
        try:
            found = self._manifest(base)
        except BackupNotFound:
            raise BackupBaseMissing(
                f"backup {manifest.id} holds the changes since backup {base}, which is not there",
                hint="bring its folder back, or choose a backup whose chain is whole:"
                " `llmspell backup list` shows them",
                backup=manifest.id,
                missing=base,
            ) from None
        if manifest.base_checksum != found.checksum:
            raise _damaged(
                manifest, f"its base {base} is not the backup it was made from, but another one"
            )
        return found


def _check_links(chain: list[Manifest]) -> None:
    ids = tuple(each.id for each in chain)
    for at, manifest in enumerate(chain):
        if manifest.chain != ids[:at]:
            raise _damaged(manifest, "its manifest names another chain than its bases do")
        if (at == 0) != (not BASES[manifest.type]):
            raise _damaged(manifest, f"a {manifest.type} backup {_should(at)} have a base")
        if at and chain[at - 1].type not in BASES[manifest.type]:
            raise _damaged(
                manifest, f"a {manifest.type} backup cannot be based on a {chain[at - 1].type} one"
            )


def _should(at: int) -> str:
    return "cannot" if at else "must"


def _is_of(manifest: Manifest, store_id: str | None) -> bool:
    if store_id is None:
        return True
    return manifest.journal is not None and manifest.journal.store_id == store_id


def _not_found(backup_id: str, ids: list[str]) -> BackupNotFound:
    at = bisect(ids, backup_id)
    near = ids[max(at - 1, 0) : at + 1]
    hint = f"the nearest there are: {', '.join(near)}" if near else "there are no backups here"
    return BackupNotFound(f"there is no backup {backup_id}", hint=hint, backup=backup_id)


def _damaged(manifest: Manifest, what: str) -> BackupDamaged:
    return BackupDamaged(
        f"backup {manifest.id} cannot be used: {what}",
        hint="choose another backup; `llmspell backup verify` tells which are whole",
        backup=manifest.id,
        problems=[what],
    )
