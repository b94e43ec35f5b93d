"""The policies by age, by number and by size.

All see only backups that can be restored, and return those to keep. What these need, what is
pinned and the newest backup stay whatever a policy says: ``plan_retention`` sees to it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from llmspell.backup.model import Manifest, time_of
from llmspell.backup.retention.checking import check_count
from llmspell.backup.retention.durations import check_duration, us, words
from llmspell.backup.retention.lineage import Lineage, always_kept, lines, newest_first
from llmspell.backup.zones import zone_of

__all__ = ["CountBased", "RetentionPolicy", "SizeBased", "TimeBased"]


class RetentionPolicy(Protocol):
    """Says which backups are kept; ``str()`` of it says it in words, for the report."""

    def decide(self, backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
        """Return the ids of the backups to keep, and why. Must not depend on anything else."""
        ...


@dataclass(frozen=True, slots=True)
class TimeBased:
    """Keeps what is no older than ``max_age``, and the newest ``min_backups`` however old.

    The minimum holds for the whole store and for each scope that has backups of its own.
    """

    max_age: dt.timedelta
    min_backups: int = 1

    def __post_init__(self) -> None:
        check_duration("max_age", self.max_age)
        check_count("min_backups", self.min_backups)

    def __str__(self) -> str:
        return f"those of the last {words(self.max_age)}, and the newest {self.min_backups}"

    def decide(self, backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
        """Return what is young enough, or among the newest."""
        kept = {}
        for line in lines(backups, now_us):
            for place, backup in enumerate(line):
                if now_us - backup.created_us <= us(self.max_age):
                    kept[backup.id] = f"not older than {words(self.max_age)}"
                elif place < self.min_backups:
                    kept[backup.id] = f"among the newest {self.min_backups}"
        return kept


#: A period of time: the option that says how many are kept, and the name of the one a time is in.
_PERIODS: Final[tuple[tuple[str, Callable[[dt.datetime], str]], ...]] = (
    ("keep_daily", lambda at: f"{at:%Y-%m-%d}"),
    ("keep_weekly", lambda at: "{}-W{:02}".format(*at.isocalendar())),
    ("keep_monthly", lambda at: f"{at:%Y-%m}"),
)


@dataclass(frozen=True, slots=True)
class CountBased:
    """Keeps ``max_backups``: the last of each day, week and month first, then the newest.

    ``keep_daily`` are the latest days that have a backup, however long ago; of each its last one
    stays. So do ``keep_weekly`` with weeks from Monday on, and ``keep_monthly``; one backup may
    stand for all three. Where these are more than ``max_backups`` all of them stay. Days begin
    at midnight in ``timezone``. The whole store and each scope are counted apart.
    """

    max_backups: int
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        check_count("max_backups", self.max_backups, least=1)
        for option, _ in _PERIODS:
            check_count(option, getattr(self, option))
        zone_of(self.timezone)

    def __str__(self) -> str:
        last = f"{self.keep_daily} days, {self.keep_weekly} weeks, {self.keep_monthly} months"
        return f"the last of {last}, and the newest until they are {self.max_backups}"

    def decide(self, backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
        """Return the last of each period, filled up with the newest."""
        kept: dict[str, str] = {}
        for line in lines(backups, now_us):
            chosen = self._last_of_periods(line)
            for backup in line:
                if len(chosen) >= self.max_backups:
                    break
                chosen.setdefault(backup.id, f"among the newest {self.max_backups}")
            kept |= chosen
        return kept

    def _last_of_periods(self, line: list[Manifest]) -> dict[str, str]:
        zone = zone_of(self.timezone)
        kept: dict[str, list[str]] = {}
        for option, name_of in _PERIODS:
            most = getattr(self, option)
            seen: set[str] = set()
            for backup in line:
                if len(seen) >= most:
                    break
                name = name_of(time_of(backup.created_us).astimezone(zone))
                if name not in seen:
                    seen.add(name)
                    kept.setdefault(backup.id, []).append(name)
        return {backup: f"the last of {', '.join(names)}" for backup, names in kept.items()}


@dataclass(frozen=True, slots=True)
class SizeBased:
    """Keeps the newest that take no more than ``max_total_bytes`` with all they need.

    The first that does not fit is the last one looked at: no gap is left for a smaller, older
    one. What is never removed counts first, and stays even if it takes more; so do the newest
    ``min_backups`` of the whole store and of each scope.
    """

    max_total_bytes: int
    min_backups: int = 1

    def __post_init__(self) -> None:
        check_count("max_total_bytes", self.max_total_bytes, least=1)
        check_count("min_backups", self.min_backups)

    def __str__(self) -> str:
        return f"the newest that take {self.max_total_bytes} bytes, {self.min_backups} at least"

    def decide(self, backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
        """Return the newest that fit."""
        lineage = Lineage(backups)
        kept = always_kept(backups, now_us)
        for line in lines(backups, now_us):
            for backup in line[: self.min_backups]:
                kept.setdefault(backup.id, f"among the newest {self.min_backups}")
        paid: set[str] = set()
        total = sum(_cost(lineage, backup_id, paid) for backup_id in kept)
        for backup in newest_first(backups, now_us):
            total += _cost(lineage, backup.id, paid)
            if total > self.max_total_bytes:
                break
            kept.setdefault(backup.id, f"within {self.max_total_bytes} bytes")
        return kept


def _cost(lineage: Lineage, backup_id: str, paid: set[str]) -> int:
    """Return the bytes of a backup and all it needs that are not paid for, and pay for them."""
    cost = 0
    for backup in lineage.upwards(backup_id):
        if backup.id in paid:
            break
        paid.add(backup.id)
        cost += backup.stored_bytes
    return cost
