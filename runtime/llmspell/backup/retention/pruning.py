"""Doing what a plan says: removing backups, whatever needs others first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from llmspell.backup.model import BackupEvent
from llmspell.backup.repository.base import Repository
from llmspell.backup.retention.plan import RetentionPlan, Verdict
from llmspell.errors import BackupError, BackupInUse

__all__ = ["NotRemoved", "RetentionResult", "prune"]


class NotRemoved(NamedTuple):
    """A backup that was to go and could not, and the error that says why."""

    id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """What was removed, what stayed and why, and what could not be removed.

    After a dry run it says what the real one would have done.
    """

    deleted: tuple[Verdict, ...]
    kept: tuple[Verdict, ...]
    failed: tuple[NotRemoved, ...]
    dry_run: bool

    @property
    def freed_bytes(self) -> int:
        """The bytes of what was removed."""
        return sum(verdict.stored_bytes for verdict in self.deleted)

    def to_dict(self) -> dict[str, Any]:
        """Return what people and scripts see of it."""
        return {
            "dry_run": self.dry_run,
            "deleted": [verdict.to_dict() for verdict in self.deleted],
            "kept": [verdict.to_dict() for verdict in self.kept],
            "failed": [failure._asdict() for failure in self.failed],
            "freed_bytes": self.freed_bytes,
        }


def prune(
    repository: Repository,
    plan: RetentionPlan,
    *,
    dry_run: bool = False,
    on_event: Callable[[BackupEvent], object] | None = None,
) -> RetentionResult:
    """Remove what the plan says; the caller holds the lock, and held it when it was planned.

    One that cannot be removed is told in the result, and what it needs stays as well.
    """
    if dry_run:
        return RetentionResult(plan.delete, plan.keep, (), dry_run=True)
    tell = on_event or (lambda event: None)
    total = len(plan.delete)
    deleted: list[Verdict] = []
    failed: list[NotRemoved] = []
    needed: dict[str, str] = {}
    tell(BackupEvent("started", "prune", "", 0, total))
    for done, verdict in enumerate(plan.delete, start=1):
        try:
            _remove(repository, verdict, needed)
        except BackupError as error:
            failed.append(NotRemoved(verdict.id, error.code, error.message))
            if verdict.base is not None:
                needed[verdict.base] = verdict.id
        else:
            deleted.append(verdict)
        tell(BackupEvent("progress", "prune", verdict.id, done, total))
    tell(BackupEvent("finished", "prune", "", total, total))
    return RetentionResult(tuple(deleted), plan.keep, tuple(failed), dry_run=False)


def _remove(repository: Repository, verdict: Verdict, needed: dict[str, str]) -> None:
    if verdict.id in needed:
        raise BackupInUse(
            f"backup {verdict.id} is needed by {needed[verdict.id]}, which could not be removed"
        )
    repository.delete(verdict.id)
