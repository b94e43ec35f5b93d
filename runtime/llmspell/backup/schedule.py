"""When backups are due, by cron expressions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmspell.backup.cron import EXAMPLE, FIELDS, next_time, problem_of
from llmspell.backup.model import Manifest, time_of
from llmspell.backup.retention.lineage import Lineage, newest_first
from llmspell.backup.zones import zone_of
from llmspell.errors import BackupBaseMissing, ConfigError

__all__ = ["SCHEDULED_TYPES", "Due", "Schedule"]

#: The types a schedule can have. Each stands in for all behind it.
SCHEDULED_TYPES: Final = ("full", "differential", "incremental")


class Due(NamedTuple):
    """A type of backup that should have been made at ``since_us``, the first time it was missed."""

    type: str
    since_us: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """When which type of backup is made: a cron expression for each, with five fields.

    ``@hourly``, ``@daily`` and the like are accepted, too. Hours are those of ``timezone``, also
    when clocks are set forward (what falls in the gap is due at its end) or back (a given time
    comes once). ``prune`` says whether old backups go when new ones were made.

    Raises ``ConfigError`` for what is no such expression, or never comes.
    """

    entries: Mapping[str, str] = field(default_factory=dict)
    timezone: str = "UTC"
    prune: bool = False

    def __post_init__(self) -> None:
        zone_of(self.timezone)
        if not isinstance(self.entries, Mapping):
            raise ConfigError("a schedule must be a table of types and times", hint=EXAMPLE)
        for type_, expression in self.entries.items():
            _check(type_, expression)

    def check_not_empty(self) -> None:
        """Raise ``ConfigError`` if nothing is ever due: whoever runs it waits for backups."""
        if not self.entries:
            raise ConfigError(
                "no backups are scheduled",
                hint='set state.backup.schedule.full, for example to "0 3 * * 0" (Sundays, 3:00),'
                '\nand state.backup.schedule.incremental, for example to "0 * * * *" (every hour)',
                key="state.backup.schedule",
            )

    def due(
        self, manifests: Sequence[Manifest], log: Iterable[Mapping[str, Any]], now_us: int
    ) -> list[Due]:
        """Return what is to be made now: one backup, or none.

        A type is due when one of its times lies after the last backup of this type, or of one
        that stands in for it. Of several only the strongest is due. Without any backup to go on
        from, when the last one cannot be restored, or when the last attempt had no base that
        would do, it is a full one at once. ``log`` also tells of backups that are gone. What is
        dated in the future counts for nothing.
        """
        if not self.entries:
            return []
        last = next((each for each in newest_first(manifests, now_us) if _is_whole(each)), None)
        operations = [entry for entry in log if entry.get("action") == "create"]
        if last is None or last.id in Lineage(manifests).broken or _lacked_base(operations):
            return [Due("full", now_us)]
        made: list[tuple[str, int]] = []
        made += [(each.type, each.created_us) for each in manifests if _is_whole(each)]
        made += [found for entry in operations if (found := _made(entry)) is not None]
        for rank, type_ in enumerate(SCHEDULED_TYPES):
            if type_ not in self.entries:
                continue
            as_good = SCHEDULED_TYPES[: rank + 1]
            times = [at for other, at in made if other in as_good and at <= now_us]
            if not times:  # there is something to go on from, but nothing of this strength
                return [Due(type_, now_us)]
            since = self._after(type_, max(times))
            if since <= now_us:
                return [Due(type_, since)]
        return []

    def missed(self, due: Due, now_us: int) -> int:
        """Return how often it should have been made since, 2 at most: more is no worse."""
        if due.type not in self.entries or due.since_us > now_us:
            return 0
        return 2 if self._after(due.type, due.since_us) <= now_us else 1

    def next(self, now_us: int) -> list[tuple[str, int]]:
        """Return for each type when it comes next after this moment, the soonest first."""
        coming = [(type_, self._after(type_, now_us)) for type_ in self.entries]
        return sorted(coming, key=lambda each: (each[1], SCHEDULED_TYPES.index(each[0])))

    def _after(self, type_: str, after_us: int) -> int:
        return _after(self.entries[type_], after_us, zone_of(self.timezone))


def _is_whole(manifest: Manifest) -> bool:
    return manifest.type in SCHEDULED_TYPES


def _made(entry: Mapping[str, Any]) -> tuple[str, int] | None:
    """Return what an operation of the log made, if anything: a log may hold what it likes."""
    at = entry.get("at_us")
    return (str(entry.get("type")), at) if entry.get("ok") is True and isinstance(at, int) else None


def _lacked_base(operations: Sequence[Mapping[str, Any]]) -> bool:
    return bool(operations) and operations[-1].get("code") == BackupBaseMissing.code


def _after(expression: str, after_us: int, zone: dt.tzinfo) -> int:
    """Return the first time of an expression after a moment."""
    at = next_time(expression, time_of(after_us), zone)
    assert at is not None  # such an expression makes no schedule
    return (at - time_of(0)) // dt.timedelta(microseconds=1)


def _check(type_: object, expression: object) -> None:
    if type_ not in SCHEDULED_TYPES:
        raise ConfigError(
            "a schedule has a type that cannot be scheduled",
            hint=f"it takes: {', '.join(SCHEDULED_TYPES)}; {EXAMPLE}",
            key="schedule",
        )
    problem = problem_of(expression)
    if problem is not None:
        raise ConfigError(
            f"the schedule of {type_} backups {problem}",
            hint=FIELDS,
            key=str(type_),
        )
