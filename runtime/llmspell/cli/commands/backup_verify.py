"""``llmspell backup verify``: read backups and compare them with their checksums."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_options import chain_option, following, open_backups
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.model import BackupEvent
    from llmspell.backup.verifying import Verification

__all__ = ["verify"]

_SECOND = len("20260131T120000Z")


@click.command(
    cls=Command,
    examples=(
        "llmspell backup verify",
        "llmspell backup verify 20260131T120000Z-0a1b2c",
        "llmspell backup verify --all --json",
    ),
)
@click.argument("backup", metavar="[ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="Verify every backup there is.")
@chain_option
@json_option
@config_options
def verify(
    settings: Settings, backup: str | None, everything: bool, alone: bool, as_json: bool
) -> int:
    """Read the latest backup, or backup ID, and all it is made from, and check every byte.

    Nothing is restored, and the store is not needed. Every file that is damaged or missing is
    named, and ends with exit code 1.
    """
    if everything and (backup is not None or alone):
        raise click.UsageError("--all verifies every backup: leave ID and --no-chain out")
    with open_backups(settings) as backups, following("verifying") as follow:
        if everything:
            found = _verify_all(backups, follow)
        else:
            wanted = backup or _latest(backups)
            found = [backups.verify(wanted, chain=not alone, on_event=follow)]
    is_whole = all(each.valid for each in found)
    if as_json:
        from llmspell.cli.jsontext import print_json

        told = [each.to_dict() for each in found]
        print_json({"ok": is_whole, **({"backups": told} if everything else told[0])})
    else:
        _tell(found)
    return 0 if is_whole else 1


def _latest(backups: BackupManager) -> str:
    from llmspell.errors import BackupNotFound

    catalogue = backups.catalogue()
    newest = [each.id for each in catalogue.manifests()[:1]]
    # Of one whose manifest is damaged its id still tells when it was made.
    found = sorted([*catalogue.damaged, *newest], key=lambda each: each[:_SECOND], reverse=True)
    if found:
        return found[0]
    raise BackupNotFound(
        f"there are no backups in {backups.repository.location}",
        hint="llmspell backup create makes one",
    )


def _verify_all(
    backups: BackupManager, follow: Callable[[BackupEvent], None]
) -> list[Verification]:
    """Verify every backup by itself, as what it is made from is among them, and their links."""
    from llmspell.backup.verifying import Verification
    from llmspell.errors import BackupError, BackupNotFound, EncryptionError

    catalogue = backups.catalogue()
    ids = [each.id for each in catalogue.manifests()]
    found = []
    for backup_id in sorted({*ids, *catalogue.damaged}):
        try:
            verified = backups.verify(backup_id, chain=False, on_event=follow)
            if verified.valid:
                catalogue.chain(backup_id)
        except BackupNotFound:
            continue  # somebody has just removed it
        except BackupError as error:
            verified = Verification(backup_id, valid=False, problems=[error.message])
        except EncryptionError as error:
            problem = f"not verified: {error.message}"
            verified = Verification(backup_id, valid=False, problems=[problem])
        found.append(verified)
    return found


def _tell(found: list[Verification]) -> None:
    from llmspell.cli.commands.backup_words import size_text, took_text
    from llmspell.cli.report import printable
    from llmspell.cli.table import counted

    for each in found:
        for problem in each.problems:
            click.echo(printable(f"{each.id}: {problem}"))
    damaged = [each.id for each in found if not each.valid]
    backups = counted(sum(len(each.backups) for each in found), "backup")
    read = f"{backups}, {counted(sum(each.chunks for each in found), 'chunk')}"
    size = size_text(sum(each.size_bytes for each in found))
    took = took_text(sum(each.duration_ms for each in found))
    if not damaged:
        click.echo(f"all well: {read}, {size} in {took}", err=True)
        return
    said = f"{counted(len(damaged), 'backup')} cannot be relied on; {read} read"
    click.echo(f"{said}\nmake a full one now: llmspell backup create", err=True)
