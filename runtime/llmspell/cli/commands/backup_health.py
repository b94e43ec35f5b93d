"""``llmspell backup health`` and ``usage``. Neither needs the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_again import again
from llmspell.cli.commands.backup_options import open_backups
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.backup.health import HealthReport
    from llmspell.backup.usage import StorageUsage

__all__ = ["health", "usage"]

_FAILING = "failing"


@click.command(
    cls=Command,
    examples=(
        "llmspell backup health",
        "llmspell -p production backup health --json",
    ),
)
@json_option
@config_options
def health(settings: Settings, as_json: bool) -> int:
    """Tell whether backups are doing well: ok, warning or failing; the last ends with exit code 1.

    It looks at their age, at what is damaged or missing, at what failed in the last week, at the
    schedule and at the space. No chunk is read: "llmspell backup verify" does that.
    """
    with open_backups(settings) as backups:
        report = backups.health()
    if as_json:
        from llmspell.cli.jsontext import print_json
        from llmspell.security.sensitive.reports import redacted_report

        told = redacted_report(report.to_dict())
        print_json({"ok": report.status != _FAILING, **told})
    else:
        _show(report)
    return int(report.status == _FAILING)


def _show(report: HealthReport) -> None:
    from llmspell.cli.commands.backup_words import age_text, size_text, took_text
    from llmspell.cli.report import printable

    click.echo(report.status)
    for problem in report.problems:
        click.echo(printable(f"  {problem}"))
    storage = report.storage
    free = "" if storage.free_bytes is None else f", {size_text(storage.free_bytes)} free"
    facts = {"backups": f"{report.backups:,}, {size_text(storage.total_bytes)}{free}"}
    if report.newest_id is not None and report.newest_age_s is not None:
        facts["latest"] = f"{report.newest_id}, {age_text(report.newest_age_s)} old"
    averages = {
        "create": report.average_create_ms,
        "verify": report.average_verify_ms,
        "restore": report.average_restore_ms,
    }
    times = [f"{name} {took_text(ms)}" for name, ms in averages.items() if ms is not None]
    if times:
        facts["on average"] = ", ".join(times)
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}", err=True)


@click.command(
    cls=Command,
    examples=("llmspell backup usage", "llmspell backup usage --json"),
)
@json_option
@config_options
def usage(settings: Settings, as_json: bool) -> int:
    """Show how much room the backups take, by type, and how much is free."""
    with open_backups(settings) as backups:
        found = backups.usage()
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **found.to_dict()})
        return 0
    _print_usage(settings, found)
    return 0


def _print_usage(settings: Settings, found: StorageUsage) -> None:
    from llmspell.cli.commands.backup_words import size_text
    from llmspell.cli.report import print_note
    from llmspell.cli.table import Columns, counted

    table = Columns(
        "type", "backups", "stored", "uncompressed",
        numbers=("backups", "stored", "uncompressed"),
    )  # fmt: skip
    rows = [(name, each) for name, each in found.by_type.items()]
    cells = [
        (name, f"{each.backups:,}", size_text(each.total_bytes), size_text(each.uncompressed_bytes))
        for name, each in rows
    ]
    total, packed = size_text(found.uncompressed_bytes), size_text(found.total_bytes)
    cells.append(("all", f"{found.backups:,}", packed, total))
    for line in table.lay_out(cells):
        click.echo(line)
    free = "" if found.free_bytes is None else f"; {size_text(found.free_bytes)} are free there"
    click.echo(f"in {found.location}{free}", err=True)
    if found.unreadable:
        lost = counted(found.unreadable, "backup")
        size = size_text(found.unreadable_bytes)
        print_note(
            "warning", f"{lost} of {size} cannot be read: {again(settings, 'verify', '--all')}"
        )
