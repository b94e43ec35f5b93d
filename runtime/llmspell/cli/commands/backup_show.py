"""``llmspell backup show``: all that is known of one backup. It does not need the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_ids import failed_ids, id_of
from llmspell.cli.commands.backup_options import open_backups
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.backup.model import Manifest

__all__ = ["show"]

_SCOPES_SHOWN = 20
_CHUNKS_SHOWN = 20


@click.command(
    cls=Command,
    examples=(
        "llmspell backup show 20260131T120000Z-0a1b2c",
        "llmspell backup show 20260131T120000Z-0a1b2c --json",
    ),
)
@click.argument("backup", metavar="ID")
@json_option
@config_options
def show(settings: Settings, backup: str, as_json: bool) -> int:
    """Show all that is known of a backup: what it is made from, its chunks, scopes and moment.

    ID may be "latest", the one that a restore takes. "position" is the last change of the journal
    that it has. Its chunks are not read:
    "llmspell backup verify" does.
    """
    from llmspell.errors import BackupError, BackupNotFound

    problem, chain = None, []
    with open_backups(settings) as backups:
        found = backups.get(id_of(backups, backup))
        is_damaged = found.id in failed_ids(backups)
        try:
            chain = backups.catalogue().chain(found.id)
        except BackupNotFound:
            raise
        except BackupError as error:
            problem = error.message
    if problem is None and is_damaged:
        problem = "it was damaged when it was verified for the last time"
    if as_json:
        _print_json(found, chain, problem)
        return 0
    _print_facts(found)
    _print_parts(found, chain)
    if problem is not None:
        from llmspell.cli.report import print_note

        print_note("warning", problem)
    return 0


def _print_json(found: Manifest, chain: list[Manifest], problem: str | None) -> None:
    from llmspell.backup.model import time_of
    from llmspell.cli.commands.backup_words import redacted
    from llmspell.cli.jsontext import print_json
    from llmspell.security.sensitive.reports import redacted_report

    verified = None if found.verified_us is None else time_of(found.verified_us)
    told: dict[str, Any] = {
        **redacted(found),
        "snapshot_at": time_of(found.snapshot_us),
        "verified_at": verified,
        "chain": [each.id for each in chain] or [*found.chain, found.id],
        "restorable": problem is None,
        "problem": problem,
        "journal": None if found.journal is None else found.journal.model_dump(exclude={"mark"}),
        "unreadable": found.unreadable,
        "scope_count": found.scope_count,
        "scopes": redacted_report([each.model_dump() for each in found.scopes]),
        "chunks": [each.model_dump() for each in found.chunks],
    }
    print_json({"ok": True, **told})


def _print_facts(found: Manifest) -> None:
    facts = _facts(found)
    width = max(map(len, facts))
    from llmspell.cli.report import printable

    for name, value in facts.items():
        click.echo(printable(f"{name:<{width}}  {value}"))


def _facts(found: Manifest) -> dict[str, str]:
    from llmspell.backup.model import time_of
    from llmspell.cli.commands.backup_words import (
        contents_text,
        moment_text,
        readable,
        size_text,
    )
    from llmspell.cli.table import time_text

    packed = found.compression
    level = f" level {packed.level}" if packed.level else ""
    facts = {
        "id": found.id,
        "type": found.type,
        "label": readable(found.label),
        "scope": readable(found.scope),
        "shows (UTC)": moment_text(found.snapshot_us),
        "contents": contents_text(found),
        "left out": f"{found.unreadable:,} that did not decrypt" if found.unreadable else "",
        "size": f"{size_text(found.size_bytes)}, stored as {size_text(found.stored_bytes)}",
        "form": f"{found.format}, compression {packed.algorithm}{level}",
        "encryption": "none" if found.encryption is None else found.encryption.cipher,
        "position": "no journal" if found.journal is None else str(found.journal.seq),
        "made by": f"llmspell {found.llmspell_version}, {found.backend}",
        "checksum": found.checksum,
        "verified": "not when it was made"
        if found.verified_us is None
        else f"when it was made, {time_text(time_of(found.verified_us))}",
    }
    return {name: value for name, value in facts.items() if value}


def _print_parts(found: Manifest, chain: list[Manifest]) -> None:
    from llmspell.cli.commands.backup_words import readable, size_text

    if len(chain) > 1:
        click.echo(f"made from, the full one first ({len(chain) - 1}):")
        for each in chain[:-1]:
            click.echo(f"  {each.id}  {each.type}")
    click.echo(f"scopes ({found.scope_count:,}):")
    scopes = [f"{readable(each.scope)}  {each.records:,}" for each in found.scopes[:_SCOPES_SHOWN]]
    _print_some(scopes, found.scope_count)
    click.echo(f"chunks ({len(found.chunks):,}):")
    chunks = [
        f"{each.name}  {each.records:,}  {size_text(each.stored_bytes)}"
        for each in found.chunks[:_CHUNKS_SHOWN]
    ]
    _print_some(chunks, len(found.chunks))


def _print_some(lines: list[str], total: int) -> None:
    from llmspell.cli.report import printable

    for line in lines:
        click.echo(printable(f"  {line}"))
    if total > len(lines):
        click.echo(f"  ... and {total - len(lines):,} more; --json shows more of them")
