"""Time zones by name: what is a day, and when is three o'clock, where the backups are made."""

from __future__ import annotations

import datetime as dt
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from llmspell.errors import ConfigError

__all__ = ["zone_of"]


def zone_of(name: str) -> dt.tzinfo:
    """Return a time zone of the IANA database; UTC needs no database.

    Raises ``ConfigError`` for a name that the database of this machine does not have.
    """
    if name == "UTC":
        return dt.UTC
    if isinstance(name, str):
        try:
            return ZoneInfo(name)
        except (LookupError, ValueError, OSError):  # OSError: the name of a folder of zones
            pass
    raise ConfigError(
        "timezone is no time zone that is known here", hint=_guess(name), key="timezone"
    )


def _guess(name: object) -> str:
    known = available_timezones()
    if not known:
        return "this machine has no database of time zones: `pip install tzdata`, or use UTC"
    near = get_close_matches(str(name), known, n=1)
    return f"did you mean {near[0]!r}?" if near else "it takes names such as UTC or Europe/Berlin"
