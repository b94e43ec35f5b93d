"""``--allow-read[=PATH,...]`` and its like: what a script may reach, on the command line."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from llmspell.cli.command import Command
from llmspell_bridges.sandbox import EXTENSIONS

if TYPE_CHECKING:
    from llmspell.permissions import Permissions

__all__ = ["PermittingCommand", "permission_options"]

_KINDS: Final = {
    "read": ("PATH", "Let the script read these files and folders (Fs); alone: all."),
    "write": ("PATH", "Let the script write these files and folders (Fs); alone: all."),
    "net": ("HOST", "Let the script connect to these hosts (Http); alone: all, private ones too."),
    "env": ("NAME", "Let the script read these environment variables (Env); alone: all."),
}
_FLAGS: Final = frozenset(f"--allow-{kind}" for kind in _KINDS)
#: What a flag without a value is read as. No argument of a program can hold a NUL.
_EVERYTHING: Final = "\0"


class PermittingCommand(Command):
    """A command whose ``--allow-...`` flags take a value after ``=`` only.

    Otherwise a flag without one would take the script's name for its value.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._completed(ctx, args))

    def _completed(self, ctx: click.Context, args: Sequence[str]) -> list[str]:
        """Return the arguments with a value for each flag that stands alone."""
        completed: list[str] = []
        rest = list(args)
        while rest:
            argument = rest.pop(0)
            is_option = len(argument) > 1 and argument.startswith("-")
            if argument == "--" or (not is_option and not ctx.allow_interspersed_args):
                # What comes now is the script's own.
                return [*completed, argument, *rest]
            if argument in _FLAGS:
                _check_no_value(argument, rest[0] if rest else "")
                argument = f"{argument}={_EVERYTHING}"
            completed.append(argument)
            if is_option and self._takes_next(argument) and rest:
                completed.append(rest.pop(0))
        return completed

    def _takes_next(self, argument: str) -> bool:
        return any(
            isinstance(param, click.Option)
            and argument in param.opts
            and not param.is_flag
            and argument not in _FLAGS
            for param in self.params
        )


def _check_no_value(flag: str, following: str) -> None:
    """Refuse what looks like a value: alone the flag would permit everything."""
    kind = flag.removeprefix("--allow-")
    is_host = kind == "net" and re.fullmatch(r"[\w*-]+(\.[\w*-]+)*\.[a-z]{2,}(:\d+)?", following)
    is_script = Path(following).suffix.lower() in EXTENSIONS
    if not is_script and (is_host or (kind in ("read", "write") and Path(following).is_dir())):
        raise click.UsageError(
            f"{flag} takes its value after '=': write {flag}={following}. "
            "Alone it permits everything"
        )


class _Allow(click.Option):
    """Shown with its value after ``=``, in brackets."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        return f"{self.opts[0]}{self.metavar}", self.help or ""


def permission_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags to a command that takes ``Settings`` first, and keep there what they grant."""

    @functools.wraps(function)
    def wrapper(settings: Any, *args: Any, allow_all: bool, **kwargs: Any) -> Any:
        flags = {kind: kwargs.pop(f"allow_{kind}") for kind in _KINDS}
        settings.granted = _granted(flags, allow_all=allow_all)
        return function(settings, *args, **kwargs)

    options: Callable[..., Any] = click.option(
        "-A", "--allow-all", is_flag=True, help="Let the script do all of the above, everywhere."
    )(wrapper)
    for kind, (value, text) in reversed(_KINDS.items()):
        metavar = f"[={value},...]"
        options = click.option(
            f"--allow-{kind}", multiple=True, cls=_Allow, metavar=metavar, help=text
        )(options)
    return options


def _granted(flags: dict[str, tuple[str, ...]], *, allow_all: bool) -> Permissions | None:
    """Return what the flags grant, or ``None`` when there are none, which costs no import."""
    if not allow_all and not any(flags.values()):
        return None
    from llmspell.errors import InvalidArgument
    from llmspell.permissions import Permissions

    granted = Permissions.all() if allow_all else Permissions.none()
    for kind, values in flags.items():
        try:
            granted |= Permissions(**{kind: _entries(values)})
        except InvalidArgument as error:
            raise click.BadParameter(
                error.message.partition(": ")[2], param_hint=f"--allow-{kind}"
            ) from None
    return granted


def _entries(values: tuple[str, ...]) -> bool | list[str]:
    if _EVERYTHING in values:
        return True
    # A comma divides; two of them are one within an entry.
    marked = ",".join(value.replace(",,", _EVERYTHING) for value in values)
    return [entry.replace(_EVERYTHING, ",") for entry in marked.split(",")] if values else []
