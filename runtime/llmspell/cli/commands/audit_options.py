"""What the audit commands share: times, a record as a line, the log a configuration names."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

import click

from llmspell.cli.options import age

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell.security.audit.record import AuditRecord

__all__ = ["TITLES", "moment", "row", "since_option", "told", "until_option"]

TITLES = ("seq", "time", "actor", "action", "scope", "key", "version", "outcome", "details")


def moment(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """Return a time as microseconds: a date, or how long ago it was."""
    if text is None:
        return None
    try:
        given = dt.datetime.fromisoformat(text.strip())
        at = given if given.tzinfo else given.replace(tzinfo=dt.UTC)
        return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    except (ValueError, OverflowError):
        pass
    try:
        ago_s = age(ctx, param, text)
    except click.BadParameter:
        raise click.BadParameter(
            f"{text!r} is not a time; write 2026-01-31, 2026-01-31T12:00, or how long ago: 2h, 7d"
        ) from None
    return max(0, int((time.time() - min(ago_s or 0.0, time.time())) * 1_000_000))


def _time_option(name: str, text: str) -> Callable[..., Any]:
    return click.option(name, callback=moment, metavar="TIME", help=text)


since_option = _time_option("--since", "From this time on (2026-01-31, 2026-01-31T12:00, 2h, 7d).")
until_option = _time_option("--until", "Before this time.")


def told(record: AuditRecord) -> dict[str, Any]:
    """Return a record for programs."""
    from llmspell.security.audit.exporting import time_text

    return {"at": time_text(record.at_us), **record.to_dict()}


def row(record: AuditRecord) -> list[str]:
    """Return the cells of a record, for :data:`TITLES`."""
    from llmspell.security.audit.exporting import time_text
    from llmspell.security.sensitive.redactor import redactor

    at = time_text(record.at_us).replace("T", " ")[:-4]
    cells = (record.seq, at, record.actor, record.action, record.scope, record.key)
    rest = (record.version, record.outcome, record.details)
    # For people; --json and exports hold what the chain was made of.
    redact = redactor().redact
    return ["-" if cell is None else redact(_one_line(cell)) for cell in (*cells, *rest)]


def _one_line(cell: object) -> str:
    # Whoever tampers may have put anything there; what is no text is shown as what it is.
    return str(cell).replace("\n", "\\x0a").replace("\t", "\\x09")
