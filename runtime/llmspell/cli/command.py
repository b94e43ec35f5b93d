"""Commands that carry examples, and groups that import a command only when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click

__all__ = ["Command", "Group", "Lazy"]

_CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Lazy(NamedTuple):
    """Where a command is defined (``module:attribute``) and the line the overview shows for it.

    The line stands here so that ``llmspell --help`` imports no command at all.
    """

    target: str
    summary: str


class _Examples:
    """Write an Examples section after the options; every line of it is a real command."""

    examples: Sequence[str]

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"  {line}\n")


class Command(_Examples, click.Command):
    """A click command with examples in its help."""

    def __init__(self, *args: Any, examples: Sequence[str], **kwargs: Any) -> None:
        kwargs["context_settings"] = _CONTEXT_SETTINGS | (kwargs.get("context_settings") or {})
        super().__init__(*args, **kwargs)
        self.examples = examples


class Group(_Examples, click.Group):
    """A click group whose commands are imported when they are called.

    An unknown command is a usage error that names the nearest known ones.
    """

    def __init__(
        self, *args: Any, lazy: Mapping[str, Lazy], examples: Sequence[str], **kwargs: Any
    ) -> None:
        kwargs["context_settings"] = _CONTEXT_SETTINGS | (kwargs.get("context_settings") or {})
        super().__init__(*args, **kwargs)
        self.lazy = lazy
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = self.lazy.get(cmd_name)
        if known is None:
            return None
        module, _, attribute = known.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.lazy and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(self._unknown(name), ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in self.lazy.items()])

    def _unknown(self, name: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(name, self.lazy, n=2, cutoff=0.5)
        if near:
            return f"no such command {name!r}. Did you mean {' or '.join(map(repr, near))}?"
        if "." in name or "/" in name:
            return f"no such command {name!r}. To run a script: llmspell run {name}"
        return f"no such command {name!r}. The commands are {', '.join(self.lazy)}"
