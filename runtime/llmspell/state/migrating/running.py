"""A migration of many entries from its beginning to its end, with all that is recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from time import time_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from llmspell.errors import MigrationNotFound
from llmspell.state.migrating.bulk import BulkMigration, Stopped
from llmspell.state.migrating.converter import Converter
from llmspell.state.migrating.exclusive import Superseded, exclusively
from llmspell.state.migrating.records import MigrationRun
from llmspell.state.migrating.result import MigrationEvent, MigrationResult, OnEvent
from llmspell.state.migrating.rollback import (
    check_reachable,
    is_reachable,
    roll_back,
    writes_of_rollback,
)
from llmspell.state.migrating.writer import BatchWriter

if TYPE_CHECKING:
    from llmspell.migration.versioning import Versioning
    from llmspell.state.leases import Leases
    from llmspell.state.migrating.records import RunRecords
    from llmspell.state.migrating.selection import Selection

__all__ = ["BulkOptions", "MigrationRunner", "run_rollback"]

#: A run that was broken off is taken up again if it is among the last ones.
_LOOKED_AT: Final = 20
_BROKEN_OFF: Final = frozenset({"running", "interrupted"})
#: Until it ends; then it is what the configuration says.
_WHILE_RUNNING_US: Final = 365 * 24 * 3600 * 1_000_000


class BulkOptions(NamedTuple):
    """How a migration of many entries is done; see ``StateManager.migrate_all``."""

    dry_run: bool
    atomic: bool
    allow_unsafe: bool
    backup: bool
    batch_size: int
    on_event: OnEvent | None


class MigrationRunner:
    """Migrates what is selected and tells it in ``result``."""

    def __init__(
        self,
        state: Leases,
        runs: RunRecords,
        versioning: Versioning,
        selection: Selection,
        result: MigrationResult,
        options: BulkOptions,
    ) -> None:
        self._state, self._versioning, self._selection = state, versioning, selection
        self._result, self._options = result, options
        self._runs = runs
        self._before = 0
        self._from: dict[str, list[int]] = {}
        reached = set(selection.targets.values())
        result.schemas = sorted(selection.targets)
        result.to_version = reached.pop() if len(reached) == 1 else None

    def run(self) -> None:
        """Do all of it. Raises what planning raises before anything is changed."""
        if self._options.dry_run:
            work = self._work(None)
            self._begin(work)
            work.run()
            self._end(work, "dry_run")
            return
        with exclusively(self._state, self._runs) as alive:
            run = self._broken_off()
            if run is not None:
                self._result.id = run.id
            work = self._work(alive)
            self._begin(work)
            if not work.total and run is None:
                self._end(work, "nothing_to_do")
            else:
                self._recorded(work, run or self._new_run(), alive)

    def _work(self, alive: Callable[[], None] | None) -> BulkMigration:
        state, options = self._state, self._options
        converter = Converter(
            self._versioning.planner,
            self._selection.targets,
            state._migrated_blob,
            standard_encoder=state._standard_encoder,
            allow_unsafe=options.allow_unsafe,
        )
        self._writer = writer = BatchWriter(
            state, correlation_id=self._result.id, alive=alive, remembers=options.atomic
        )
        return BulkMigration(
            converter,
            self._selection,
            self._result,
            writer,
            batch_size=options.batch_size,
            is_dry=options.dry_run,
            atomic=options.atomic,
            on_event=options.on_event,
        )

    def _begin(self, work: BulkMigration) -> None:
        pending = work.prepare()
        for family, version in sorted(pending):
            self._from.setdefault(family, []).append(version)
        versions = {version for _, version in pending}
        self._result.from_version = versions.pop() if len(versions) == 1 else None
        self._tell("started", 0, work.total)

    def _end(self, work: BulkMigration, status: str) -> None:
        self._result.status = status  # type: ignore[assignment]  # it is one of them
        self._tell("finished", work.total, work.total)

    def _tell(self, kind: str, done: int, total: int) -> None:
        if self._options.on_event is not None:
            self._options.on_event(MigrationEvent(kind, self._result.id, done, total))

    def _recorded(self, work: BulkMigration, run: MigrationRun, alive: Callable[[], None]) -> None:
        """Do the work and record how it ends, whatever happens."""
        self._runs.end_abandoned(run.id, self._versioning.rollback_us)
        self._before, run.status = run.items_migrated, "running"
        self._runs.save(run, _now() + _WHILE_RUNNING_US if self._options.backup else None)
        try:
            self._carried_out(work, run, alive)
        except Superseded:
            raise  # who goes on with it records what becomes of it
        except BaseException:
            self._close(run)
            raise
        self._close(run)
        self._runs.forget_old()
        self._end(work, run.status)

    def _carried_out(
        self, work: BulkMigration, run: MigrationRun, alive: Callable[[], None]
    ) -> None:
        """Do the work, or undo it where that is asked for; the run tells how it ended."""
        run.status = "interrupted"  # unless it comes to an end
        try:
            work.run()
            run.status = "partial" if self._result.items_failed else "completed"
        except Superseded:
            raise
        except Stopped:
            self._undo(run, alive)
        except BaseException:
            if run.atomic:
                self._undo(run, alive)
            raise

    def _undo(self, run: MigrationRun, alive: Callable[[], None]) -> None:
        _bring_back(self._state, run, MigrationResult(run.id), alive)
        self._writer.put_back()
        run.status = "rolled_back"
        self._before = self._result.items_migrated = 0

    def _close(self, run: MigrationRun) -> None:
        run.items_migrated = self._before + self._result.items_migrated
        run.items_failed, run.steps = self._result.items_failed, self._result.steps
        _close(self._state, self._runs, run, self._versioning.rollback_us)

    def _broken_off(self) -> MigrationRun | None:
        """Return a run with the same aim that somebody broke off: it is taken up again.

        One that can be brought back no longer is not, where that may have to be done.
        """
        wanted, options = self._selection.told(), self._options
        for run in islice(self._runs.latest(), _LOOKED_AT):
            if run.status in _BROKEN_OFF and run.selection == wanted:
                if options.backup and not is_reachable(self._state.store, run):
                    return None
                return run.taken_up(atomic=options.atomic)
        return None

    def _new_run(self) -> MigrationRun:
        seq = self._state.store.span().last if self._options.backup else None
        return MigrationRun(
            self._result.id,
            _now(),
            self._selection.told(),
            seq,
            atomic=self._options.atomic,
            actor=self._state._origin().actor,
            from_versions=self._from,
        )


def run_rollback(
    state: Leases,
    runs: RunRecords,
    id_: str | None,
    result: MigrationResult,
    *,
    is_dry: bool,
    on_event: OnEvent | None,
) -> None:
    """Bring back what a run changed."""
    with exclusively(state, runs) as alive:
        run = _run_to_bring_back(state, runs, id_)
        result.id, result.schemas = run.id, sorted(run.targets)
        if is_dry:
            _bring_back(state, run, result, alive, is_dry=True, on_event=on_event)
            result.status = "dry_run"
            return
        former, run.status = run.status, "rolling_back"
        runs.save(run)
        _bring_back(state, run, result, alive, on_event=on_event)
        if result.items_skipped and not result.items_migrated and former != "rolling_back":
            # It may be that a later migration has to be brought back first.
            run.status, result.status = former, "nothing_to_do"
            runs.save(run)
            return
        run.status = result.status = "rolled_back"
        _close(state, runs, run, 0)


def _bring_back(
    state: Leases,
    run: MigrationRun,
    result: MigrationResult,
    alive: Callable[[], None],
    *,
    is_dry: bool = False,
    on_event: OnEvent | None = None,
) -> None:
    writer = BatchWriter(state, correlation_id=writes_of_rollback(run), alive=alive)
    roll_back(run, writer, result, is_dry=is_dry, on_event=on_event)


def _close(state: Leases, runs: RunRecords, run: MigrationRun, rollback_us: int) -> None:
    run.ended_us = _now()
    runs.save(run, 0 if run.status == "rolled_back" else run.ended_us + rollback_us)
    state._record("migrate", id=run.id, status=run.status, entries=run.items_migrated)


def _run_to_bring_back(state: Leases, runs: RunRecords, id_: str | None) -> MigrationRun:
    if id_ is None:
        able = (run for run in runs.latest() if _changed_something(run))
        run = max(able, key=lambda run: run.ended_us or run.started_us, default=None)
    else:
        run = runs.find(id_) if isinstance(id_, str) else None
    if run is None:
        which = "that can be rolled back" if id_ is None else f"{id_!r}"
        raise MigrationNotFound(
            f"there is no migration {which}",
            hint="`llmspell migrate history` lists those of many entries; one that migrated a"
            " single entry is undone with `revert`",
        )
    if run.status == "rolled_back":
        raise MigrationNotFound(
            f"migration {run.id} has been rolled back already", hint="nothing was changed"
        )
    check_reachable(state.store, run)
    return run


def _changed_something(run: MigrationRun) -> bool:
    """Tell whether there may be something of a run to bring back."""
    if run.status == "rolled_back":
        return False
    return run.items_migrated > 0 or run.status in (*_BROKEN_OFF, "rolling_back")


def _now() -> int:
    return time_ns() // 1000
