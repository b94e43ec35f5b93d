"""``llmspell state get``, ``set`` and ``delete``: one entry at a time."""

from __future__ import annotations

import sys
from typing import Any

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, duration, json_option, state_options
from llmspell.cli.store_access import open_state, read_state

__all__ = ["delete", "get", "set_"]


@click.command(
    cls=Command,
    examples=(
        "llmspell state get global theme",
        "llmspell state get agent:gpt-4 history --json",
    ),
)
@click.argument("scope")
@click.argument("key")
@json_option
@state_options
def get(settings: Settings, scope: str, key: str, as_json: bool) -> int:
    """Print the value that SCOPE holds under KEY.

    Text is printed as it is. A missing key ends with exit code 1. With --json, bytes are base64
    text and timestamps ISO 8601 text.
    """
    with read_state(settings) as state:
        entry = state.load_frozen(scope, key)
        if entry is None:
            raise _missing(scope, key)
        value, metadata = entry.thaw(), entry.metadata
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json(
            {
                "ok": True,
                "scope": scope,
                "key": key,
                "value": value,
                "metadata": metadata.to_dict(),
            }
        )
        return 0
    if isinstance(value, bytes) and not sys.stdout.isatty():
        data = value  # into a file or a pipe, bytes go as they are
    else:
        from llmspell.cli.display import display

        data = display(value).encode(errors="replace") + b"\n"
    sys.stdout.buffer.write(data)
    return 0


@click.command(
    cls=Command,
    name="set",
    examples=(
        "llmspell state set global theme '\"dark\"'",
        'llmspell state set user:42 prefs \'{"size": 12, "tags": ["a", "b"]}\'',
        "llmspell state set global greeting 'Hello, Ada' --text",
        "llmspell state set global logo --file logo.json",
        "llmspell state set session:77 token '\"abc\"' --ttl 30m",
        "llmspell state set global theme '\"light\"' --if-version 3",
    ),
)
@click.argument("scope")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--text", is_flag=True, help="Store VALUE as text, not as JSON.")
@click.option("--file", metavar="FILE", help='Read the value from FILE; "-" is the standard input.')
@click.option(
    "--ttl", callback=duration, metavar="TIME", help="Let it expire after this (90, 30m, 7d)."
)
@click.option(
    "--class",
    "state_class",
    default="standard",
    metavar="NAME",
    help="How it is kept: critical, archive, ... Default: standard.",
)
@click.option(
    "--if-version",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only if the current version is N; 0: only if there is none.",
)
@click.option(
    "--schema-version",
    type=click.IntRange(min=1),
    metavar="N",
    help="Version of the value's shape. Default: the latest of its schema.",
)
@json_option
@state_options
def set_(
    settings: Settings,
    scope: str,
    key: str,
    value: str | None,
    text: bool,
    file: str | None,
    ttl: float | None,
    state_class: str,
    if_version: int | None,
    schema_version: int | None,
    as_json: bool,
) -> int:
    """Store VALUE, written as JSON, under KEY in SCOPE.

    What JSON has no form for is written {"$bytes": "AAEC"} (base64), {"$timestamp":
    "2026-01-31T12:00:00Z"}, {"$int": "9007199254740993"} or {"$float": "1.0"}.
    """
    if (value is None) == (file is None):
        raise click.UsageError("give either VALUE or --file FILE")
    content = _content(value, file, text)
    _check_class(state_class)
    with open_state(settings) as state:
        metadata = state.save(
            scope,
            key,
            content,
            ttl=ttl,
            state_class=state_class,
            if_version=if_version,
            schema_version=schema_version,
        )
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "scope": scope, "key": key, "metadata": metadata.to_dict()})
    return 0


@click.command(
    cls=Command,
    examples=("llmspell state delete global theme",),
)
@click.argument("scope")
@click.argument("key")
@json_option
@state_options
def delete(settings: Settings, scope: str, key: str, as_json: bool) -> int:
    """Delete KEY from SCOPE; a key that is not there ends with exit code 1."""
    with open_state(settings) as state:
        if not state.delete(scope, key):
            raise _missing(scope, key)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "scope": scope, "key": key})
    return 0


def _content(value: str | None, file: str | None, text: bool) -> Any:
    from llmspell.cli.textfile import read_bytes, read_text

    if text:
        return read_text(file, what="value") if file else value
    from llmspell.cli.exchange import parse_json
    from llmspell.errors import InvalidValue
    from llmspell.portable import untag

    data = read_bytes(file, what="value") if file else (value or "").encode(errors="replace")
    try:
        return untag(parse_json(data, what="the value"))
    except InvalidValue as error:
        error.hint = error.hint or "to store it as text: --text"
        raise


def _check_class(name: str) -> None:
    from llmspell.cli.failures import UsageFailure
    from llmspell.state.classes import class_policy

    if not class_policy(name).stored:
        raise UsageFailure(
            f"class {name!r} ends with the process that saves: nothing would be left",
            hint="to let the value end by itself: --ttl",
        )


def _missing(scope: str, key: str) -> Exception:
    from llmspell.cli.failures import NoSuchEntry

    return NoSuchEntry(
        f"scope {scope!r} has no key {key!r}",
        hint=f"llmspell state list {scope}",
        scope=scope,
        key=key,
    )
