"""Restoring: from a chain of backups, and the journal after it, to the entries of a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from time import time_ns
from typing import TYPE_CHECKING, Final, TypeAlias

from llmspell.backup.decisions import Decisions
from llmspell.backup.grants import grants_of
from llmspell.backup.layers import BackupLayer, Layer, spool_journal
from llmspell.backup.manifest_file import check_signature
from llmspell.backup.model import BackupEvent, Manifest
from llmspell.backup.overlay import Overlay
from llmspell.backup.point import Route, find_route, route
from llmspell.backup.restore_options import RestoreOptions
from llmspell.backup.restore_result import RestoreResult, Tally
from llmspell.backup.target import Target
from llmspell.backup.verifying import verify
from llmspell.backup.writable import Writable
from llmspell.errors import (
    BackupDamaged,
    BackupError,
    InvalidArgument,
    LlmSpellError,
    RestoreFailed,
)
from llmspell.store.base import Store
from llmspell.store.changes import NOBODY, RESTORE_RUN, Origin
from llmspell.store.opening import without_ephemeral

if TYPE_CHECKING:
    from llmspell.backup.chain import Catalogue
    from llmspell.backup.sealing import BackupKey

__all__ = ["RestoreOptions", "RestoreResult", "Writable", "find_way", "restore"]

_KeyOf: TypeAlias = "Callable[[Manifest], BackupKey | None]"
_OnEvent: TypeAlias = Callable[[BackupEvent], None]

_NO_OPTIONS: Final = RestoreOptions()
_ANY_PLAIN: Final = Writable()
_MOST_NAMED: Final = 3


def restore(
    store: Store,
    catalogue: Catalogue,
    backup_id: str | None,
    options: RestoreOptions = _NO_OPTIONS,
    *,
    key_of: _KeyOf = lambda manifest: None,
    writable: Writable = _ANY_PLAIN,
    journal: Store | None = None,
    store_id: str | None = None,
    streams: int = 1,
    ignore: Sequence[str] = (),
    origin: Origin = NOBODY,
    on_event: _OnEvent | None = None,
) -> RestoreResult:
    """Bring entries of ``store`` back to what they are in a backup, in one transaction.

    Without an id it is the backup that leads to the point in time of ``options``, or the latest;
    those in ``ignore`` do not count. ``journal`` is the store whose journal tells what came after
    the backups, by default the same, and ``store_id`` what tells that one apart. ``key_of`` returns
    what opens a backup. ``writable`` says what the store takes. Rows of the journal have the run
    id ``restore:`` and the id of the backup.

    Raises BackupNotFound, BackupBaseMissing, BackupDamaged, PointUnreachable, RestoreFailed, and
    what the store raises: then nothing was restored.
    """
    started = time.perf_counter()
    journal = journal or store
    way = find_way(catalogue, backup_id, options, journal, store_id, ignore)
    if options.delete_extra is None and any(each.unreadable for each in way.chain):
        # What is not in it may have been there, and could not be read.
        options = replace(options, delete_extra=False)
    told = _Told(way.chain[-1].id, sum(each.records for each in way.chain), on_event)
    told.say("started", 0)
    keys = {each.id: key_of(each) for each in way.chain}
    for manifest in way.chain:
        check_signature(manifest, keys[manifest.id])
    if options.verify:
        _verify(catalogue, way, keys, streams, on_event)
    tally = Tally(options.dry_run)
    try:
        with ExitStack() as stack:
            target = _target(stack, catalogue, way, options, keys, journal)
            decisions = Decisions(
                stack.enter_context(closing(target.pages())),
                options,
                tally,
                Overlay(),
                writable,
                backup_id=told.backup_id,
                scope=_scope(way, options),
                grants=grants_of(way.chain[-1], keys[told.backup_id]),
                on_progress=told.progress,
            )
            _carry_out(store, decisions, told.backup_id, origin, dry_run=options.dry_run)
            _check_found(tally, target, way, options)
    except OSError as error:
        if isinstance(error, LlmSpellError):
            raise
        raise _no_room(error) from error
    told.say("finished", told.done)
    unreadable = sum(each.unreadable for each in way.chain)
    return _result(told.backup_id, options, tally, target, started, unreadable)


def find_way(
    catalogue: Catalogue,
    backup_id: str | None,
    options: RestoreOptions,
    journal: Store,
    store_id: str | None,
    ignore: Sequence[str] = (),
) -> Route:
    """Return what a restore would read. Raises what it raises before anything is read."""
    if backup_id is None:
        way = find_route(catalogue, options.until, journal, store_id, ignore)
    else:
        way = route(catalogue.chain(backup_id), options.until, journal, store_id)
    _check_scope(way, options)
    return way


@dataclass(slots=True)
class _Told:
    """Who is told how far it has come."""

    backup_id: str
    total: int
    on_event: _OnEvent | None
    done: int = field(default=0, init=False)

    def say(self, kind: str, done: int) -> None:
        if self.on_event is not None:
            self.on_event(BackupEvent(kind, "restore", self.backup_id, done, max(self.total, done)))

    def progress(self, done: int) -> None:
        self.done = done
        self.say("progress", done)


def _check_scope(way: Route, options: RestoreOptions) -> None:
    """Raise InvalidArgument if a scope is asked of a backup of another one."""
    scope, backup_id = way.chain[0].scope, way.chain[0].id
    if scope is not None and options.scope not in (None, scope):
        raise InvalidArgument(
            f"backup {backup_id} is of scope '{scope}' only", parameter="scope", backup=backup_id
        )


def _scope(way: Route, options: RestoreOptions) -> str | None:
    """Return the one scope that is restored; None if it is all of them."""
    return way.chain[0].scope if options.scope is None else options.scope


def _verify(
    catalogue: Catalogue,
    way: Route,
    keys: dict[str, BackupKey | None],
    streams: int,
    on_event: _OnEvent | None,
) -> None:
    """Read everything that will be needed, before anything is locked or written."""
    backup_id = way.chain[-1].id
    found = verify(
        catalogue,
        backup_id,
        lambda manifest: keys[manifest.id],
        streams=streams,
        on_event=on_event,
    )
    if not found.valid:
        more = len(found.problems) - _MOST_NAMED
        named = "; ".join(found.problems[:_MOST_NAMED]) + (f"; and {more} more" * (more > 0))
        raise BackupDamaged(
            f"nothing was restored: backup {backup_id} is damaged: {named}",
            hint="restore from another backup: `llmspell backup list` shows them",
            backup=backup_id,
            problems=found.problems,
        )


def _target(
    stack: ExitStack,
    catalogue: Catalogue,
    way: Route,
    options: RestoreOptions,
    keys: dict[str, BackupKey | None],
    journal: Store,
) -> Target:
    """Return the state to restore, with all that has to be known of it before."""
    layers: list[Layer] = [BackupLayer.of(catalogue, each, keys[each.id]) for each in way.chain]
    position = way.chain[-1].journal
    if way.tail and way.until is not None and position is not None:
        layers.append(stack.enter_context(closing(spool_journal(journal, position.seq, way.until))))
    target = Target(
        layers[0],
        layers[1:],
        Overlay(),
        now_us=time_ns() // 1000,
        until=way.until,
        scope=_scope(way, options),
        keys=None if options.keys is None else frozenset(options.keys),
    )
    target.prepare()
    return target


def _carry_out(
    store: Store, decisions: Decisions, backup_id: str, origin: Origin, *, dry_run: bool
) -> None:
    """Do the work: in one transaction, or for a dry run on a snapshot, without writing."""
    if dry_run:
        with without_ephemeral(store).snapshot() as reader:  # what a restore is shown, too
            for _ in decisions(reader):
                pass
    else:
        store.restore(decisions, origin=origin._replace(run_id=RESTORE_RUN + backup_id))


def _check_found(tally: Tally, target: Target, way: Route, options: RestoreOptions) -> None:
    """Raise RestoreFailed if what was chosen is nowhere: nothing was done, nor meant."""
    scope, backup_id = _scope(way, options), way.chain[-1].id
    if scope is not None and not (tally.met or target.expired):
        what = "" if options.keys is None else f" with key {', '.join(map(repr, options.keys[:3]))}"
        raise RestoreFailed(
            f"there is nothing{what} in scope '{scope}', neither in backup {backup_id} nor in the"
            " store",
            hint="nothing was changed; `llmspell backup show` and `llmspell state scopes` tell"
            " which scopes there are",
            reason="not_there",
            backup=backup_id,
            scope=scope,
        )


def _no_room(error: Exception) -> BackupError:
    return BackupError(
        f"nothing was restored: a temporary file could not be used: {error}",
        hint="make room where temporary files lie (TMPDIR)",
        reason="temporary_file",
    )


def _result(
    backup_id: str,
    options: RestoreOptions,
    tally: Tally,
    target: Target,
    started: float,
    unreadable: int,
) -> RestoreResult:
    is_changed = tally.restored or tally.deleted or tally.grants
    status = "restored" if is_changed else "nothing_to_do"
    point_us = target.last_change_us if options.seq is not None else options.at_us
    return RestoreResult(
        backup_id=backup_id,
        status="dry_run" if options.dry_run else status,
        restored=tally.restored,
        unchanged=tally.unchanged,
        skipped=tally.skipped,
        deleted=tally.deleted,
        failed=tally.failed,
        expired=target.expired,
        grants=tally.grants,
        unreadable=unreadable,
        errors=tuple(tally.errors),
        changes=tuple(tally.changes),
        point_us=point_us,
        duration_ms=round((time.perf_counter() - started) * 1000, 3),
    )
