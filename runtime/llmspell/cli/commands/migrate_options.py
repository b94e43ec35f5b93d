"""Which entries a migration is about, as options say it, and the store they are in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from llmspell.cli.options import Settings
    from llmspell.migration.versioning import Versioning
    from llmspell.state.manager import StateManager

__all__ = ["Chosen", "dry_run_option", "open_migrations", "selection_options", "yes_option"]


class Chosen(NamedTuple):
    """What ``--to``, ``--schema``, ``--scope`` and ``--key`` say."""

    target: str | None = None
    schema: str | None = None
    scope: str | None = None
    key: str | None = None


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose entries, and hand them to a command as ``chosen``."""

    @click.option(
        "--to", "target", metavar="VERSION", help="2, or 2.0.0. Default: the latest version."
    )
    @click.option("--schema", metavar="NAME", help="Only entries of this schema.")
    @click.option(
        "--scope", callback=_pattern, metavar="PATTERN", help="Only these scopes, such as user:*"
    )
    @click.option("--key", callback=_pattern, metavar="PATTERN", help="Only these keys.")
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        target: str | None,
        schema: str | None,
        scope: str | None,
        key: str | None,
        **kwargs: Any,
    ) -> Any:
        return function(*args, chosen=Chosen(target, schema, scope, key), **kwargs)

    return wrapper


dry_run_option = click.option("--dry-run", is_flag=True, help="Only tell what would change.")
yes_option = click.option(
    "--yes", is_flag=True, help="Do not ask. Needed where there is no terminal."
)


def _pattern(_ctx: click.Context, _param: click.Parameter, text: str | None) -> str | None:
    if text == "":
        raise click.BadParameter("is empty; write a pattern such as user:* or leave it out")
    return text


@contextmanager
def open_migrations(settings: Settings) -> Iterator[tuple[StateManager, Versioning]]:
    """Yield the state as scripts use it, with its schemas and migrations.

    Raises ``FeatureUnavailable`` when they are switched off.
    """
    from llmspell.engine import Runtime

    with Runtime(settings.load_if_given(), actor=settings.acting_as()) as runtime:
        versioning = runtime.versioning
        if versioning is None:
            from llmspell.errors import FeatureUnavailable

            raise FeatureUnavailable(
                "schemas and migrations are switched off",
                hint="set state.migration.enabled = true",
                key="state.migration.enabled",
            )
        yield runtime.state, versioning
