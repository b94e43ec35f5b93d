"""``llmspell migrate``: bring stored values to other versions of their schemas."""

from __future__ import annotations

import click

from llmspell.cli.command import Group, Lazy
from llmspell.cli.options import Settings, state_options

__all__ = ["migrate"]

_HERE = "llmspell.cli.commands"
_RUNS = f"{_HERE}.migrate_runs"


@click.group(
    cls=Group,
    name="migrate",
    no_args_is_help=True,
    lazy={
        "plan": Lazy(f"{_HERE}.migrate_plan:plan", "Show the ways to the latest versions."),
        "apply": Lazy(f"{_HERE}.migrate_apply:apply", "Migrate what is stored."),
        "status": Lazy(f"{_RUNS}:status", "Show what is of which version."),
        "rollback": Lazy(f"{_HERE}.migrate_rollback:rollback", "Undo a migration."),
        "validate": Lazy(f"{_HERE}.migrate_validate:validate", "Check schemas and migrations."),
        "new": Lazy(f"{_HERE}.migrate_new:new", "Draft a migration file."),
        "history": Lazy(f"{_RUNS}:history", "List the migrations that were done."),
    },
    examples=(
        "llmspell migrate new --schema user_profile",
        "llmspell migrate validate",
        "llmspell migrate plan",
        "llmspell migrate apply --dry-run",
        "llmspell migrate apply --yes",
    ),
)
@state_options
def migrate(_settings: Settings) -> None:
    """Bring stored values to other versions of their schemas, and back.

    Schemas and migrations are files in the folders that state.migration.schemas_dir and
    migrations_dir name. What touches the store needs state.migration.enabled = true.
    """
