"""What to do when a restore cannot do what was asked: the nearest names, another backup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from llmspell.errors import (
    BackupBaseMissing,
    BackupDamaged,
    BackupError,
    LlmSpellError,
    PointUnreachable,
    RestoreFailed,
)

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.state.manager import StateManager

__all__ = ["newer_than", "with_advice"]

_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")
_PATTERN: Final = "*?["


@contextmanager
def with_advice(state: StateManager, keys: Sequence[str] | None) -> Iterator[None]:
    """Add to the errors of a restore what would do instead."""
    try:
        yield
    except (BackupDamaged, BackupBaseMissing) as error:
        whole = _whole_before(state.backups, error)
        if whole is not None:
            error.hint = f"the latest before it that may be whole is {whole}:\n" + (
                f"llmspell backup restore {whole}"
            )
        raise
    except RestoreFailed as error:
        scope = error.details.get("scope")
        if isinstance(scope, str) and "key" not in error.details:
            error.hint = _nearest(state, error, scope, keys) or error.hint
        raise
    except PointUnreachable as error:
        nearest_us = error.details.get("nearest_us")
        if isinstance(nearest_us, int):
            from llmspell.cli.commands.backup_words import moment_text

            at = moment_text(nearest_us).replace(" ", "T")
            error.hint = f"the nearest that a backup shows: --at {at}\n{error.hint}"
        raise


def newer_than(backups: BackupManager, backup_id: str, made: str | None) -> str | None:
    """Tell of the latest backup of everything that is newer than the one that was taken.

    ``made`` is the one that the restore itself made of how it was.
    """
    from llmspell.backup.model import is_before_restore
    from llmspell.cli.commands.backup_words import contents_text, moment_text

    there = backups.list()
    stores = {each.id: each.journal.store_id for each in there if each.journal is not None}
    for each in there:
        if each.id == backup_id:
            return None
        has_any = each.records or each.chain
        if each.type != "scope" and each.id != made and has_any:
            told = contents_text(each) + ", made before a restore" * is_before_restore(each)
            told += ", of another store" * (stores.get(each.id) != stores.get(backup_id))
            when = moment_text(each.snapshot_us)[:-7]
            return (
                f"backup {each.id} of {when} UTC is newer ({told}); to restore that:"
                f" llmspell backup restore {each.id}"
            )
    return None


def _whole_before(backups: BackupManager, error: BackupError) -> str | None:
    """Return the latest backup before a damaged one that needs nothing of what is damaged."""
    from llmspell.cli.commands.backup_ids import failed_ids

    wanted = str(error.details.get("backup", ""))
    bad = failed_ids(backups) | {wanted, str(error.details.get("missing", ""))}
    bad |= set(_ID.findall(" ".join(map(str, error.details.get("problems", ())))))
    catalogue = backups.catalogue()
    there = catalogue.manifests()
    ids = [each.id for each in there]
    before = [each for each in there if each.id < wanted]  # its own manifest may be unreadable
    if wanted in ids:
        before = there[ids.index(wanted) + 1 :]
    of_all = (each for each in before if each.type != "scope")
    spared = (each.id for each in of_all if not bad & {each.id, *each.chain})
    return next((each for each in spared if catalogue.is_whole(each)), None)


def _nearest(
    state: StateManager, error: RestoreFailed, scope: str, keys: Sequence[str] | None
) -> str | None:
    """Return the names that come nearest to those that are nowhere."""
    try:
        known = _known_scopes(state.backups, str(error.details.get("backup")))
        scopes = sorted({*known, *state.list_scopes()})
        if keys and scope in scopes:
            return _asked(keys[0], state.list_keys(scope))
    except LlmSpellError:
        return None  # the advice must not hide what it is about
    if set(scope) & set(_PATTERN):
        return "--scope takes one name, no pattern"
    return _asked(scope, scopes)


def _known_scopes(backups: BackupManager, backup_id: str) -> list[str]:
    chain = backups.catalogue().chain(backup_id)
    return [each.scope for manifest in chain for each in manifest.scopes]


def _asked(name: str, known: Sequence[str]) -> str | None:
    near = get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else None
