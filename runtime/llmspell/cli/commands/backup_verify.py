"""``llmspell backup verify``: read backups and compare them with their checksums."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_again import again
from llmspell.cli.commands.backup_ids import LATEST, id_of
from llmspell.cli.commands.backup_options import chain_option, following, open_backups
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.model import BackupEvent
    from llmspell.backup.verifying import Verification

__all__ = ["verify"]


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
    """Check every byte of the latest backup, or of backup ID, and of all it is made from.

    The latest is the one that a restore takes. Nothing is restored, and the store is not needed.
    Every file that is damaged or missing is named, and ends with exit code 1.
    """
    if everything and (backup is not None or alone):
        raise click.UsageError("--all verifies every backup: leave ID and --no-chain out")
    with open_backups(settings) as backups, following("verifying") as follow:
        if everything:
            found = _verify_all(backups, follow)
        else:
            wanted = id_of(backups, backup or LATEST)
            found = [backups.verify(wanted, chain=not alone, on_event=follow)]
    is_whole = all(each.valid for each in found)
    if as_json:
        from llmspell.cli.jsontext import print_json

        told = [each.to_dict() for each in found]
        print_json({"ok": is_whole, **({"backups": told} if everything else told[0])})
    else:
        _tell(settings, found, everything)
    return 0 if is_whole else 1


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


def _tell(settings: Settings, found: list[Verification], everything: bool) -> None:
    from llmspell.cli.commands.backup_words import size_text, took_text
    from llmspell.cli.report import printable
    from llmspell.cli.table import counted

    for each in found:
        for problem in each.problems:
            click.echo(printable(f"{each.id}: {problem}"))
    damaged = [each.id for each in found if not each.valid]
    chunks = counted(sum(each.chunks for each in found), "chunk")
    size = size_text(sum(each.size_bytes for each in found))
    took = took_text(sum(each.duration_ms for each in found))
    what = _all_text(found) if everything else _one_text(found[0])
    if not damaged:
        click.echo(f"all well: {what}, {chunks}, {size} in {took}", err=True)
        return
    click.echo(
        f"{counted(len(damaged), 'backup')} cannot be relied on; read: {what}, {chunks}", err=True
    )
    click.echo(f"if the store is well, make a full one now: {again(settings, 'create')}", err=True)


def _all_text(found: list[Verification]) -> str:
    from llmspell.cli.table import counted

    return counted(sum(len(each.backups) for each in found), "backup")


def _one_text(found: Verification) -> str:
    others = len(found.backups) - 1
    return f"backup {found.id}" + (f" and {others:,} that it is made from" if others > 0 else "")
