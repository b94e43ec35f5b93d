"""The ``Time`` global of Lua, which has no timestamps of its own. JavaScript has ``Date``."""

from __future__ import annotations

import datetime as dt
from typing import Final

from llmspell_bridges.api import Global, Param
from llmspell_bridges.errors import InvalidValue
from llmspell_bridges.values import canonical
from llmspell_stdlib.preludes import Preludes

__all__ = ["TIME"]

TIME: Final = Global(
    "Time",
    "Timestamps in UTC with microseconds: `t.micros`, `t:iso()`, `t:unix()`, `<`, `==`.",
    preludes=Preludes("time_global", languages=("lua",)),
)


@TIME.function(result="timestamp", languages=("lua",))
def now(_: None) -> dt.datetime:
    """Return the present moment."""
    return dt.datetime.now(dt.UTC)


@TIME.function(
    Param("text", "text", 'ISO 8601, such as "2026-01-31T12:00:00Z"; without a zone it is UTC.'),
    result="timestamp",
    languages=("lua",),
)
def parse(_: None, text: str) -> dt.datetime:
    """Return the timestamp ISO 8601 text names."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(
            "Time.parse: the text is not an ISO 8601 timestamp",
            hint='write it like "2026-01-31T12:00:00Z"',
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    exact: dt.datetime = canonical(moment)
    return exact


@TIME.prelude_function(
    Param("seconds", "number", "Seconds since 1970; fractions count to the microsecond."),
    result="timestamp",
    languages=("lua",),
)
def from_unix() -> None:
    """Return the timestamp of seconds since 1970."""


@TIME.prelude_function(
    Param("micros", "integer", "Microseconds since 1970."), result="timestamp", languages=("lua",)
)
def from_micros() -> None:
    """Return the timestamp of microseconds since 1970."""
