"""The policy by importance: each type of backup, and each scope, has its own time."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llmspell.backup.model import BACKUP_TYPES, Manifest
from llmspell.backup.retention.durations import check_duration, us, words
from llmspell.errors import ConfigError
from llmspell.security.wildcard import wildcard

__all__ = ["ImportanceBased"]


@dataclass(frozen=True, slots=True)
class ImportanceBased:
    """Keeps each backup for the time of its type: ``full``, ``incremental`` and so on.

    ``scope_priorities`` are for backups of one scope: a pattern in which ``*`` stands for any
    text, and a time, or a factor of ``scope``. Of the patterns that fit the longest time counts.
    """

    full: dt.timedelta = dt.timedelta(days=90)
    incremental: dt.timedelta = dt.timedelta(days=14)
    differential: dt.timedelta = dt.timedelta(days=30)
    scope: dt.timedelta = dt.timedelta(days=30)
    scope_priorities: Mapping[str, float | dt.timedelta] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in BACKUP_TYPES:
            check_duration(name, getattr(self, name))
        if not isinstance(self.scope_priorities, Mapping):
            raise ConfigError(
                "scope_priorities must be a mapping of patterns", key="scope_priorities"
            )
        for pattern, priority in self.scope_priorities.items():
            _check_priority(pattern, priority)

    def __str__(self) -> str:
        times = [f"{name} ones of the last {words(getattr(self, name))}" for name in BACKUP_TYPES]
        return ", ".join(times)

    def decide(self, backups: Sequence[Manifest], now_us: int) -> dict[str, str]:
        """Return what is young enough for what it is."""
        kept = {}
        for backup in backups:
            time = self._time_of(backup)
            if now_us - backup.created_us <= us(time):
                kept[backup.id] = f"{backup.type}, not older than {words(time)}"
        return kept

    def _time_of(self, backup: Manifest) -> dt.timedelta:
        time: dt.timedelta = getattr(self, backup.type)
        if backup.scope is None:
            return time
        fitting = [
            priority if isinstance(priority, dt.timedelta) else self.scope * priority
            for pattern, priority in self.scope_priorities.items()
            if wildcard(pattern).matches(backup.scope)
        ]
        return max(fitting, default=time)


def _check_priority(pattern: object, priority: object) -> None:
    if not isinstance(pattern, str) or not pattern:
        raise ConfigError(
            "a pattern in scope_priorities must be text such as agent:*", key="scope_priorities"
        )
    if isinstance(priority, dt.timedelta):
        check_duration(f"scope_priorities {pattern!r}", priority)
    elif (
        isinstance(priority, bool)
        or not isinstance(priority, int | float)
        or not math.isfinite(priority)
        or not 0 < priority <= 1000
    ):
        raise ConfigError(
            f"the priority of {pattern!r} must be a timedelta or a factor above 0, at most 1000",
            key="scope_priorities",
        )
