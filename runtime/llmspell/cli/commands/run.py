"""``llmspell run``: run a script file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.options import (
    Settings,
    engine_option,
    isolate_option,
    json_option,
    module_path_option,
    state_options,
    timeout_option,
    utf8_only,
)
from llmspell.cli.permission_options import PermittingCommand, permission_options

if TYPE_CHECKING:
    from llmspell.engine import RunResult, Runtime

__all__ = ["run"]


@click.command(
    cls=PermittingCommand,
    # What follows FILE belongs to the script, options too.
    context_settings={"allow_interspersed_args": False},
    examples=(
        "llmspell run hello.lua",
        "llmspell run hello.js --name Ada -v",
        "llmspell run --timeout 500ms --json hello.lua",
        "llmspell run --watch hello.lua",
        "echo 'print(1 + 1)' | llmspell run --engine lua -",
    ),
)
@click.argument("file", callback=utf8_only)
@click.argument("args", nargs=-1, type=click.UNPROCESSED, callback=utf8_only)
@engine_option(required=False)
@click.option("--watch", is_flag=True, help="Run again whenever a script file changes.")
@timeout_option
@json_option
@state_options
@permission_options
@module_path_option
@isolate_option
def run(
    settings: Settings,
    file: str,
    args: tuple[str, ...],
    engine: str | None,
    watch: bool,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Run the Lua or JavaScript FILE; "-" reads the script from the standard input.

    Everything after FILE goes to the script untouched, as ARGS; options of this command stand
    before FILE. --watch runs the script again when a .lua, .js or .json file changes in its folder,
    in a module folder, or below, until Ctrl-C.
    """
    if file == "-" and engine is None:
        raise click.UsageError("a script from the standard input needs --engine lua or --engine js")
    if watch and (file == "-" or as_json):
        other = "the standard input" if file == "-" else "--json"
        raise click.UsageError(f"--watch cannot be used with {other}")

    misplaced = next(
        (each for each in args if each.startswith(("--allow-", "--isolate", "--actor"))), None
    )
    if misplaced and not as_json:
        from llmspell.cli.report import print_note

        print_note("note", f"{misplaced} stands after {file}, so it went to the script")

    from llmspell.cli.launch import Job, launch

    def start(runtime: Runtime) -> RunResult:
        if file == "-":
            return runtime.execute(
                _read_stdin(), engine=engine or "", args=args, name="<stdin>", folder="."
            )
        return runtime.run(file, args, engine=engine)

    job = Job(start=start, settings=settings, timeout_s=timeout, as_json=as_json)
    if watch:
        from llmspell.cli.watch import watch_and_run

        return watch_and_run(job, file)
    return launch(job)


def _read_stdin() -> str:
    from llmspell.cli.textfile import read_text

    return read_text("-", what="script")
