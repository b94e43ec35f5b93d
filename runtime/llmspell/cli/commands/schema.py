"""``llmspell schema``: what values look like, version by version."""

from __future__ import annotations

import click

from llmspell.cli.command import Group, Lazy
from llmspell.cli.options import Settings, state_options

__all__ = ["schema"]

_LISTS = "llmspell.cli.commands.schema_lists"
_COMPARING = "llmspell.cli.commands.schema_comparing"


@click.group(
    cls=Group,
    name="schema",
    no_args_is_help=True,
    lazy={
        "list": Lazy(f"{_LISTS}:list_", "List the schemas and their versions."),
        "show": Lazy(f"{_LISTS}:show", "Show the fields and rules of a schema."),
        "check": Lazy("llmspell.cli.commands.schema_check:check", "Check schema files, and data."),
        "diff": Lazy(f"{_COMPARING}:diff", "Show what differs between two versions."),
        "export": Lazy(f"{_COMPARING}:export", "Write a schema as JSON Schema."),
    },
    examples=(
        "llmspell schema list",
        "llmspell schema show user_profile",
        "llmspell schema check --data",
        "llmspell schema diff user_profile 1 2",
    ),
)
@state_options
def schema(_settings: Settings) -> None:
    """Show, check and compare the schemas of stored values.

    They are TOML or JSON files in the folder that state.migration.schemas_dir names.
    """
