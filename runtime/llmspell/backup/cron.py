"""Cron expressions: what is one, and when it comes next."""

from __future__ import annotations

import datetime as dt
from typing import Final

__all__ = ["EXAMPLE", "FIELDS", "next_time", "problem_of"]

EXAMPLE: Final = '"0 3 * * 0" is every Sunday at three, "0 * * * *" every hour'
FIELDS: Final = f"minute, hour, day of the month, month, day of the week: {EXAMPLE}"

_NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MOST_CHARACTERS: Final = 200
_FIELDS: Final = 5
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def next_time(expression: str, after: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
    """Return the first time of an expression after a moment, in UTC; None if it never comes."""
    from cronsim import CronSim

    # Where clocks are set back the wall's hour comes twice, and what was found may be the first.
    for found in CronSim(_NICKNAMES.get(expression, expression), after.astimezone(zone)):
        at = found.astimezone(dt.UTC)
        if at > after:
            return at
    return None


def problem_of(expression: object) -> str | None:
    """Return what is wrong with an expression, None if it is good."""
    from cronsim import CronSimError

    if not isinstance(expression, str) or len(expression) > _MOST_CHARACTERS:
        return "must be a cron expression"
    if expression.startswith("@"):
        known = ", ".join(_NICKNAMES)
        return None if expression in _NICKNAMES else f"is none of the names there are: {known}"
    fields = len(expression.split())
    if fields != _FIELDS:
        return f"must have five fields, and has {fields}"
    try:
        return None if next_time(expression, _EPOCH, dt.UTC) else "never comes"
    except CronSimError as error:
        return f"is no cron expression ({str(error)[:1].lower()}{str(error)[1:]})"
