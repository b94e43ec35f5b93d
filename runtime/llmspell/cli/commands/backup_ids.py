"""Which backup is meant: by its id, by "latest", or by nothing at all."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager

__all__ = ["LATEST", "failed_ids", "id_of", "latest_id", "proper_id"]

#: Stands for the id of the backup that is meant when none is named.
LATEST: Final = "latest"
_QUOTED: Final = 60


def id_of(backups: BackupManager, given: str) -> str:
    """Return the id of a backup that was named. Raises as ``proper_id`` and ``latest_id``."""
    return latest_id(backups) if given == LATEST else proper_id(backups, given)


def proper_id(backups: BackupManager, given: str) -> str:
    """Return what was given if it can be an id. Raises ``InvalidArgument`` that names the nearest.

    Whether there is such a backup is not looked at.
    """
    from llmspell.backup.model import check_id
    from llmspell.errors import InvalidArgument

    try:
        return check_id(given)
    except InvalidArgument:
        ids = backups.repository.ids()
        begin_so = [each for each in ids if given and each.startswith(given)]
        guess = begin_so or get_close_matches(given, ids, n=1)
        asked = f"did you mean {guess[-1]}?\n" if guess else ""
        raise InvalidArgument(
            f"{given[:_QUOTED]!r} is no id of a backup, such as 20260131T120000Z-0a1b2c",
            hint=f"{asked}llmspell backup list shows them",
            parameter="id",
        ) from None


def latest_id(backups: BackupManager) -> str:
    """Return the id of the backup that a restore takes which names none.

    If there are none of everything it is the latest of a scope; a later one that cannot be read
    comes first, as it stands in the way of that restore. Raises ``BackupNotFound``.
    """
    meant = backups.latest()
    catalogue = backups.catalogue()
    there = catalogue.manifests()
    found = meant.id if meant else there[0].id if there else ""
    # Of one whose manifest is damaged its id still tells when it was made.
    found = max([found, *catalogue.damaged])
    if found:
        return found
    from llmspell.errors import BackupNotFound

    raise BackupNotFound(
        f"there are no backups in {backups.repository.location}",
        hint="llmspell backup create makes one",
    )


def failed_ids(backups: BackupManager) -> set[str]:
    """Return the backups that were damaged when they were verified for the last time."""
    log = [entry for entry in backups.repository.log() if entry.get("action") == "verify"]
    last = {str(entry.get("id")): entry.get("ok") for entry in log}
    return {backup_id for backup_id, ok in last.items() if ok is False}
