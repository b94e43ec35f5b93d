"""The root command: global options, the table of commands, and how every failure ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from llmspell.cli.command import Group, Lazy
from llmspell.cli.guard import guarded
from llmspell.cli.options import Settings, config_options

__all__ = ["root", "run"]

_COMMANDS = "llmspell.cli.commands"


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from llmspell import __version__

        click.echo(f"llmspell {__version__}")
        ctx.exit()


@click.group(
    cls=Group,
    name="llmspell",
    no_args_is_help=True,
    lazy={
        "run": Lazy(f"{_COMMANDS}.run:run", "Run a Lua or JavaScript file."),
        "exec": Lazy(f"{_COMMANDS}.exec:exec_", "Run a line of code and print its value."),
        "repl": Lazy(f"{_COMMANDS}.repl:repl", "Try Lua or JavaScript line by line."),
        "state": Lazy(f"{_COMMANDS}.state:state", "Read and change stored state."),
        "schema": Lazy(f"{_COMMANDS}.schema:schema", "Show, check and compare schemas."),
        "migrate": Lazy(f"{_COMMANDS}.migrate:migrate", "Migrate values between schema versions."),
        "backup": Lazy(f"{_COMMANDS}.backup:backup", "Make backups and restore what they hold."),
        "keys": Lazy(f"{_COMMANDS}.keys:keys", "Make and rotate the keys of encryption."),
        "access": Lazy(f"{_COMMANDS}.access:access", "Show and change who may do what."),
        "audit": Lazy(f"{_COMMANDS}.audit:audit", "Show and verify who did what."),
        "config": Lazy(f"{_COMMANDS}.config:config", "Show, check and create configurations."),
        "doctor": Lazy(f"{_COMMANDS}.doctor:doctor", "Show what confines scripts on this system."),
        "types": Lazy(f"{_COMMANDS}.types:types", "Write type files for your editor."),
    },
    examples=(
        "llmspell run hello.lua",
        "llmspell exec 'return 6 * 7' --engine lua",
        "llmspell -c configs/state-enabled.toml run hello.js --name Ada",
        "llmspell state list global",
    ),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
@config_options
def root(_settings: Settings) -> None:
    """Run Lua and JavaScript in sandboxes that share one durable State."""


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line with ``argv`` and return its exit code; it never raises."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    settings = Settings()
    _replace_closed_streams()
    return guarded(lambda: _invoke(arguments, settings), wants_json=lambda: settings.as_json)


def _replace_closed_streams() -> None:
    """Give a program started without standard streams (``>&-``) ones that lead nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free descriptor is the missing one's.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _invoke(arguments: list[str], settings: Settings) -> int:
    # Not root.main(): it would turn a closed pipe into exit code 1 before the guard sees it.
    with root.make_context("llmspell", arguments, obj=settings) as context:
        result = root.invoke(context)
    return result if isinstance(result, int) else 0
