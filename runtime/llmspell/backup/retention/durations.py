"""Durations of policies: what they must be, in microseconds, and in words."""

from __future__ import annotations

import datetime as dt

from llmspell.errors import ConfigError

__all__ = ["check_duration", "us", "words"]


def check_duration(name: str, value: object) -> None:
    """Raise ``ConfigError`` for what is no timedelta above nothing."""
    if not isinstance(value, dt.timedelta) or value <= dt.timedelta(0):
        raise ConfigError(f"{name} must be a timedelta of more than nothing", key=name)


def us(duration: dt.timedelta) -> int:
    """Return a duration in microseconds."""
    return duration // dt.timedelta(microseconds=1)


def words(duration: dt.timedelta) -> str:
    """Return a duration as people say it, as exact as it is."""
    if duration % dt.timedelta(days=1):
        return str(duration)
    return "1 day" if duration.days == 1 else f"{duration.days} days"
