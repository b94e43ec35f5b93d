"""Migrating what is stored to other versions of its schemas, and what is known of that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Any

from llmspell.errors import FeatureUnavailable, InvalidArgument
from llmspell.state.checks import check_integer
from llmspell.state.core import Scope
from llmspell.state.keys import Keys
from llmspell.state.scope import scope_text
from llmspell.store.base import Ref, Store

if TYPE_CHECKING:
    from llmspell.migration.planner import Planner
    from llmspell.migration.versioning import Versioning
    from llmspell.schema.registry import SchemaRegistry
    from llmspell.state.migrating.records import MigrationRun, RunRecords
    from llmspell.state.migrating.result import MigrationResult, OnEvent

__all__ = ["Migrations"]


class Migrations(Keys):
    """Migrating one entry or many. Each raises ``FeatureUnavailable`` when migrations are off."""

    def __init__(self, store: Store, **options: Any) -> None:
        super().__init__(store, **options)
        if self._versioning is not None and self._versioning.auto:
            from llmspell.state.migrating.loading import Lifting

            self._lifting = Lifting(self, self._versioning)

    @property
    def schemas(self) -> SchemaRegistry:
        """The schemas there are."""
        return self._need_versioning().registry

    @property
    def migrations(self) -> Planner:
        """The migration steps there are, and the ways they make."""
        return self._need_versioning().planner

    def migrate(
        self,
        scope: Scope,
        key: str,
        target: int | str | None = None,
        *,
        dry_run: bool = False,
        allow_unsafe: bool = False,
    ) -> MigrationResult:
        """Bring one entry to a version of its schema, up or down; the latest unless one is named.

        ``target`` is a version (2) or a semantic version ("2.0.0"). It is one write: the entry is
        migrated or as it was. With ``dry_run`` nothing is written. ``allow_unsafe`` takes ways
        that lose data, too. Raises ``KeyNotFound``, ``SchemaError`` when no schema applies,
        ``UnsupportedVersion``, ``MigrationPathMissing``, ``UnsafeMigration`` and
        ``MigrationFailed``.
        """
        ref = Ref(self._updates(scope), self._key(key))
        versioning = self._need_versioning()
        _check_target(target)
        from llmspell.state.migrating.single import migrate_one

        with _measured() as result:
            options = {"is_dry": dry_run, "allow_unsafe": allow_unsafe}
            migrate_one(self, versioning, ref, target, result, **options)
        return result

    def migrate_all(
        self,
        target: int | str | None = None,
        *,
        schema: str | None = None,
        scope: str | None = None,
        key: str | None = None,
        dry_run: bool = False,
        atomic: bool = False,
        allow_unsafe: bool = False,
        backup: bool = True,
        batch_size: int | None = None,
        on_event: OnEvent | None = None,
    ) -> MigrationResult:
        """Bring every entry that schemas apply to to a version: the latest unless one is named.

        ``schema`` takes the entries of one schema only; ``scope`` and ``key`` are patterns in
        which ``*`` stands for any text. Others may read and write meanwhile: what they write is
        never lost. An entry that cannot be migrated stays as it is and is told in ``errors``;
        with ``atomic`` the first one stops the migration, and all that was migrated is brought
        back. ``rollback_migration`` can do that later, for which the journal is kept;
        ``backup=False`` does without. Interrupted or killed, it goes on when it is called again.
        ``on_event`` gets a ``MigrationEvent`` for what is done; what it raises ends the migration.

        Raises ``UnsupportedVersion``, ``MigrationPathMissing`` and ``UnsafeMigration`` before
        anything is changed, and ``MigrationRunning`` when another one is under way.
        """
        self._may_migrate(scope)
        versioning = self._need_versioning()
        _check_target(target)
        if batch_size is not None:
            check_integer("batch_size", batch_size, least=1)
        if not backup and atomic:
            raise InvalidArgument(
                "atomic needs a backup: without one nothing can be brought back",
                hint="leave out backup=False",
                parameter="backup",
            )
        if backup and not dry_run:
            self._need_journal_for_backup()
        from llmspell.state.migrating.running import BulkOptions, MigrationRunner

        options = BulkOptions(
            dry_run, atomic, allow_unsafe, backup, batch_size or versioning.batch_size, on_event
        )
        with _measured() as result:
            selection = self._selection(target, schema, scope, key, result)
            MigrationRunner(self, self._runs, versioning, selection, result, options).run()
        return result

    def rollback_migration(
        self,
        migration: str | None = None,
        *,
        dry_run: bool = False,
        on_event: OnEvent | None = None,
    ) -> MigrationResult:
        """Bring back what a migration of many entries changed: the very bytes that were there.

        ``migration`` is its id; the latest one unless given. What somebody has changed since
        stays as it is and is counted as skipped. Raises ``MigrationNotFound``, also when the
        journal no longer reaches back to it, and ``MigrationRunning``.
        """
        self._administers()
        self._need_versioning()
        self._need_journal("rollback_migration")
        from llmspell.state.migrating.running import run_rollback

        with _measured() as result:
            run_rollback(self, self._runs, migration, result, is_dry=dry_run, on_event=on_event)
        return result

    def migration_history(self, limit: int | None = None) -> list[MigrationRun]:
        """Return the migrations of many entries, the latest first."""
        self._administers()
        self._need_versioning()
        if limit is not None:
            check_integer("limit", limit, least=1)
        return list(self._runs.latest())[:limit]

    def migration_status(self) -> dict[str, Any]:
        """Return how many entries are of which version, and the last migration.

        A map: ``schemas``, by name ``latest``, ``semantic_version``, ``entries`` (by version, as
        text), ``pending`` (how many are not of the latest); ``pending``, of all; ``up_to_date``;
        ``running``, whether a migration is under way; ``last``, the last run if there was any.
        Counts only scopes that the caller may read.
        """
        self._takes_part()
        versioning = self._need_versioning()
        from llmspell.state.migrating.exclusive import is_under_way
        from llmspell.state.migrating.status import status

        is_running = is_under_way(self)
        return status(self._store, versioning, self._readable, self._runs, is_running=is_running)

    def schema_versions(self) -> dict[str, Any]:
        """Return the schemas by name: ``latest``, ``semantic_version`` and ``versions``."""
        self._takes_part()
        versioning = self._need_versioning()
        from llmspell.state.migrating.status import versions

        return versions(versioning)

    @cached_property
    def _runs(self) -> RunRecords:
        from llmspell.state.migrating.records import RunRecords

        return RunRecords(lambda: self._store, self._write_internal)

    def _selection(
        self,
        target: int | str | None,
        schema: str | None,
        scope: str | None,
        key: str | None,
        result: MigrationResult,
    ) -> Any:
        from llmspell.state.migrating.selection import Selection
        from llmspell.state.migrating.targets import targets

        versioning = self._need_versioning()
        wanted = targets(versioning.planner, target, schema, result.warnings)
        for name, pattern in (("scope", scope), ("key", key)):
            if pattern is not None and (not isinstance(pattern, str) or not pattern):
                raise InvalidArgument(
                    f"argument {name!r} must be a pattern such as 'user:*'", parameter=name
                )
        return Selection(versioning, wanted, scope=scope, key=key)

    def _may_migrate(self, scope: str | None) -> None:
        """Raise ``AccessDenied`` to one who may not change what is to be migrated."""
        if isinstance(scope, str) and scope and "*" not in scope:
            self._updates(scope_text(scope))
        else:
            self._administers()

    def _need_journal_for_backup(self) -> None:
        if not self._journal:
            raise FeatureUnavailable(
                "migrating many entries needs the journal, to bring them back if it must be",
                hint="set state.journal.enabled = true, or do without (backup = False,"
                " --no-backup)",
                key="state.journal.enabled",
            )

    def _need_versioning(self) -> Versioning:
        if self._versioning is None:
            raise FeatureUnavailable(
                "schemas and migrations are switched off",
                hint="set state.migration.enabled = true",
                key="state.migration.enabled",
            )
        return self._versioning


@contextmanager
def _measured() -> Iterator[MigrationResult]:
    from llmspell.state.migrating.records import new_id
    from llmspell.state.migrating.result import MigrationResult

    started = time.perf_counter()
    result = MigrationResult(new_id(time_ns() // 1000))
    yield result
    result.duration_ms = round((time.perf_counter() - started) * 1000, 3)


def _check_target(target: object) -> None:
    if target is None or isinstance(target, str) or (type(target) is int and target > 0):
        return
    raise InvalidArgument(
        "argument 'target' must be a version: 2, or \"2.0.0\"", parameter="target"
    )
