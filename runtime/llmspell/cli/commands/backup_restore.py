"""``llmspell backup restore``: bring back what a backup holds."""

from __future__ import annotations

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_ids import LATEST
from llmspell.cli.commands.backup_options import advising, configured
from llmspell.cli.commands.backup_restoring import Restoring, Wanted
from llmspell.cli.commands.backup_telling import Telling, is_changed
from llmspell.cli.commands.migrate_options import dry_run_option, yes_option
from llmspell.cli.confirm import confirmed
from llmspell.cli.options import Settings, json_option, state_options

__all__ = ["restore"]

_QUOTED = 60


@click.command(
    cls=Command,
    examples=(
        "llmspell backup restore --dry-run",
        "llmspell backup restore 20260131T120000Z-0a1b2c --yes",
        "llmspell backup restore --at '2026-01-31 12:00:00' --scope user:42 --yes",
        "llmspell backup restore --into copy.db --yes",
    ),
)
@click.argument("backup", metavar="[ID]", required=False)
@click.option("--at", metavar="TIME", help="As of this time: 2026-01-31T12:00:00, UTC unless said.")
@click.option("--checkpoint", metavar="NAME", help="As of this checkpoint, by its id or label.")
@click.option("--scope", metavar="SCOPE", help="Only the entries of this scope.")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Only this key of --scope.")
@click.option(
    "--policy",
    type=click.Choice(["replace", "keep", "newer"]),
    default="replace",
    help="Make entries as they were (replace), or bring back only what is missing (keep), or that"
    " and what is newer in the backup (newer). Default: replace.",
)
@click.option("--keep-extra", is_flag=True, help="Leave entries that were not there then.")
@click.option("--no-pre-backup", is_flag=True, help="Do not make a backup of how it is now first.")
@click.option(
    "--into",
    metavar="PATH|URL",
    help="Restore into this store instead; no backup of it is made first.",
)
@click.option("--overwrite", is_flag=True, help="Restore --into a store that is not empty.")
@dry_run_option
@yes_option
@json_option
@state_options
def restore(
    settings: Settings,
    backup: str | None,
    at: str | None,
    checkpoint: str | None,
    scope: str | None,
    keys: tuple[str, ...],
    policy: str,
    keep_extra: bool,
    no_pre_backup: bool,
    into: str | None,
    overwrite: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Bring back what the latest backup holds, or backup ID, or how it was at a point in time.

    The latest (ID may be "latest", too) is one of everything that has entries, and was not made
    before a restore; a newer one that is passed over is named.

    The backup is verified first, and a full backup of how it is now is made, which undoes the
    restore. All is restored, or nothing if anything goes wrong. Entries that were not there then
    are deleted, unless a policy or --keep-extra says otherwise.
    """
    _check(at, checkpoint, scope, keys)
    _check_into(into, overwrite)
    with advising(settings):
        _check_time(at)
    wanted = Wanted(
        backup=None if backup == LATEST else backup,
        at=at,
        checkpoint=checkpoint,
        scope=scope,
        keys=keys or None,
        policy=policy,
        delete_extra=_deletes_extra(keep_extra, policy, into),
        pre_restore_backup=not no_pre_backup,
    )
    telling = Telling(settings, as_json, _selection(wanted), policy, into)
    work = Restoring(wanted, telling, configured(settings))
    if dry_run or not yes:
        planned = work.plan(can_be_full=dry_run or overwrite)
        if dry_run or not is_changed(planned):
            telling.tell(planned, work.newer)
            return 0
        question = telling.question(planned, can_undo=wanted.pre_restore_backup)
        if not confirmed(question, yes=False, as_json=as_json):
            return 1
    done = work.carry_out(can_be_full=overwrite)
    telling.tell(done, work.newer)
    return 0


def _check(
    at: str | None, checkpoint: str | None, scope: str | None, keys: tuple[str, ...]
) -> None:
    if at is not None and checkpoint is not None:
        raise click.UsageError("--at and --checkpoint both name a point in time: give one of them")
    if keys and scope is None:
        raise click.UsageError("--key is a key of a scope: give --scope, too")
    if "" in (at, checkpoint, scope, *keys):
        raise click.UsageError("an option is empty; leave it out to restore everything")


def _check_time(at: str | None) -> None:
    if at is None:
        return
    from llmspell.errors import InvalidArgument
    from llmspell.security.access.moments import moment_us

    try:
        moment_us(at, name="at")
    except InvalidArgument:
        raise InvalidArgument(
            "--at must be a time such as 2026-01-31T12:00:00Z or 2026-01-31 (UTC), not"
            f" {at[:_QUOTED]!r}",
            hint="`llmspell state history` shows when a key was changed",
            parameter="at",
        ) from None


def _deletes_extra(keep_extra: bool, policy: str, into: str | None) -> bool | None:
    """Return whether entries go that were not there then; None leaves that to the restore."""
    if keep_extra:
        return False
    return None if into is None else policy == "replace"  # of another store it wants to be told


def _check_into(into: str | None, overwrite: bool) -> None:
    if into == "":
        raise click.UsageError("--into is empty: it takes a path or a URL")
    if overwrite and into is None:
        raise click.UsageError("--overwrite is about the store of --into: give that, too")


def _selection(wanted: Wanted) -> list[str]:
    from llmspell.cli.commands.backup_words import readable

    chosen = [] if wanted.scope is None else ["--scope", readable(wanted.scope)]
    return chosen + [part for key in wanted.keys or () for part in ("--key", readable(key))]
