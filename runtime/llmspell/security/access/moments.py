"""Moments and windows of time as grants name them; all in UTC."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final, NamedTuple

from llmspell.errors import InvalidArgument

__all__ = ["DAYS", "Daily", "moment_text", "moment_us", "read_days"]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_DAILY: Final = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_DAY_MINUTES: Final = 24 * 60


class Daily(NamedTuple):
    """A window of each day, in minutes after midnight. One whose end comes first crosses it."""

    start: int
    end: int

    @classmethod
    def read(cls, text: object) -> Daily:
        """Read ``09:00-17:00``; ``24:00`` may be the end. Raises ``InvalidArgument``."""
        match = _DAILY.fullmatch(text) if isinstance(text, str) else None
        if match is not None:
            hours, minutes, end_hours, end_minutes = map(int, match.groups())
            start, end = hours * 60 + minutes, end_hours * 60 + end_minutes
            if max(minutes, end_minutes) < 60 and start < _DAY_MINUTES and end <= _DAY_MINUTES:
                if start == end:
                    raise _invalid("daily", "begins and ends at the same time")
                return cls(start, end)
        raise _invalid("daily", 'must be a window such as "09:00-17:00"')

    def __str__(self) -> str:
        times = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in self)
        return "-".join(times)

    def day_of(self, moment: dt.datetime) -> int | None:
        """Return the weekday the window around a moment began on; None outside of it."""
        minute = moment.hour * 60 + moment.minute
        if self.start < self.end:
            return moment.weekday() if self.start <= minute < self.end else None
        if minute >= self.start:
            return moment.weekday()
        return (moment.weekday() - 1) % 7 if minute < self.end else None


def read_days(days: object) -> tuple[str, ...]:
    """Read ``["mon", "fri"]``, ``"mon,fri"`` or ``"mon-fri"``. Raises ``InvalidArgument``."""
    parts = days.split(",") if isinstance(days, str) else days
    if not isinstance(parts, list | tuple) or not parts:
        raise _invalid("days", 'must be a list of days such as ["mon", "fri"], or "mon-fri"')
    found = set[int]()
    for part in parts:
        first, _, last = str(part).strip().lower().partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise _invalid("days", f"are named {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update((begin + n) % 7 for n in range((end - begin) % 7 + 1))
    return tuple(DAYS[day] for day in sorted(found))


def moment_us(value: object, *, name: str) -> int:
    """Return a moment as microseconds since the epoch; one without a zone is in UTC.

    Takes ISO 8601 text, a date and a datetime. Raises ``InvalidArgument``.
    """
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            value = None
    if not isinstance(value, dt.datetime):
        raise _invalid(name, 'must be a time such as "2027-01-31T18:00:00Z" or "2027-01-31"')
    try:
        moment = value.replace(tzinfo=value.tzinfo or dt.UTC).astimezone(dt.UTC)
    except OverflowError:
        moment = _EPOCH
    if moment <= _EPOCH:
        raise _invalid(name, "must be a time after 1970")
    return (moment - _EPOCH) // _MICROSECOND


def moment_text(at_us: int) -> str:
    """Return a moment as ISO 8601 text in UTC."""
    text = (_EPOCH + dt.timedelta(microseconds=at_us)).isoformat()
    return text.removesuffix("+00:00") + "Z"


def _invalid(name: str, problem: str) -> InvalidArgument:
    return InvalidArgument(f"{name} {problem}", parameter=name)
