"""``llmspell types``: type files that make editors complete State."""

from __future__ import annotations

from pathlib import Path

import click

from llmspell.cli.command import Command
from llmspell.cli.failures import UsageFailure

__all__ = ["types"]


@click.command(
    cls=Command,
    examples=("llmspell types .", "llmspell types types/"),
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
def types(directory: Path) -> int:
    """Write llmspell.d.ts (for JavaScript) and llmspell.lua (LuaCATS, for Lua) into DIR.

    Editors then complete and check State and the other globals. Keep llmspell.lua out of the
    scripts you run: it declares, it does nothing.
    """
    from llmspell.typings import write

    try:
        written = write(directory)
    except OSError as error:
        raise UsageFailure(f"cannot write into {directory}: {error.strerror}") from error
    for path in written:
        click.echo(f"wrote {path}")
    return 0
