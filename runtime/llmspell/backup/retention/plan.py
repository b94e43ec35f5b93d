"""What a policy means for the backups there are: what stays, what goes, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from llmspell.backup.model import Manifest, time_of
from llmspell.backup.retention.lineage import Lineage, always_kept
from llmspell.backup.retention.policies import RetentionPolicy
from llmspell.errors import BackupError

__all__ = ["RetentionPlan", "Verdict", "plan_retention"]


class Verdict(NamedTuple):
    """A backup and why it stays or goes."""

    id: str
    reason: str
    type: str
    created_us: int
    stored_bytes: int
    base: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what people and scripts see of it."""
        return {
            "id": self.id,
            "reason": self.reason,
            "type": self.type,
            "created_at": time_of(self.created_us),
            "size_bytes": self.stored_bytes,
        }


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """``keep`` is in the order of the backups; ``delete`` can be broken off anywhere."""

    keep: tuple[Verdict, ...]
    delete: tuple[Verdict, ...]

    @property
    def freed_bytes(self) -> int:
        """The bytes of what goes."""
        return sum(verdict.stored_bytes for verdict in self.delete)


def plan_retention(
    policy: RetentionPolicy,
    backups: Sequence[Manifest],
    now_us: int,
    *,
    unreadable: Collection[str] = (),
    doubtful: Mapping[str, str] | None = None,
) -> RetentionPlan:
    """Return what stays and what goes.

    What the policy keeps stays with all it needs, and so do what is pinned (its label is "keep"
    or begins with "keep:"), what is dated in the future and the newest backup. What lacks its
    base is no concern of policies: it stays and counts for nothing, since the base may come back.
    ``unreadable`` are the ids of backups whose manifests cannot be read: what each was most
    likely made from stays, the last one before it. ``doubtful`` are the ids of those that were
    found damaged when they were last verified, and why: they stay, and count for nothing.
    Raises ``BackupError`` when the policy names what is not there.
    """
    lineage = Lineage(backups, doubtful=doubtful)
    complete = lineage.complete()
    decided = policy.decide(complete, now_us)
    if unknown := [backup for backup in decided if backup not in lineage.by_id]:
        raise BackupError(
            f"the retention policy keeps {len(unknown)} backups that are not there; nothing was"
            " removed",
            hint="its decide must return ids of the backups it is given",
        )
    reasons = lineage.broken | always_kept(complete, now_us) | decided
    for lost in unreadable:
        if base := lineage.last_before(lost):
            reasons.setdefault(base, f"perhaps the base of {lost}, which cannot be read")
    for base, backup_id in lineage.needed(sorted(reasons)).items():
        reasons.setdefault(base, f"base of {backup_id}")
    going = [backup.id for backup in complete if backup.id not in reasons]
    why = f"not among what is kept: {policy}"
    return RetentionPlan(
        keep=tuple(_verdict(each, reasons[each.id]) for each in backups if each.id in reasons),
        delete=tuple(_verdict(lineage.by_id[id_], why) for id_ in lineage.deletion_order(going)),
    )


def _verdict(backup: Manifest, reason: str) -> Verdict:
    return Verdict(
        backup.id, reason, backup.type, backup.created_us, backup.stored_bytes, backup.base
    )
