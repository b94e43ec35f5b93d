"""Policies from tables of a configuration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, NoReturn

from llmspell.backup.retention.combining import AllOf, AnyOf
from llmspell.backup.retention.importance import ImportanceBased
from llmspell.backup.retention.policies import CountBased, RetentionPolicy, SizeBased, TimeBased
from llmspell.errors import ConfigError

__all__ = ["policy_of"]

#: About a second.
_LEAST_DAYS: Final = 1e-5
_MOST_DAYS: Final = 36_500


class _Key(NamedTuple):
    """The option of the constructor that a key is for, and how its value is read."""

    option: str
    read: Callable[[str, Any], Any]


class _Kind(NamedTuple):
    make: Callable[..., RetentionPolicy]
    needed: str | None
    keys: dict[str, _Key]


def _days(key: str, value: Any) -> dt.timedelta:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits or not _LEAST_DAYS <= value <= _MOST_DAYS:
        raise ConfigError(f"{key} must be a number of days above 0, at most {_MOST_DAYS}", key=key)
    return dt.timedelta(days=value)


def _scopes(key: str, value: Any) -> dict[str, dt.timedelta]:
    if not isinstance(value, Mapping):
        raise ConfigError(f'{key} must be a table such as {{"agent:*" = 180}}', key=key)
    return {pattern: _days(f"{key}.{pattern}", days) for pattern, days in value.items()}


def _as_it_is(key: str, value: Any) -> Any:
    return value


def _plain(*keys: str) -> dict[str, _Key]:
    return {key: _Key(key, _as_it_is) for key in keys}


def _policies(key: str, value: Any) -> list[RetentionPolicy]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{key} must be a list of policies", key=key)
    return [_read(table, f"{key}[{number}].") for number, table in enumerate(value)]


_COMBINED: Final = {"policies": _Key("policies", _policies)}
_KINDS: Final[dict[str, _Kind]] = {
    "time": _Kind(
        TimeBased,
        "max_age_days",
        {"max_age_days": _Key("max_age", _days), **_plain("min_backups")},
    ),
    "count": _Kind(
        CountBased,
        "max_backups",
        _plain("max_backups", "keep_daily", "keep_weekly", "keep_monthly", "timezone"),
    ),
    "size": _Kind(SizeBased, "max_total_bytes", _plain("max_total_bytes", "min_backups")),
    "importance": _Kind(
        ImportanceBased,
        None,
        {
            **{
                f"{type_}_days": _Key(type_, _days)
                for type_ in ("full", "incremental", "differential", "scope")
            },
            "scopes": _Key("scope_priorities", _scopes),
        },
    ),
    "any": _Kind(lambda policies: AnyOf(*policies), "policies", _COMBINED),
    "all": _Kind(lambda policies: AllOf(*policies), "policies", _COMBINED),
}


def policy_of(table: Mapping[str, Any]) -> RetentionPolicy:
    """Return the policy a table describes, such as ``{"kind": "time", "max_age_days": 30}``.

    Kinds: ``time`` (max_age_days, min_backups), ``count`` (max_backups, keep_daily, keep_weekly,
    keep_monthly, timezone), ``size`` (max_total_bytes, min_backups), ``importance`` (full_days,
    incremental_days, differential_days, scope_days, and scopes: patterns and days), ``any`` and
    ``all`` (policies: a list of tables). Raises ``ConfigError`` naming the key.
    """
    return _read(table, "")


def _read(table: Any, where: str) -> RetentionPolicy:
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"{where.rstrip('.') or 'a retention policy'} must be a table with a kind",
            hint='such as {kind = "time", max_age_days = 30}',
            key=where.rstrip(".") or None,
        )
    kind = _KINDS.get(table["kind"]) if isinstance(table.get("kind"), str) else None
    if kind is None:
        _refuse(f"{where}kind", "is no kind of retention policy", table.get("kind"), [*_KINDS])
    options: dict[str, Any] = {}
    for key, value in table.items():
        if key == "kind":
            continue
        if key not in kind.keys:
            _refuse(
                f"{where}{key}",
                f"is no key of a policy of kind {table['kind']}",
                key,
                [*kind.keys],
            )
        options[kind.keys[key].option] = kind.keys[key].read(f"{where}{key}", value)
    if kind.needed is not None and kind.needed not in table:
        key = f"{where}{kind.needed}"
        raise ConfigError(f"a policy of kind {table['kind']} needs {key}", key=key)
    try:
        return kind.make(**options)
    except ConfigError as error:
        raise ConfigError(
            f"{where}{error.message}", hint=error.hint, key=f"{where}{error.details.get('key')}"
        ) from None


def _refuse(key: str, problem: str, given: object, known: list[str]) -> NoReturn:
    near = get_close_matches(str(given), known, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    raise ConfigError(f"{key} {problem}", hint=f"{guess}it takes: {', '.join(known)}", key=key)
