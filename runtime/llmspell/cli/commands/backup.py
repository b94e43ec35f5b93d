"""``llmspell backup``: make backups, and bring back what they hold."""

from __future__ import annotations

import click

from llmspell.cli.command import Group, Lazy
from llmspell.cli.options import Settings, state_options

__all__ = ["backup"]

_HERE = "llmspell.cli.commands"
_REMOVING = f"{_HERE}.backup_removing"
_HEALTH = f"{_HERE}.backup_health"
_TRANSFER = f"{_HERE}.backup_transfer"


@click.group(
    cls=Group,
    name="backup",
    no_args_is_help=True,
    lazy={
        "create": Lazy(f"{_HERE}.backup_create:create", "Make a backup."),
        "list": Lazy(f"{_HERE}.backup_list:list_", "List the backups."),
        "show": Lazy(f"{_HERE}.backup_show:show", "Show all that is known of a backup."),
        "verify": Lazy(f"{_HERE}.backup_verify:verify", "Check that backups are whole."),
        "restore": Lazy(f"{_HERE}.backup_restore:restore", "Bring back what a backup holds."),
        "prune": Lazy(f"{_REMOVING}:prune", "Remove the backups that need not be kept."),
        "delete": Lazy(f"{_REMOVING}:delete", "Remove backups by their ids."),
        "schedule": Lazy(f"{_HERE}.backup_schedule:schedule", "Make backups when they are due."),
        "health": Lazy(f"{_HEALTH}:health", "Tell whether backups are doing well."),
        "usage": Lazy(f"{_HEALTH}:usage", "Show how much room the backups take."),
        "export": Lazy(f"{_TRANSFER}:export", "Write a backup to one file."),
        "import": Lazy(f"{_TRANSFER}:import_", "Take in the backups of an exported file."),
    },
    examples=(
        "llmspell backup create",
        "llmspell backup create --type incremental",
        "llmspell backup list",
        "llmspell backup restore --at 2026-01-31T12:00:00Z --dry-run",
        "llmspell -p production backup health",
    ),
)
@state_options
def backup(_settings: Settings) -> None:
    """Make backups, verify them, and bring back what they hold, as of any second.

    They lie where state.backup.backup_dir or backup_url says, and need
    state.backup.enabled = true. What only looks at them works without the store, too: it may be
    what was lost.
    """
