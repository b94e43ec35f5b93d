"""``llmspell config``: show, check and create configurations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command, Group, Lazy
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.config import Config

__all__ = ["config", "init", "profiles", "show", "validate"]

_HERE = "llmspell.cli.commands.config"
_DEFAULT_FILE = "llmspell.toml"


@click.group(
    cls=Group,
    name="config",
    no_args_is_help=True,
    lazy={
        "show": Lazy(f"{_HERE}:show", "Print the effective configuration."),
        "validate": Lazy(f"{_HERE}:validate", "Check a configuration file."),
        "init": Lazy(f"{_HERE}:init", "Write a commented configuration file."),
        "profiles": Lazy(f"{_HERE}:profiles", "List the ready-made configurations."),
    },
    examples=(
        "llmspell config show",
        "llmspell config validate configs/basic.toml",
        "llmspell config init --profile production",
    ),
)
@config_options
def config(_settings: Settings) -> None:
    """Show, check and create configurations."""


@click.command(
    cls=Command,
    examples=(
        "llmspell config show",
        "llmspell config show --profile production",
        "llmspell config show -c configs/basic.toml --json",
    ),
)
@json_option
@config_options
def show(settings: Settings, as_json: bool) -> int:
    """Print the configuration that a run would use, as TOML; passwords are masked.

    It is what defaults, profile, file and LLMSPELL_ variables add up to, in this order.
    """
    loaded = settings.load()
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "config": loaded.to_dict(), "notices": list(loaded.notices)})
    else:
        click.echo(loaded.to_toml(comments=False).rstrip("\n"))
        _print_notices(loaded.notices)
    return 0


@click.command(
    cls=Command,
    examples=(
        "llmspell config validate configs/basic.toml",
        "llmspell config validate llmspell.toml --json",
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@config_options
def validate(settings: Settings, file: Path | None, as_json: bool) -> int:
    """Check FILE (default: the file of -c), every mistake at once, with its line.

    A key file, a schema or a verifier that cannot be used is a mistake, too.
    """
    settings.config = file or settings.config
    loaded = settings.load()
    _check_files(loaded)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "file": settings.config, "notices": list(loaded.notices)})
    else:
        click.echo(f"ok: {settings.config or 'the configuration'} is valid")
        _print_notices(loaded.notices)
    return 0


def _check_files(config: Config) -> None:
    """Raise ``ConfigError`` for a file that the configuration names and that is of no use."""
    if config.state.security.key_file is not None:
        from llmspell.security.keys.source import MasterKeySource

        MasterKeySource(key_file=config.state.security.key_file).find()
    if config.state.validation.model_fields_set:
        from llmspell.script_verifier import ScriptVerifier
        from llmspell.security.validation.opening import open_validator

        open_validator(config.state.validation, scripts=ScriptVerifier)


@click.command(
    cls=Command,
    examples=(
        "llmspell config init",
        "llmspell config init --profile production production.toml",
        "llmspell config init -",
    ),
)
@click.argument("file", default=_DEFAULT_FILE)
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@config_options
def init(settings: Settings, file: str, force: bool) -> int:
    """Write a configuration with every key explained to FILE (llmspell.toml, "-" to print it).

    It holds the values of --profile, or the defaults.
    """
    text = settings.load().to_toml(comments=True)
    if file == "-":
        click.echo(text.rstrip("\n"))
        return 0
    from llmspell.cli.failures import UsageFailure

    path = Path(file)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError as error:
        raise UsageFailure(
            f"{file} exists already", hint="choose another name, or --force to overwrite it"
        ) from error
    except OSError as error:
        raise UsageFailure(f"cannot write {file}: {error.strerror}") from error
    click.echo(f"wrote {file}; use it with: llmspell -c {file} run hello.lua")
    return 0


@click.command(
    cls=Command,
    examples=("llmspell config profiles", "llmspell -p minimal run hello.lua"),
)
@json_option
@config_options
def profiles(_settings: Settings, as_json: bool) -> int:
    """List the ready-made configurations, for -p."""
    from llmspell.config import PROFILES

    described = {name: profile.description for name, profile in PROFILES.items()}
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "profiles": described})
        return 0
    width = max(map(len, described))
    for name, description in described.items():
        click.echo(f"{name:<{width}}  {description}")
    return 0


def _print_notices(notices: tuple[str, ...]) -> None:
    if notices:
        from llmspell.cli.report import print_note

        for notice in notices:
            print_note("note", notice)
