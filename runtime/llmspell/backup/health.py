"""How well the backups of a place are doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from llmspell.backup.model import Manifest, time_of, with_entries
from llmspell.backup.repository.base import Repository
from llmspell.backup.retention.lineage import Lineage, newest_first
from llmspell.backup.schedule import Due, Schedule
from llmspell.backup.usage import StorageUsage, storage_usage

__all__ = ["STATUSES", "HealthReport", "health"]

#: From good to bad.
STATUSES: Final = ("ok", "warning", "failing")

_SECOND_US: Final = 1_000_000
_RECENT_US: Final = 7 * 24 * 3600 * _SECOND_US
#: A backup may take this long before its time counts as missed.
_GRACE_US: Final = 3600 * _SECOND_US
_SKEW_US: Final = 60 * _SECOND_US
_LONG_CHAIN: Final = 500
_MOST_NAMED: Final = 3
_OPERATIONS: Final = {
    "create": "make a backup",
    "restore": "restore a backup",
    "prune": "remove old backups",
}


@dataclass(frozen=True, slots=True)
class HealthReport:
    """``status`` is ok, warning or failing: failing means that data may be lost as it is.

    ``newest_age_s`` is of the newest backup that can be restored. ``damaged`` maps ids to what
    is wrong with them, a missing base too, as manifests tell it: only ``verify`` reads chunks.
    ``failures`` are the operations of the last seven days that failed, as the log has them,
    ``overdue`` the types whose time passed more than an hour ago. Averages are of what
    succeeded, None without any.
    """

    status: str
    problems: tuple[str, ...]
    newest_id: str | None
    newest_age_s: float | None
    backups: int
    damaged: dict[str, str]
    failures: tuple[dict[str, Any], ...]
    overdue: tuple[Due, ...]
    storage: StorageUsage
    average_create_ms: float | None
    average_restore_ms: float | None
    average_verify_ms: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return what people and scripts see of it: without what is not known."""
        facts: dict[str, Any] = {
            "status": self.status,
            "problems": list(self.problems),
            "newest_id": self.newest_id,
            "newest_age_s": self.newest_age_s,
            "backups": self.backups,
            "damaged": dict(self.damaged),
            "failures": [dict(entry) for entry in self.failures],
            "overdue": [{"type": due.type, "since": time_of(due.since_us)} for due in self.overdue],
            "storage": self.storage.to_dict(),
            "average_create_ms": self.average_create_ms,
            "average_restore_ms": self.average_restore_ms,
            "average_verify_ms": self.average_verify_ms,
        }
        return {name: value for name, value in facts.items() if value is not None}


class _Seen(NamedTuple):
    """What the checks look at; ``log`` has only what is well-formed, the latest last."""

    now_us: int
    manifests: Sequence[Manifest]
    newest: Manifest | None
    broken: Mapping[str, str]
    damaged: Mapping[str, str]
    log: Sequence[Mapping[str, Any]]
    overdue: Sequence[Due]
    schedule: Schedule | None
    storage: StorageUsage


_Problem = tuple[str, str]


def health(
    repository: Repository,
    manifests: Sequence[Manifest],
    damaged: Mapping[str, str],
    schedule: Schedule | None,
    now_us: int,
) -> HealthReport:
    """Look at the backups, the log and the schedule. Nothing is verified: no chunk is read."""
    operations = repository.log()
    log = [entry for entry in operations if _is_operation(entry, now_us)]
    due = [] if schedule is None else schedule.due(manifests, operations, now_us)
    broken = Lineage(manifests).broken
    whole = [each for each in newest_first(manifests, now_us) if each.id not in broken]
    seen = _Seen(
        now_us=now_us,
        manifests=manifests,
        newest=whole[0] if whole else None,
        broken=broken,
        damaged=damaged,
        log=log,
        overdue=[each for each in due if now_us - each.since_us > _GRACE_US],
        schedule=schedule,
        storage=storage_usage(repository, manifests),
    )
    newest = seen.newest
    problems = [problem for check in _CHECKS for problem in check(seen)]
    worst = max((STATUSES.index(status) for status, _ in problems), default=0)
    return HealthReport(
        status=STATUSES[worst],
        problems=tuple(text for _, text in problems),
        newest_id=None if newest is None else newest.id,
        newest_age_s=None if newest is None else (now_us - newest.created_us) / _SECOND_US,
        backups=len(manifests),
        damaged={**damaged, **broken},
        failures=tuple(dict(entry) for entry in _failures(seen)),
        overdue=tuple(seen.overdue),
        storage=seen.storage,
        average_create_ms=_average(log, "create"),
        average_restore_ms=_average(log, "restore"),
        average_verify_ms=_average(log, "verify"),
    )


