"""``llmspell backup restore``: bring back what a backup holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_options import following, open_backed_up
from llmspell.cli.commands.migrate_options import dry_run_option, yes_option
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from llmspell.backup.restore_result import RestoreResult
    from llmspell.state.manager import StateManager

__all__ = ["restore"]


class _Wanted(NamedTuple):
    """Arguments of ``restore_backup``, under the same names."""

    backup: str | None
    at: str | None
    checkpoint: str | None
    scope: str | None
    keys: tuple[str, ...] | None
    policy: str
    delete_extra: bool | None
    pre_restore_backup: bool


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
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Bring back what the latest backup holds, or backup ID, or how it was at a point in time.

    The backup is verified first, and a full backup of how it is now is made, which undoes the
    restore. All is restored, or nothing if anything goes wrong. Entries that were not there then
    are deleted, unless a policy or --keep-extra says otherwise.
    """
    _check(at, checkpoint, scope, keys)
    wanted = _Wanted(
        backup=backup,
        at=at,
        checkpoint=checkpoint,
        scope=scope,
        keys=keys or None,
        policy=policy,
        delete_extra=False if keep_extra else None,
        pre_restore_backup=not no_pre_backup,
    )
    from llmspell.cli.commands.backup_telling import tell_restored

    with ExitStack() as stack:
        state = stack.enter_context(open_backed_up(settings))
        if dry_run or not yes:
            planned = _planned(settings, state, wanted, into)
            if dry_run or planned.status == "nothing_to_do" or not _has_changes(planned):
                tell_restored(planned, as_json, _selection(wanted))
                return 0
            if not _agreed(planned, into, as_json, can_undo=not no_pre_backup):
                return 1
        done = _restored(state, wanted, stack.enter_context(_target(settings, into)))
    tell_restored(done, as_json, _selection(wanted))
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


def _planned(
    settings: Settings, state: StateManager, wanted: _Wanted, into: str | None
) -> RestoreResult:
    """Find out what would be done; a store that is not there yet is not made for that."""
    with _target(settings, into, only_looking=True) as target:
        return _restored(state, wanted, target, dry_run=True)


def _restored(
    state: StateManager, wanted: _Wanted, target: StateManager | None, *, dry_run: bool = False
) -> RestoreResult:
    options: dict[str, Any] = wanted._asdict()
    with following("looking" if dry_run else "restoring") as follow:
        return state.restore_backup(
            options.pop("backup"), **options, into=target, dry_run=dry_run, on_event=follow
        )


@contextmanager
def _target(
    settings: Settings, into: str | None, *, only_looking: bool = False
) -> Iterator[StateManager | None]:
    if into is None:
        yield None
        return
    from llmspell.cli.commands.backup_into import open_other

    with open_other(settings, into, only_looking=only_looking) as other:
        yield other


def _selection(wanted: _Wanted) -> list[str]:
    from llmspell.cli.commands.backup_words import readable

    chosen = [] if wanted.scope is None else ["--scope", readable(wanted.scope)]
    return chosen + [part for key in wanted.keys or () for part in ("--key", readable(key))]


def _has_changes(planned: RestoreResult) -> bool:
    return bool(planned.restored or planned.deleted)


def _agreed(planned: RestoreResult, into: str | None, as_json: bool, *, can_undo: bool) -> bool:
    from llmspell.cli.commands.backup_telling import counts_text, source_text
    from llmspell.cli.confirm import confirmed

    counts = counts_text(planned, "restore", "delete")
    question = f"would {counts}, {source_text(planned)}"
    if into is not None:
        question += ", in another store"
    elif not can_undo:
        question += ", with no way back"
    return confirmed(question, yes=False, as_json=as_json)
