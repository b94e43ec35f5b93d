"""Which backup is meant where none is named, and what must not take its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmspell.backup.identity import store_id_of
from llmspell.backup.model import Manifest, is_before_restore, time_of, with_entries
from llmspell.errors import BackupError

if TYPE_CHECKING:
    from llmspell.backup.restore_options import RestoreOptions
    from llmspell.store.base import Store

__all__ = ["check_not_lost", "found_damaged", "not_meant", "of_store", "words_for"]


def not_meant(manifests: Sequence[Manifest]) -> Sequence[str]:
    """Return the backups that nobody means who names none.

    Those were made before other restores, or have nothing in them, as of a store that was lost
    and is a new one since. If there are no others, these are meant.
    """
    ignored = {each.id for each in manifests if each.type == "scope" or is_before_restore(each)}
    meant = with_entries(manifests) - ignored
    return [each.id for each in manifests if each.id not in meant] if meant else []


def words_for(backup_id: str | None, options: RestoreOptions) -> str:
    """Return what a restore is to lead to, in words."""
    if options.at_us is not None:
        return f"to {time_of(options.at_us):%Y-%m-%d %H:%M:%S.%f} UTC"
    if options.seq is not None:
        return f"to position {options.seq} of the journal"
    return f"of {backup_id or 'the latest backup'}"


def check_not_lost(store: Store, latest: Manifest | None) -> None:
    """Raise ``BackupError`` if it seems that the store was lost, and a new one made since.

    Backups of that would take the place of those that have what was lost, one after another.
    """
    if latest is None or latest.journal is None or store.walk(limit=1):
        return
    if latest.journal.store_id != store_id_of(store):
        raise BackupError(
            f"there is nothing in the store, and it is not the one that backup {latest.id} is of,"
            " which has entries; no backup was made",
            hint=f"if it was lost: `llmspell backup restore {latest.id}`; if it is meant to be new,"
            " backups are made as soon as something is in it, or in another place at once",
            reason="new_store",
        )


def of_store(manifests: Iterable[Manifest], store_id: str | None) -> list[Manifest]:
    """Return the backups of a store, and those of stores that kept no journal."""
    return [each for each in manifests if each.journal is None or each.journal.store_id == store_id]


def found_damaged(log: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the backups that were found damaged when they were last verified, and why."""
    found: dict[str, str] = {}
    for entry in log:
        if entry.get("action") == "verify" and isinstance(entry.get("id"), str):
            found.pop(entry["id"], None)
            if not entry.get("ok"):
                found[entry["id"]] = "found damaged when it was last verified"
    return found
