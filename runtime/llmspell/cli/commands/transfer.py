"""``llmspell state export`` and ``import``: whole states as JSON or MessagePack files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.progress import tracked
from llmspell.cli.store_access import open_existing, open_state

if TYPE_CHECKING:
    from llmspell.cli.exchange import PortableEntry
    from llmspell.state.manager import StateManager

__all__ = ["export", "import_"]

_SUFFIXES = {".json": "json", ".msgpack": "msgpack", ".mpk": "msgpack", ".mp": "msgpack"}

# What an export tells about an entry beside its value. An import takes over schema_version alone.
_METADATA = ("version", "created_at", "updated_at", "schema_version", "class", "expires_at")

_format_option = click.option(
    "--format",
    "file_format",
    type=click.Choice(["json", "msgpack"]),
    help="Form of the file. Default: by its ending, json for anything else.",
)


@click.command(
    cls=Command,
    examples=(
        "llmspell state export backup.json",
        "llmspell state export agents.msgpack --scope agent:gpt-4",
        "llmspell state export - | gzip > state.json.gz",
    ),
)
@click.argument("file")
@click.option("--scope", metavar="SCOPE", help="Only the entries of this scope.")
@_format_option
@json_option
@state_options
def export(
    settings: Settings, file: str, scope: str | None, file_format: str | None, as_json: bool
) -> int:
    """Write all entries to FILE, as they are at one moment; "-" is the standard output.

    Values stay exact in both forms. The file appears only when it is complete.
    """
    from llmspell.cli.exchange import write_entries

    if file == "-" and as_json:
        raise click.UsageError("--json needs a FILE: the standard output holds the export itself")
    with open_existing(settings) as state:
        entries = _portable(state, scope)
        form = _format(file, file_format)
        if file == "-":
            count = write_entries(entries, sys.stdout.buffer.write, format=form)
            sys.stdout.buffer.flush()
        else:
            count = _write_file(Path(file), entries, form)
        has_secrets = state.stores_encrypted
    if file != "-":
        _tell(as_json, f"exported {_entries(count)} to {file}", file=file, entries=count)
        if has_secrets and not as_json:
            from llmspell.cli.report import print_note

            print_note("note", "the store is encrypted, and this file is not: keep it safe")
    return 0


@click.command(
    cls=Command,
    name="import",
    examples=(
        "llmspell state import backup.json",
        "llmspell state import backup.json --keep",
        "gunzip -c state.json.gz | llmspell state import -",
    ),
)
@click.argument("file")
@click.option(
    "--replace/--keep",
    "replace",
    default=True,
    help="Overwrite keys that exist (the default), or leave them as they are.",
)
@_format_option
@json_option
@state_options
def import_(
    settings: Settings, file: str, replace: bool, file_format: str | None, as_json: bool
) -> int:
    """Store every entry of FILE in one transaction; "-" is the standard input.

    The whole file is checked first: if anything in it is wrong, nothing is stored.
    """
    from llmspell.cli.exchange import read_entries
    from llmspell.cli.textfile import read_bytes

    entries = read_entries(
        read_bytes(file, what="export"),
        format=_format(file, file_format),
        progress=lambda raw: tracked(raw, "checking", len(raw)),
    )
    with open_state(settings) as state:
        stored = state.import_entries(tracked(entries, "importing", len(entries)), replace=replace)
    kept = len(entries) - stored
    message = f"imported {_entries(stored)}" + (f", kept {kept} that existed" if kept else "")
    _tell(as_json, message, file=file, entries=stored, kept=kept)
    return 0


def _format(file: str, chosen: str | None) -> str:
    return chosen or _SUFFIXES.get(Path(file).suffix.lower(), "json")


def _write_file(path: Path, entries: Iterable[PortableEntry], form: str) -> int:
    from llmspell.cli.exchange import write_entries
    from llmspell.cli.failures import UsageFailure
    from llmspell.errors import LlmSpellError

    if path.is_dir() or not path.name:
        raise UsageFailure(f"cannot write {path}: it is a directory", hint="name a file in it")
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        # Whoever could not read the store should not read what it held.
        with open(aside, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as target:
            count = write_entries(entries, target.write, format=form)
        aside.replace(path)
    except LlmSpellError:  # an error of the store may be an OSError too
        raise
    except OSError as error:
        raise UsageFailure(f"cannot write {path}: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)
    return count


def _portable(state: StateManager, scope: str | None) -> Iterator[PortableEntry]:
    from llmspell.cli.exchange import PortableEntry

    total = state.get_stats().get("entries", 0) if scope is None else 0
    for entry in tracked(state.export_entries(scope), "exporting", total):
        facts = entry.metadata.to_dict()
        metadata = {name: facts[name] for name in _METADATA if facts.get(name) is not None}
        yield PortableEntry(entry.scope, entry.key, entry.value, metadata)


def _entries(count: int) -> str:
    return f"{count} entry" if count == 1 else f"{count} entries"


def _tell(as_json: bool, message: str, **facts: object) -> None:
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **facts})
    else:
        click.echo(message, err=True)
