"""Which backup is the latest: clocks may have been wrong, and stores share a place."""

from __future__ import annotations

from time import time_ns
from typing import Final

from llmspell.backup.chain import Catalogue
from llmspell.backup.identity import mark_of
from llmspell.backup.model import Manifest
from llmspell.errors import BackupDamaged, BackupError
from llmspell.store.base import Store

__all__ = ["check_damaged", "is_another", "latest_of"]

#: Clocks of several machines differ by less.
_LATE_US: Final = 5 * 60 * 1_000_000


def latest_of(found: list[Manifest], own: list[Manifest], journal: Store) -> Manifest:
    """Return the latest of the backups found, of those of this store if it has ``own``.

    Both come newest first. Raises BackupError where that cannot be told.
    """
    if not own:
        _check_stores(found)
    latest = _latest(own, journal) if own else found[0]
    if not own or not _is_known(latest, journal):
        _check_date(latest, found)
    return latest


def _check_stores(found: list[Manifest]) -> None:
    """Raise BackupError if backups of several stores were made here side by side.

    A store that was lost and one that took its place come one after the other.
    """
    store_id = _store(found[0])
    since = min(each.created_us for each in found if _store(each) == store_id)
    beside = [each for each in found if _store(each) not in ("", store_id)]
    if store_id and beside and beside[0].created_us > since:
        raise BackupError(
            f"backups of several stores lie here, and none is of this one: {found[0].id} is the"
            f" latest of one of them, {beside[0].id} of another",
            hint="name the backup to restore; let each store have a place of its own",
            reason="stores",
        )


def _latest(own: list[Manifest], journal: Store) -> Manifest:
    """Return the backup of the latest state: a clock may have been wrong, the journal never is.

    Where the journal knows neither, the latest by date is the one.
    """
    newest = own[0]
    if is_another(newest, journal):  # the store was put back since: positions do not compare
        return newest
    later = [each for each in own if _seq(each) > _seq(newest) and _is_known(each, journal)]
    return max(later, key=_seq, default=newest)


def _check_date(latest: Manifest, found: list[Manifest]) -> None:
    """Raise BackupError if the latest backup may be an older one that a wrong clock has dated."""
    now_us = time_ns() // 1000 + _LATE_US
    past = [each for each in found if each.created_us <= now_us < latest.created_us]
    if doubtful := [each for each in past if not _is_before(each, latest)]:
        raise BackupError(
            f"the latest backup, {latest.id}, is dated in the future: a clock was wrong, and"
            f" {doubtful[0].id} may show a later state",
            hint="name the backup to restore",
            reason="future",
            backup=latest.id,
        )


def _is_before(manifest: Manifest, latest: Manifest) -> bool:
    one, other = manifest.journal, latest.journal
    return (
        one is not None
        and other is not None
        and one.store_id == other.store_id
        and one.seq <= other.seq
    )


def _is_known(manifest: Manifest, journal: Store) -> bool:
    """Tell whether the journal has the change that a backup ends with."""
    at = manifest.journal
    return at is not None and at.mark != "" and mark_of(journal, at.seq) == at.mark


def is_another(manifest: Manifest, journal: Store) -> bool:
    """Tell whether the journal has another change where a backup ends."""
    at = manifest.journal
    return at is not None and at.mark != "" and mark_of(journal, at.seq) not in ("", at.mark)


def _store(manifest: Manifest) -> str:
    return "" if manifest.journal is None else manifest.journal.store_id


def _seq(manifest: Manifest) -> int:
    return 0 if manifest.journal is None else manifest.journal.seq


def check_damaged(catalogue: Catalogue, latest: Manifest) -> None:
    """Raise BackupDamaged if a later backup is there and cannot be read: nobody asked for older."""
    later = max((each for each in catalogue.damaged if each > latest.id), default=None)
    if later is not None:
        raise BackupDamaged(
            f"the latest backup, {later}, cannot be read: {catalogue.damaged[later]}",
            hint=f"name the backup to restore; the latest readable one is {latest.id}",
            backup=later,
            problems=[catalogue.damaged[later]],
        )
