"""The reference of the command line, from the commands' own help."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from llmspell.cli.app import root
from llmspell.reference.markdown import code, table

__all__ = ["commands"]


def commands() -> str:
    """Return every command with its arguments, options and examples.

    Made from the parameters and not from click's help page, whose layout changes between
    versions of click.
    """
    return "\n".join(_command(root, "llmspell")) + "\n"


def _command(command: click.Command, path: str) -> Iterator[str]:
    yield from (f"## {code(path)}", "")
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield from (" ".join(paragraph.split()), "")
    yield from ("```text", _usage(command, path), "```", "")
    options = [param for param in command.params if isinstance(param, click.Option)]
    if options:
        rows = [(code(_option(option)), _meaning(option)) for option in options]
        yield from (*table(("option", "meaning"), rows), "")
    examples = getattr(command, "examples", ())
    if examples:
        yield from ("Examples:", "", "```text", *examples, "```", "")
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            if member is not None:
                yield from _command(member, f"{path} {name}")


def _usage(command: click.Command, path: str) -> str:
    parts = [path]
    if any(isinstance(param, click.Option) for param in command.params):
        parts.append("[OPTIONS]")
    for param in command.params:
        if isinstance(param, click.Argument):
            shown = (param.metavar or param.name or "").upper()
            parts.append(f"[{shown}]" if not param.required else shown)
            if param.nargs == -1:
                parts[-1] += "..."
    if isinstance(command, click.Group):
        parts.append("COMMAND [ARGS]...")
    return " ".join(parts)


def _option(option: click.Option) -> str:
    names = ", ".join(option.opts)
    if option.secondary_opts:
        names += f" / {', '.join(option.secondary_opts)}"
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} {'|'.join(map(str, option.type.choices))}"
    return f"{names} {option.metavar or option.type.name.upper()}"


def _meaning(option: click.Option) -> str:
    return f"{option.help or ''}{' Required.' if option.required else ''}".strip()
