"""From the configuration to what decides how long backups are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from llmspell.backup.retention import RetentionPolicy, policy_of

if TYPE_CHECKING:
    from llmspell.config.backup_section import Backup

__all__ = ["configured_policy"]

_Table: TypeAlias = dict[str, Any]

#: As long as a configuration can say.
_FOR_EVER_DAYS: Final = 36_500


def configured_policy(section: Backup) -> RetentionPolicy:
    """Return the policy of ``[state.backup]`` and ``[state.backup.retention]``.

    ``max_backups`` is a limit to every kind, 0 none. Raises ``ConfigError``.
    """
    table = _TABLES[section.retention.kind](section)
    if section.max_backups and section.retention.kind != "count":
        limit = {"kind": "count", "max_backups": section.max_backups}
        table = {"kind": "all", "policies": [table, limit]}
    return policy_of(table)


def _by_time(section: Backup) -> _Table:
    days = section.retention_days or _FOR_EVER_DAYS
    return {"kind": "time", "max_age_days": days, "min_backups": section.min_backups}


def _by_count(section: Backup) -> _Table:
    chosen = section.retention.model_dump(
        include={"keep_daily", "keep_weekly", "keep_monthly", "timezone"}
    )
    # Without a limit it is the days, weeks and months, and the newest that always stay.
    newest = section.max_backups or max(1, section.min_backups)
    return {"kind": "count", "max_backups": newest, **chosen}


def _by_size(section: Backup) -> _Table:
    return {
        "kind": "size",
        "max_total_bytes": section.retention.max_total_bytes,
        "min_backups": section.min_backups,
    }


def _by_importance(section: Backup) -> _Table:
    names = {"full_days", "incremental_days", "differential_days", "scope_days", "scopes"}
    table = {"kind": "importance", **section.retention.model_dump(include=names)}
    if not section.min_backups:
        return table
    newest = {"kind": "count", "max_backups": section.min_backups}
    return {"kind": "any", "policies": [table, newest]}


_TABLES: Final[dict[str, Callable[[Backup], _Table]]] = {
    "time": _by_time,
    "count": _by_count,
    "size": _by_size,
    "importance": _by_importance,
}
