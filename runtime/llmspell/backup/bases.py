"""What a backup is made from, and what may not go while others are made from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from llmspell.backup.chain import BASES
from llmspell.backup.identity import mark_of
from llmspell.errors import BackupBaseMissing, BackupInUse, FeatureUnavailable, StateError

if TYPE_CHECKING:
    from llmspell.backup.chain import Catalogue
    from llmspell.backup.model import Manifest
    from llmspell.store.base import Store

__all__ = ["base_for", "check_not_needed"]

_MOST_NAMED: Final = 3


def base_for(
    type_: str,
    base: str | None,
    catalogue: Catalogue,
    store: Store,
    store_id: str | None,
    *,
    check: Callable[[Manifest], None],
) -> Manifest | None:
    """Return the backup that one of this type is made from, None if it needs none.

    That is ``base`` or, without one, the latest that will do. ``check`` raises for a backup that
    could not be restored. Raises ``BackupBaseMissing``.
    """
    types = BASES[type_]
    if not types:
        return None
    if store_id is None:
        raise FeatureUnavailable(
            f"a backup of type {type_} needs the journal, which has no changes",
            hint="set state.journal.enabled = true, or make a full backup",
            key="state.journal.enabled",
        )
    if base is not None:
        found = catalogue.get(base)
        why = _unfit(found, types, catalogue, store, store_id) or _unusable(found, catalogue, check)
        if why is not None:
            raise BackupBaseMissing(
                f"backup {base} cannot be the base of one of type {type_}: {why}",
                hint="make a full backup",
                base=base,
            )
        return found
    reason = "there is none"
    for manifest in _best_first(catalogue.manifests()):
        if manifest.type in types:
            why = _unfit(manifest, types, catalogue, store, store_id)
            why = why or _unusable(manifest, catalogue, check)
            if why is None:
                return manifest
            reason = f"{manifest.id}: {why}" if reason == "there is none" else reason
    raise BackupBaseMissing(
        f"a backup of type {type_} is made from one of type {' or '.join(types)}, and there is"
        f" none that will do ({reason})",
        hint="make a full backup first: `llmspell backup create`, create_backup('full')",
    )


def _unfit(
    manifest: Manifest,
    types: tuple[str, ...],
    catalogue: Catalogue,
    store: Store,
    store_id: str,
) -> str | None:
    """Return why a backup cannot be a base, None if it can."""
    if manifest.type not in types:
        return f"it is of type {manifest.type}; it takes one of type {' or '.join(types)}"
    journal, span = manifest.journal, store.span()
    if journal is None or journal.store_id != store_id:
        return "it is of another store"
    if journal.seq < span.floor:
        return "the journal was compacted since"
    if journal.seq > span.last or not _same(journal.mark, mark_of(store, journal.seq)):
        return "the store was put back to an earlier state since, and its journal with it"
    return None


def _unusable(
    manifest: Manifest, catalogue: Catalogue, check: Callable[[Manifest], None]
) -> str | None:
    """Return why what is made from a backup could not be restored, None if it could."""
    try:
        for each in catalogue.chain(manifest.id):
            check(each)
    except StateError as error:
        return error.message
    return None


def _best_first(backups: list[Manifest]) -> list[Manifest]:
    """Return those that left nothing out first: what is made from them has all entries, too.

    The latest first, by the journal: a clock may have been wrong. What is of another store is
    among them, and will not do.
    """
    lacking = {each.id for each in backups if each.unreadable}

    def rank(manifest: Manifest) -> tuple[bool, int]:
        seq = -1 if manifest.journal is None else manifest.journal.seq
        return lacking.isdisjoint((*manifest.chain, manifest.id)), seq

    return sorted(backups, key=rank, reverse=True)


def _same(mark: str, now: str) -> bool:
    """Tell whether marks are of one change; where compaction removed it, there is no telling."""
    return not mark or not now or mark == now


def check_not_needed(catalogue: Catalogue, backup_id: str) -> None:
    """Raise ``BackupInUse`` if others need this backup."""
    needed_by = catalogue.dependents(backup_id)
    if needed_by:
        more = len(needed_by) - _MOST_NAMED
        named = ", ".join(needed_by[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        raise BackupInUse(
            f"backup {backup_id} is needed by {named}",
            hint="delete those first, the latest first",
            backup=backup_id,
            needed_by=list(needed_by),
        )
