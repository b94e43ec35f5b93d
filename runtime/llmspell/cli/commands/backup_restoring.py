"""Planning a restore, and carrying it out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from llmspell.cli.commands.backup_advice import newer_than, with_advice
from llmspell.cli.commands.backup_ids import proper_id
from llmspell.cli.commands.backup_lost import check_named
from llmspell.cli.commands.backup_options import following, open_backed_up
from llmspell.cli.store_access import without_making

if TYPE_CHECKING:
    from llmspell.backup.restore_result import RestoreResult
    from llmspell.cli.commands.backup_telling import Telling
    from llmspell.config import Config
    from llmspell.state.manager import StateManager

__all__ = ["Restoring", "Wanted"]


class Wanted(NamedTuple):
    """Arguments of ``restore_backup``, under the same names."""

    backup: str | None
    at: str | None
    checkpoint: str | None
    scope: str | None
    keys: tuple[str, ...] | None
    policy: str
    delete_extra: bool | None
    pre_restore_backup: bool


class Restoring:
    """One restore, to be planned, or carried out, or both.

    ``newer`` tells of a newer backup than the one that was taken as the latest; people have been
    told of it. With ``can_be_full`` another store that is restored into may have entries.
    """

    newer: str | None = None

    def __init__(self, wanted: Wanted, telling: Telling, config: Config) -> None:
        self._wanted, self._telling, self._config = wanted, telling, config

    def plan(self, *, can_be_full: bool) -> RestoreResult:
        """Find out what would be done; a store that is not there yet is not made for that."""
        with self._opened(without_making(self._config)) as state:
            return self._restored(state, can_be_full=can_be_full, dry_run=True)

    def carry_out(self, *, can_be_full: bool) -> RestoreResult:
        """Restore."""
        check_named(self._telling.settings, self._config, self._wanted.backup)
        with self._opened(self._config) as state:
            return self._restored(state, can_be_full=can_be_full)

    @contextmanager
    def _opened(self, config: Config) -> Iterator[StateManager]:
        with (
            open_backed_up(self._telling.settings, config) as state,
            with_advice(state, self._wanted.keys),
        ):
            if self._wanted.backup is not None:
                proper_id(state.backups, self._wanted.backup)
            yield state

    def _restored(
        self, state: StateManager, *, can_be_full: bool, dry_run: bool = False
    ) -> RestoreResult:
        options: dict[str, Any] = self._wanted._asdict()
        with (
            self._target(only_looking=dry_run, can_be_full=can_be_full) as target,
            following("looking" if dry_run else "restoring") as follow,
        ):
            result = state.restore_backup(
                options.pop("backup"), **options, into=target, dry_run=dry_run, on_event=follow
            )
        self._tell_newer(state, result)
        return result

    @contextmanager
    def _target(self, *, only_looking: bool, can_be_full: bool) -> Iterator[StateManager | None]:
        into = self._telling.into
        if into is None:
            yield None
            return
        from llmspell.cli.commands.backup_into import check_empty, open_other

        with open_other(self._telling.settings, into, only_looking=only_looking) as other:
            if not can_be_full:
                check_empty(other, into)
            yield other

    def _tell_newer(self, state: StateManager, result: RestoreResult) -> None:
        wanted = self._wanted
        is_latest = wanted.backup is None and wanted.at is None and wanted.checkpoint is None
        if is_latest and self.newer is None:
            made = result.pre_restore_backup_id
            self.newer = newer_than(state.backups, result.backup_id, made)
            self._telling.tell_newer(self.newer)
