"""``llmspell keys``: the keys that stored values are encrypted with."""

from __future__ import annotations

import click

from llmspell.cli.command import Group, Lazy
from llmspell.cli.options import Settings, config_options

__all__ = ["keys"]

_MAKING = "llmspell.cli.commands.keys_making"
_UPKEEP = "llmspell.cli.commands.keys_upkeep"


@click.group(
    cls=Group,
    name="keys",
    no_args_is_help=True,
    lazy={
        "generate": Lazy(f"{_MAKING}:generate", "Make a new master key."),
        "list": Lazy(f"{_MAKING}:list_", "List the data keys of the store."),
        "rotate": Lazy(f"{_MAKING}:rotate", "Make a new data key, or change the master key."),
        "reencrypt": Lazy(f"{_UPKEEP}:reencrypt", "Encrypt what is stored with the newest key."),
        "verify": Lazy(f"{_UPKEEP}:verify", "Check that every value opens."),
    },
    examples=(
        "llmspell keys generate --file master.key",
        "llmspell -p secure keys list",
        "llmspell -p secure keys rotate",
        "llmspell -p secure keys reencrypt",
    ),
)
@config_options
def keys(_settings: Settings) -> None:
    """Make, rotate and check the keys of encryption at rest.

    The master key comes from LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or the file that
    state.security.key_file names. It opens the data keys, which are kept in the store itself.
    """
