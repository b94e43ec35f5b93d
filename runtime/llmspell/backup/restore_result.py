"""What a restore did, counted while it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmspell.backup.model import time_of
from llmspell.errors import LlmSpellError
from llmspell.store.base import Row

__all__ = ["RestoreResult", "Tally"]

_MOST_TOLD: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """What a restore did, or with status ``dry_run`` would do.

    ``restored`` entries were written, ``unchanged`` ones were that already, ``skipped`` ones the
    policy left as they are; ``expired`` ones had run out by now. ``errors`` tells of the first
    hundred that failed, ``changes``, after a dry run, of the first hundred that would change.
    ``unreadable`` values had been left out of the backups. ``grants`` of access control came
    back, if the store never had any. ``point_us`` is the time it went back to, if one was asked
    for.
    """

    backup_id: str
    status: str
    restored: int = 0
    unchanged: int = 0
    skipped: int = 0
    deleted: int = 0
    failed: int = 0
    expired: int = 0
    grants: int = 0
    unreadable: int = 0
    errors: tuple[dict[str, str], ...] = ()
    changes: tuple[dict[str, str], ...] = ()
    point_us: int | None = None
    pre_restore_backup_id: str | None = None
    duration_ms: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as scripts and programs see it."""
        told: dict[str, Any] = {
            "backup_id": self.backup_id,
            "status": self.status,
            "restored": self.restored,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "deleted": self.deleted,
            "failed": self.failed,
            "expired": self.expired,
            "errors": [dict(error) for error in self.errors],
            "duration_ms": self.duration_ms,
        }
        if self.status == "dry_run":
            told["changes"] = [dict(change) for change in self.changes]
        if self.unreadable:
            told["unreadable"] = self.unreadable
        if self.grants:
            told["grants"] = self.grants
        if self.point_us is not None:
            told["point"] = time_of(self.point_us)
        if self.pre_restore_backup_id is not None:
            told["pre_restore_backup_id"] = self.pre_restore_backup_id
        return told


@dataclass(slots=True)
class Tally:
    """The counts of a restore under way; ``changes`` are noted only for a dry run."""

    notes_changes: bool
    restored: int = 0
    unchanged: int = 0
    skipped: int = 0
    deleted: int = 0
    failed: int = 0
    grants: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)
    changes: list[dict[str, str]] = field(default_factory=list)

    @property
    def met(self) -> int:
        """How many entries there were to decide about, in the backup or in the store."""
        return self.restored + self.unchanged + self.skipped + self.deleted + self.failed

    def note_changes(self, rows: Sequence[Row], action: str) -> None:
        """Note what would become of entries."""
        if self.notes_changes:
            for row in rows[: _MOST_TOLD - len(self.changes)]:
                self.changes.append({"scope": row.scope, "key": row.key, "action": action})

    def note_failure(self, scope: str, key: str, error: LlmSpellError) -> None:
        """Count an entry that cannot be restored."""
        self.failed += 1
        if len(self.errors) < _MOST_TOLD:
            told = {"scope": scope, "key": key, "code": error.code, "message": error.message}
            self.errors.append(told)
