"""Bringing back what a migration changed: the very bytes that were there before it."""

from __future__ import annotations

from collections.abc import Iterator
from time import time_ns
from typing import TYPE_CHECKING, Final

from llmspell.errors import MigrationNotFound, VersionConflict
from llmspell.state.migrating.pace import Pace
from llmspell.state.migrating.records import MigrationRun
from llmspell.state.migrating.result import MAX_LISTED, MigrationEvent, MigrationResult, OnEvent
from llmspell.store.base import Put, Ref, Row, Store
from llmspell.store.changes import RESTORE_RUN, Change

if TYPE_CHECKING:
    from llmspell.state.migrating.writer import BatchWriter

__all__ = ["check_reachable", "is_reachable", "roll_back", "writes_of_rollback"]

_PAGE: Final = 1000


def is_reachable(store: Store, run: MigrationRun) -> bool:
    """Tell whether the journal has what a run replaced."""
    return run.seq is not None and store.span().floor <= run.seq


def check_reachable(store: Store, run: MigrationRun) -> None:
    """Raise ``MigrationNotFound`` if the journal no longer has what a run replaced."""
    if run.seq is None:
        raise MigrationNotFound(
            f"migration {run.id} was made without the journal: it cannot be rolled back",
            hint="migrate down instead, if there are steps for that",
            id=run.id,
        )
    if not is_reachable(store, run):
        raise MigrationNotFound(
            f"the journal no longer reaches back to migration {run.id}",
            hint="migrate down instead; state.migration.rollback_days keeps it longer",
            id=run.id,
        )


def writes_of_rollback(run: MigrationRun) -> str:
    """Return what writes that bring back a run are recorded with: they are not the run's own."""
    return f"{run.id}:rollback"


def roll_back(
    run: MigrationRun,
    writer: BatchWriter,
    result: MigrationResult,
    *,
    is_dry: bool = False,
    on_event: OnEvent | None = None,
) -> None:
    """Put back what each entry was before the run wrote it; ``result`` counts it.

    An entry that somebody has changed since stays as he left it, and is told as skipped. A
    rollback that was interrupted can be done again.
    """
    store = writer.store
    check_reachable(store, run)
    end = store.span().last
    begin = run.seq or 0
    pace = Pace(_PAGE)
    for changes, place in _changes_of(store, run, end, pace):
        puts = list(_back(store, changes, run, result, pace))
        result.items_checked += len(changes)
        if not is_dry:
            puts = _written(writer, puts, result)
        result.items_migrated += len(puts)
        if on_event is not None:
            done, total = place - begin, max(1, end - begin)
            on_event(MigrationEvent("rolled_back", run.id, done, total))


def _changes_of(
    store: Store, run: MigrationRun, end: int, pace: Pace
) -> Iterator[tuple[list[Change], int]]:
    """Yield what a run wrote, page by page, with the place in the journal."""
    after = run.seq or 0
    while after < end and (page := store.changes(after, limit=_PAGE, values=False)):
        after = page[-1].seq
        own = [change for change in page if _is_of(change, run)]
        while own:
            some, own = own[: pace.limit], own[pace.limit :]
            yield some, after if not own else some[-1].seq


def _is_of(change: Change, run: MigrationRun) -> bool:
    """Tell whether the run made a change; what a restore brings back has its id, too."""
    is_restored = (change.run_id or "").startswith(RESTORE_RUN)
    return change.op == "put" and change.correlation_id == run.id and not is_restored


def _back(
    store: Store, changes: list[Change], run: MigrationRun, result: MigrationResult, pace: Pace
) -> Iterator[Put]:
    former = store.recall([change.previous for change in changes if change.previous is not None])
    rows = store.read([Ref(change.scope, change.key) for change in changes])
    pace.saw([row for row in rows if row is not None])
    now = time_ns() // 1000
    again = _like_left(store, changes, rows, run)
    for change, row in zip(changes, rows, strict=True):
        then = former.get(change.previous or 0)
        is_as_left = row is not None and (row.version == change.version or change.seq in again)
        if row is None or not is_as_left or then is None or then.op != "put":
            # What the run itself, or a rollback that was broken off, wrote last is no news.
            if row is None or _is_foreign(store, row, run):
                _skip(change, row, result)
            continue
        yield Put(
            row.scope,
            row.key,
            then.blob,
            now,
            then.schema_version,
            then.state_class,
            then.expires_at,
            row.version,
        )


def _like_left(
    store: Store, changes: list[Change], rows: list[Row | None], run: MigrationRun
) -> set[int]:
    """Return those changes whose entries were written since, and hold again what the run wrote.

    So it is when a later migration has been brought back before this one.
    """
    since = [
        (change, row)
        for change, row in zip(changes, rows, strict=True)
        if row is not None and row.version != change.version and _is_foreign(store, row, run)
    ]
    written = store.recall([change.seq for change, _ in since]) if since else {}
    return {
        change.seq
        for change, row in since
        if (made := written.get(change.seq)) is not None
        and (made.blob, made.schema_version, made.state_class, made.expires_at)
        == (row.blob, row.schema_version, row.state_class, row.expires_at)
    }


def _is_foreign(store: Store, row: Row, run: MigrationRun) -> bool:
    """Tell whether neither the run nor its rollback wrote an entry as it is.

    What a restore put back has the correlation id that it had.
    """
    if row.correlation_id not in _own(run):
        return True
    last = store.history(Ref(row.scope, row.key), limit=1, values=False)
    return bool(last) and (last[0].run_id or "").startswith(RESTORE_RUN)


def _own(run: MigrationRun) -> tuple[str, str]:
    return run.id, writes_of_rollback(run)


def _written(writer: BatchWriter, puts: list[Put], result: MigrationResult) -> list[Put]:
    """Write them all, or else one by one those that nobody has changed meanwhile."""
    if not puts:
        return []
    try:
        writer.write(puts)
    except VersionConflict:
        done = []
        for put in puts:
            try:
                writer.write([put])
                done.append(put)
            except VersionConflict:
                _warn(result, put.scope, put.key)
                result.items_skipped += 1
        return done
    return puts


def _skip(change: Change, row: Row | None, result: MigrationResult) -> None:
    result.items_skipped += 1
    if row is not None:
        _warn(result, change.scope, change.key)


def _warn(result: MigrationResult, scope: str, key: str) -> None:
    if len(result.warnings) < MAX_LISTED:
        result.warnings.append(
            f"key {key!r} in scope '{scope}' was changed since the migration: it stays as it is"
        )