def _is_operation(entry: Mapping[str, Any], now_us: int) -> bool:
    at = entry.get("at_us")
    return isinstance(entry.get("action"), str) and isinstance(at, int) and at <= now_us


def _failures(seen: _Seen) -> list[Mapping[str, Any]]:
    since = seen.now_us - _RECENT_US
    return [each for each in seen.log if each["at_us"] >= since and not each.get("ok")]


def _average(log: Sequence[Mapping[str, Any]], action: str) -> float | None:
    times = [
        entry["duration_ms"]
        for entry in log
        if entry["action"] == action
        and entry.get("ok") is True
        and isinstance(entry.get("duration_ms"), int | float)
    ]
    return round(sum(times) / len(times), 3) if times else None


def _named(ids: Sequence[str]) -> str:
    more = len(ids) - _MOST_NAMED
    return ", ".join(ids[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


# The checks ---------------------------------------------------------------------------------


def _nothing_there(seen: _Seen) -> Iterator[_Problem]:
    if seen.newest is None:
        yield "failing", "there is no backup that can be restored: make a full one"


def _unreadable(seen: _Seen) -> Iterator[_Problem]:
    if seen.damaged:
        yield "failing", f"damaged: {_named(sorted(seen.damaged))}"


def _without_base(seen: _Seen) -> Iterator[_Problem]:
    if seen.broken:
        first = min(seen.broken)
        named = _named(sorted(seen.broken))
        yield "failing", f"cannot be restored: {named} ({seen.broken[first]})"


def _nothing_in_it(seen: _Seen) -> Iterator[_Problem]:
    """Tell when the store may have been lost, and the backups go on with a new one."""
    newest, full = seen.newest, with_entries(seen.manifests)
    if newest is None or newest.scope is not None or newest.id in full:
        return
    for former in newest_first(seen.manifests, seen.now_us):
        if former.id in full:
            text = f"{newest.id}, the newest, has no entries, and {former.id} has"
            yield "warning", f"{text}: was the store lost?"
            return


def _failed_verification(seen: _Seen) -> Iterator[_Problem]:
    there = {each.id for each in seen.manifests}
    latest = {str(entry.get("id")): entry for entry in seen.log if entry["action"] == "verify"}
    failed = [id_ for id_, entry in latest.items() if id_ in there and not entry.get("ok")]
    if failed:
        yield "failing", f"found damaged or unreadable when last verified: {_named(sorted(failed))}"


def _failed_operations(seen: _Seen) -> Iterator[_Problem]:
    recent = Counter(str(entry["action"]) for entry in _failures(seen))
    latest = {str(entry["action"]): entry for entry in seen.log}
    for action, what in _OPERATIONS.items():
        if action in latest and not latest[action].get("ok"):
            status = "failing" if action == "create" else "warning"
            yield status, f"the last attempt to {what} failed ({latest[action].get('code')})"
        elif recent[action]:
            yield "warning", f"attempts to {what} that failed in the last week: {recent[action]}"


def _overdue(seen: _Seen) -> Iterator[_Problem]:
    for due in seen.overdue:
        often = 0 if seen.schedule is None else seen.schedule.missed(due, seen.now_us - _GRACE_US)
        since = f"{time_of(due.since_us):%Y-%m-%d %H:%M} UTC"
        yield (
            "failing" if often > 1 else "warning",
            f"a backup of type {due.type} is due since {since}: is the scheduler running?",
        )


def _wrong_clock(seen: _Seen) -> Iterator[_Problem]:
    ahead = [each.id for each in seen.manifests if each.created_us > seen.now_us + _SKEW_US]
    if ahead:
        yield (
            "warning",
            f"dated in the future, so never removed by a policy: {_named(sorted(ahead))}",
        )


def _little_space(seen: _Seen) -> Iterator[_Problem]:
    free = seen.storage.free_bytes
    full = [each for each in newest_first(seen.manifests, seen.now_us) if each.type == "full"]
    if free is not None and full and free < full[0].stored_bytes:
        yield "warning", f"there is no room for another full backup: {free} bytes are free"


def _long_chain(seen: _Seen) -> Iterator[_Problem]:
    if seen.newest is not None and len(seen.newest.chain) > _LONG_CHAIN:
        yield (
            "warning",
            f"the newest backup needs {len(seen.newest.chain)} others: make a full one",
        )


_CHECKS: Final[tuple[Callable[[_Seen], Iterator[_Problem]], ...]] = (
    _nothing_there,
    _unreadable,
    _without_base,
    _nothing_in_it,
    _failed_verification,
    _failed_operations,
    _overdue,
    _wrong_clock,
    _little_space,
    _long_chain,
)
