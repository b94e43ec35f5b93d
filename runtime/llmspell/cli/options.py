"""Options that several commands share, and the settings they add up to."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.permissions import Permissions

__all__ = [
    "Settings",
    "actor_option",
    "age",
    "config_options",
    "duration",
    "engine_option",
    "isolate_option",
    "json_option",
    "module_path_option",
    "state_options",
    "timeout_option",
    "utf8_only",
]

# "ms" stands before "s": the first ending that fits is taken.
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class Settings:
    """What ``-c``, ``-p`` and ``--json`` said, before or after the command; the later one wins.

    ``granted`` is what the ``--allow-...`` flags of the command permit, if there were any;
    ``module_paths`` are the folders of ``--module-path``, ``actor`` the name of ``--actor``.
    """

    __slots__ = ("actor", "as_json", "config", "granted", "isolation", "module_paths", "profile")

    def __init__(self) -> None:
        self.actor: str | None = None
        self.as_json = False
        self.config: Path | None = None
        self.profile: str | None = None
        self.granted: Permissions | None = None
        self.module_paths: tuple[Path, ...] = ()
        self.isolation: str | None = None

    def load(self) -> Config:
        """Load the configuration; raise :class:`~llmspell.errors.ConfigError` when it is wrong."""
        from llmspell.config import load_config

        return load_config(self.config, profile=self.profile)

    def load_if_given(self) -> Config | None:
        """Load what a run is configured with, and show its notices.

        None, without the cost of loading, when nothing is configured.
        """
        from llmspell.config import nothing_configured

        if nothing_configured(self.config, profile=self.profile):
            return None
        config = self.load()
        if config.notices and not self.as_json:
            from llmspell.cli.report import print_note

            for notice in config.notices:
                print_note("note", notice)
        return config

    def acting_as(self) -> str | None:
        """Return the name of ``--actor``, else of the environment; None is nobody."""
        return self.actor or os.environ.get("LLMSPELL_ACTOR") or None

    def permissions(self, config: Config | None) -> Permissions | None:
        """Return what the flags and the configuration permit together; None: what it does alone."""
        if self.granted is None or config is None:
            return self.granted
        return config.permissions.granted() | self.granted


def duration(_ctx: click.Context, _param: click.Parameter, text: str | None) -> float | None:
    """Return what an option says as seconds; refuse what is no length of time."""
    if text is None:
        return None
    written = text.strip().lower()
    unit = next((unit for unit in _UNITS_S if written.endswith(unit)), "")
    try:
        seconds = float(written.removesuffix(unit)) * _UNITS_S[unit or "s"]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise click.BadParameter(
            f"{text!r} is not a length of time; write seconds (5), or 500ms, 2m, 1h, 30d"
        )
    return seconds


def age(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """Return what ``duration`` does, of a text that has a unit: 30 could mean days."""
    if text is not None and text.strip()[-1:].isdigit():
        raise click.BadParameter(f"{text!r} has no unit; write 30d, 12h, 5m or 90s")
    return duration(ctx, param, text)


def utf8_only(_ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
    """Refuse arguments that the shell passed as bytes which are not UTF-8; scripts hold text."""
    for text in value if isinstance(value, tuple) else (value,):
        try:
            text.encode()
        except UnicodeEncodeError:
            shown = text.encode(errors="backslashreplace").decode()
            raise click.BadParameter(f"'{shown}' is not valid UTF-8") from None
    return value


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-c`` and ``-p`` to a command and hand it the merged :class:`Settings` first."""

    @click.option(
        "-c",
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Configuration file (TOML).",
    )
    @click.option(
        "-p", "--profile", metavar="NAME", help="Profile (see: llmspell config profiles)."
    )
    @click.pass_context
    @functools.wraps(function)
    def wrapper(
        ctx: click.Context,
        /,
        *args: Any,
        config_file: Path | None,
        profile: str | None,
        **kwargs: Any,
    ) -> Any:
        settings = ctx.ensure_object(Settings)
        settings.config = config_file or settings.config
        settings.profile = profile or settings.profile
        return function(settings, *args, **kwargs)

    return wrapper


def engine_option(*, required: bool) -> Callable[..., Any]:
    """Add ``--engine lua|js``."""
    return click.option(
        "--engine",
        type=click.Choice(["lua", "js"]),
        required=required,
        help="Language of the script." + ("" if required else " Default: by the file's ending."),
    )


timeout_option = click.option(
    "--timeout",
    callback=duration,
    metavar="TIME",
    help="End the script after this time (5, 500ms, 2m). Default: limits.timeout_s.",
)


def _remember_module_paths(
    ctx: click.Context, _param: click.Parameter, folders: tuple[Path, ...]
) -> None:
    ctx.ensure_object(Settings).module_paths = folders


module_path_option = click.option(
    "--module-path",
    "module_paths",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    expose_value=False,
    callback=_remember_module_paths,
    help="Folder to find modules in, after the script's own; may be given several times.",
)


def _remember_isolation(ctx: click.Context, _param: click.Parameter, level: str | None) -> None:
    ctx.ensure_object(Settings).isolation = level


isolate_option = click.option(
    "--isolate",
    type=click.Choice(["inline", "process"]),
    expose_value=False,
    callback=_remember_isolation,
    help="Where the script runs: here, or in a process of its own. Default: sandbox.isolation.",
)


def _remember_actor(ctx: click.Context, param: click.Parameter, name: str | None) -> None:
    if name is None:
        return
    from llmspell.errors import InvalidArgument
    from llmspell.security.access.grant import check_name

    try:
        ctx.ensure_object(Settings).actor = check_name("the name", name)
    except InvalidArgument as error:
        raise click.BadParameter(error.message, ctx=ctx, param=param) from None


actor_option = click.option(
    "--actor",
    "acting_as",
    metavar="NAME",
    expose_value=False,
    callback=_remember_actor,
    help="Act as NAME: in the history, and for access control. Default: $LLMSPELL_ACTOR.",
)


def state_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-c``, ``-p`` and ``--actor``: what every command takes that uses the state."""
    with_actor: Callable[..., Any] = actor_option(config_options(function))
    return with_actor


def _remember_json(ctx: click.Context, _param: click.Parameter, wanted: bool) -> bool:
    # Early, so that every later failure of this command is told as JSON too.
    if wanted:
        ctx.ensure_object(Settings).as_json = True
    return wanted


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,
    callback=_remember_json,
    help="Print one JSON object, for programs.",
)
