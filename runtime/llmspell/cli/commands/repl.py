"""``llmspell repl``: try code line by line."""

from __future__ import annotations

import click

from llmspell.cli.options import (
    Settings,
    engine_option,
    isolate_option,
    module_path_option,
    state_options,
)
from llmspell.cli.permission_options import PermittingCommand, permission_options

__all__ = ["repl"]


@click.command(
    cls=PermittingCommand,
    examples=(
        "llmspell repl --engine lua",
        "llmspell -p minimal repl --engine js",
        "echo 'State.list_scopes()' | llmspell repl --engine lua",
    ),
)
@engine_option(required=True)
@state_options
@permission_options
@module_path_option
@isolate_option
def repl(settings: Settings, engine: str) -> int:
    """Read code, run it, print its value, again and again; one sandbox for the whole session.

    Incomplete code continues on the next line; Alt-Enter forces a new line. .help lists the
    commands, .exit or Ctrl-D ends. Lines can also be piped in.
    """
    from llmspell.cli.repl import run_repl

    return run_repl(settings, engine)
