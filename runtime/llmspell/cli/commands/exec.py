"""``llmspell exec``: run code given on the command line."""

from __future__ import annotations

from functools import partial
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

__all__ = ["exec_"]


@click.command(
    cls=PermittingCommand,
    name="exec",
    examples=(
        "llmspell exec 'return 6 * 7' --engine lua",
        'llmspell exec \'await State.save("global", "theme", "dark")\' --engine js',
        "llmspell exec 'return ARGS.name' --engine lua -- --name Ada",
    ),
)
@click.argument("code", callback=utf8_only)
@click.argument("args", nargs=-1, type=click.UNPROCESSED, callback=utf8_only)
@engine_option(required=True)
@timeout_option
@json_option
@state_options
@permission_options
@module_path_option
@isolate_option
def exec_(
    settings: Settings,
    code: str,
    args: tuple[str, ...],
    engine: str,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Run CODE and print its value, unless that is null.

    ARGS reach the code as ARGS; put -- before the first one that looks like an option.
    """
    from llmspell.cli.launch import Job, launch

    def start(runtime: Runtime) -> RunResult:
        from llmspell.errors import ScriptSyntaxError

        execute = partial(runtime.execute, engine=engine, args=args, folder=".")
        try:
            return execute(code)
        except ScriptSyntaxError as error:
            # Nothing has run; Lua wants a `return` before what JavaScript takes as it is.
            try:
                return execute(f"return {code}")
            except ScriptSyntaxError:
                raise error from None

    job = Job(
        start=start,
        settings=settings,
        timeout_s=timeout,
        as_json=as_json,
        prints_value=True,
    )
    return launch(job)
