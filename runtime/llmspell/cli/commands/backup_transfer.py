"""``llmspell backup export`` and ``import``: backups as one file. Neither needs the store."""

from __future__ import annotations

from pathlib import Path

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_ids import id_of
from llmspell.cli.commands.backup_options import chain_option, following, open_backups
from llmspell.cli.options import Settings, config_options, json_option

__all__ = ["export", "import_"]

_FILE = click.Path(path_type=Path)


@click.command(
    cls=Command,
    examples=(
        "llmspell backup export 20260131T120000Z-0a1b2c backup.tar",
        "llmspell backup export 20260131T120000Z-0a1b2c last.tar --no-chain",
    ),
)
@click.argument("backup", metavar="ID")
@click.argument("file", type=_FILE)
@chain_option
@json_option
@config_options
def export(settings: Settings, backup: str, file: Path, alone: bool, as_json: bool) -> int:
    """Write backup ID, and all it is made from, to FILE: a tar, to carry it elsewhere.

    ID may be "latest", the one that a restore takes. What is encrypted stays so. The file appears
    only when it is complete; an older one of that name is replaced.
    """
    _check_file(file)
    with open_backups(settings) as backups, following("exporting") as follow:
        done = backups.export(id_of(backups, backup), file, chain=not alone, on_event=follow)
        is_open = any(backups.get(each).encryption is None for each in done.backups)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **done.to_dict()})
        return 0
    from llmspell.cli.commands.backup_words import size_text
    from llmspell.cli.report import print_note
    from llmspell.cli.table import counted

    count = counted(len(done.backups), "backup")
    click.echo(f"exported {count} to {done.file}: {size_text(done.size_bytes)}", err=True)
    if is_open:
        print_note("note", "the file is not encrypted: keep it safe")
    return 0


@click.command(
    cls=Command,
    name="import",
    examples=("llmspell backup import backup.tar", "llmspell backup import backup.tar --json"),
)
@click.argument("file", type=_FILE)
@json_option
@config_options
def import_(settings: Settings, file: Path, as_json: bool) -> int:
    """Take in the backups of FILE, which "llmspell backup export" wrote.

    Everything in it is checked first: if anything is wrong, nothing is taken in. A backup that is
    there already stays as it is.
    """
    _check_file(file)
    with open_backups(settings) as backups, following("importing") as follow:
        done = backups.import_(file, on_event=follow)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **done.to_dict()})
        return 0
    from llmspell.cli.report import print_note
    from llmspell.cli.table import counted

    for backup_id in done.imported:
        click.echo(backup_id)
    there = f"; {len(done.present):,} there already" if done.present else ""
    click.echo(f"imported {counted(len(done.imported), 'backup')}{there}", err=True)
    for base in done.missing:
        what = f"backup {base}, which others are made from, is missing: import it, too"
        print_note("warning", what)
    return 0


def _check_file(file: Path) -> None:
    if str(file) == "-":
        raise click.UsageError("FILE must be a file: its parts are not read in their order")
