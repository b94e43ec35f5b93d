"""``llmspell state``: read and change what scripts have stored."""

from __future__ import annotations

import click

from llmspell.cli.command import Group, Lazy
from llmspell.cli.options import Settings, state_options

__all__ = ["state"]

_ENTRIES = "llmspell.cli.commands.entries"
_LISTS = "llmspell.cli.commands.lists"
_HISTORY = "llmspell.cli.commands.history"
_CHECKPOINTS = "llmspell.cli.commands.checkpoints"
_UPKEEP = "llmspell.cli.commands.upkeep"
_TRANSFER = "llmspell.cli.commands.transfer"


@click.group(
    cls=Group,
    name="state",
    no_args_is_help=True,
    lazy={
        "get": Lazy(f"{_ENTRIES}:get", "Print a value."),
        "set": Lazy(f"{_ENTRIES}:set_", "Store a value."),
        "delete": Lazy(f"{_ENTRIES}:delete", "Delete a key."),
        "clear": Lazy("llmspell.cli.commands.clear:clear", "Delete all keys of a scope."),
        "list": Lazy(f"{_LISTS}:list_", "List the keys of a scope."),
        "scopes": Lazy(f"{_LISTS}:scopes", "List the scopes that hold keys."),
        "history": Lazy(f"{_HISTORY}:history", "List the versions of a key."),
        "diff": Lazy(f"{_HISTORY}:diff", "Show what differs between two versions."),
        "revert": Lazy(f"{_HISTORY}:revert", "Return a key to an earlier version."),
        "checkpoint": Lazy(f"{_CHECKPOINTS}:checkpoint", "Mark this moment."),
        "checkpoints": Lazy(f"{_CHECKPOINTS}:checkpoints", "List the marked moments."),
        "rollback": Lazy(f"{_CHECKPOINTS}:rollback", "Return everything to a marked moment."),
        "watch": Lazy("llmspell.cli.commands.watch:watch", "Print changes as they are made."),
        "conflicts": Lazy(
            "llmspell.cli.commands.conflicts:conflicts", "Show and resolve what failover could not."
        ),
        "export": Lazy(f"{_TRANSFER}:export", "Write entries to a JSON or MessagePack file."),
        "import": Lazy(f"{_TRANSFER}:import_", "Read entries from such a file, all or none."),
        "compact": Lazy(f"{_UPKEEP}:compact", "Make the journal smaller."),
        "verify": Lazy(f"{_UPKEEP}:verify", "Check that everything stored is sound."),
        "stats": Lazy(f"{_LISTS}:stats", "Show the store's size and settings."),
    },
    examples=(
        "llmspell state set global theme '\"dark\"'",
        "llmspell state get global theme",
        "llmspell -c configs/persistent.toml state list agent:gpt-4",
    ),
)
@state_options
def state(_settings: Settings) -> None:
    """Read and change stored state, with the configuration that scripts run under."""
