"""``llmspell audit``: who did what, where, when, with which outcome."""

from __future__ import annotations

import click

from llmspell.cli.command import Group, Lazy
from llmspell.cli.options import Settings, config_options

__all__ = ["audit"]

_READING = "llmspell.cli.commands.audit_reading"
_UPKEEP = "llmspell.cli.commands.audit_upkeep"
_VERIFY = "llmspell.cli.commands.audit_verify"


@click.group(
    cls=Group,
    name="audit",
    no_args_is_help=True,
    lazy={
        "tail": Lazy(f"{_READING}:tail", "Show the latest records."),
        "search": Lazy(f"{_READING}:search", "Find records."),
        "verify": Lazy(f"{_VERIFY}:verify", "Check that nobody changed the log."),
        "export": Lazy(f"{_UPKEEP}:export", "Write records to a JSON lines or CSV file."),
        "compact": Lazy(f"{_UPKEEP}:compact", "Remove old records, leaving a signed checkpoint."),
    },
    examples=(
        "llmspell -p secure audit tail -n 50",
        "llmspell audit search --actor ada --outcome access_denied --since 7d",
        "llmspell audit verify",
    ),
)
@config_options
def audit(_settings: Settings) -> None:
    """Show, check and keep the audit log that the configuration names (audit.path).

    Scripts write it while audit.enabled is true.
    """
