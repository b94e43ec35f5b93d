"""Backups of the state, and what brings it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Any

from llmspell.errors import CheckpointNotFound, FeatureUnavailable, InvalidArgument
from llmspell.state.core import Scope, StateCore
from llmspell.state.migrations import Migrations
from llmspell.state.scope import scope_text
from llmspell.store.base import Store

if TYPE_CHECKING:
    from llmspell.backup.creating import OnEvent
    from llmspell.backup.health import HealthReport
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.model import Manifest
    from llmspell.backup.restoring import RestoreOptions, RestoreResult, Writable
    from llmspell.backup.retention import RetentionPolicy, RetentionResult
    from llmspell.backup.usage import StorageUsage
    from llmspell.backup.verifying import Verification

__all__ = ["Backups"]


class Backups(Migrations):
    """Making, verifying, restoring and removing backups, for whoever administers the store.

    Each raises ``FeatureUnavailable`` when backups are off, ``AccessDenied`` to one who acts as
    somebody and does not administer the store, and ``BackupError`` when the place where backups
    lie cannot be used.
    """

    def __init__(
        self,
        store: Store,
        *,
        backups: Callable[[StateCore], BackupManager] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(store, **options)
        self._open_backups = backups

    @cached_property
    def backups(self) -> BackupManager:
        """The backups themselves, asked without any check of access."""
        if self._open_backups is None:
            raise FeatureUnavailable(
                "backups are switched off",
                hint="set state.backup.enabled = true",
                key="state.backup.enabled",
            )
        return self._open_backups(self)

    def create_backup(
        self,
        type: str = "full",  # noqa: A002 - it is what everybody calls it
        *,
        base: str | None = None,
        scope: Scope | None = None,
        label: str | None = None,
        skip_unreadable: bool = False,
        on_event: OnEvent | None = None,
    ) -> Manifest:
        """Make a backup and return what is known of it; ``.id`` names it from now on.

        ``full`` has every stored entry, ``scope`` those of one; ``incremental`` what was changed
        since ``base``, by default the last backup but those of one scope; ``differential`` what
        was changed since the last full one. Others may write meanwhile: it shows one moment.
        ``on_event`` gets a ``BackupEvent`` for what is done; what it raises ends the backup, and
        nothing is left of it. ``skip_unreadable`` leaves out values that cannot be decrypted.

        Raises ``InvalidArgument``, ``BackupBaseMissing`` and ``BackupRunning``.
        """
        backups = self._administered()
        text = None if scope is None else scope_text(scope)
        made = backups.create(
            type,
            base=base,
            scope=text,
            label=label,
            skip_unreadable=skip_unreadable,
            on_event=on_event,
        )
        self._record("backup", text, backup=made.id, type=made.type, entries=made.entries)
        return made

    def list_backups(self) -> list[Manifest]:
        """Return the backups, the latest first; damaged ones are in ``backup_health`` alone."""
        return self._administered().list()

    def validate_backup(
        self, backup: str, *, chain: bool = True, on_event: OnEvent | None = None
    ) -> Verification:
        """Read a backup, and what it is made from, and compare it with its checksums.

        What is wrong is in ``problems``. Raises ``BackupNotFound``, ``KeyMissing``, ``WrongKey``.
        """
        return self._administered().verify(backup, chain=chain, on_event=on_event)

    def restore_backup(
        self,
        backup: str | None = None,
        *,
        at: dt.datetime | str | None = None,
        checkpoint: str | None = None,
        scope: Scope | None = None,
        keys: Sequence[str] | None = None,
        policy: str = "replace",
        delete_extra: bool | None = None,
        pre_restore_backup: bool = True,
        dry_run: bool = False,
        on_error: str = "stop",
        into: Backups | None = None,
        on_event: OnEvent | None = None,
    ) -> RestoreResult:
        """Bring back what a backup holds: all of it, or nothing if anything goes wrong.

        Without ``backup`` it is the latest one, or the one that leads to ``at`` (a time) or
        ``checkpoint`` (its id or label): from there what was changed until then is done again.
        ``scope`` and ``keys`` of it restore that alone. ``policy`` decides about entries that are
        there: ``replace`` makes everything as it was, and deletes what came later unless
        ``delete_extra`` is False; ``keep`` restores what is missing, ``newer`` also what is newer
        in the backup. Versions go on: an entry never takes one again that it had before.

        A full backup of how it is now is made first, unless ``pre_restore_backup`` is False or
        there is nothing. ``into`` is another state to restore to. With ``dry_run`` nothing is
        done: ``changes`` tells what would be. ``on_error`` ``skip`` leaves out what cannot be
        restored.

        Raises ``BackupNotFound``, ``BackupBaseMissing``, ``BackupDamaged``, ``PointUnreachable``,
        ``RestoreFailed``, ``CheckpointNotFound``, ``KeyMissing`` and ``WrongKey``.
        """
        backups = self._administered()
        if into is not None:
            if not isinstance(into, Backups):
                raise InvalidArgument(
                    f"argument 'into' must be a StateManager, not {type(into).__name__}",
                    hint="open a Runtime on the other store, and give its .state",
                    parameter="into",
                )
            into._administers()
        text = None if scope is None else scope_text(scope)
        options = self._restore_options(
            at, checkpoint, text, keys, policy, delete_extra, dry_run, on_error
        )
        target = into or self
        result = backups.restore(
            backup,
            options,
            into=None if target is self else target.store,
            writable=target._writable(),
            origin=self._origin(),
            pre_restore_backup=pre_restore_backup,
            on_event=on_event,
        )
        if not dry_run:
            target._record(
                "restore", text, backup=result.backup_id, entries=result.restored + result.deleted
            )
            target._written(time_ns() // 1000)
        return result

    def _writable(self) -> Writable:
        """Return what this state takes of a backup, and how."""
        from llmspell.backup.restoring import Writable

        return Writable(has_key=self.stores_encrypted, encrypts_all=self._encrypts_all)

    def _restore_options(
        self,
        at: dt.datetime | str | None,
        checkpoint: str | None,
        scope: str | None,
        keys: Sequence[str] | None,
        policy: str,
        delete_extra: bool | None,
        dry_run: bool,
        on_error: str,
    ) -> RestoreOptions:
        from llmspell.backup.restoring import RestoreOptions
        from llmspell.security.access.moments import moment_us

        if at is not None and checkpoint is not None:
            raise InvalidArgument(
                "give a time or a checkpoint to restore to, not both", parameter="checkpoint"
            )
        if isinstance(at, dt.datetime) and at.tzinfo is None:
            raise InvalidArgument(
                "argument 'at' has no time zone",
                hint='such as datetime.now(datetime.UTC), or text: "2026-01-31T12:00:00Z"',
                parameter="at",
            )
        if isinstance(keys, str):
            raise InvalidArgument("keys must be a list of keys, not one text", parameter="keys")
        return RestoreOptions(
            policy=policy,
            delete_extra=delete_extra,
            scope=scope,
            keys=None if keys is None else tuple(self._key(key) for key in keys),
            at_us=None if at is None else moment_us(at, name="at"),
            seq=None if checkpoint is None else self._position_of(checkpoint),
            dry_run=dry_run,
            on_error=on_error,
        )

    def _position_of(self, checkpoint: str) -> int:
        self._need_journal("restoring to a checkpoint")
        found = self._checkpoint(checkpoint)
        if found.seq > self._store.span().last:
            raise CheckpointNotFound(
                f"checkpoint {checkpoint!r} lies after the end of the journal",
                hint="the store was put back to an earlier state since",
                checkpoint=checkpoint,
            )
        return found.seq

    def cleanup_backups(
        self,
        *,
        dry_run: bool = False,
        policy: RetentionPolicy | None = None,
        on_event: OnEvent | None = None,
    ) -> RetentionResult:
        """Remove the backups that the retention lets go, and tell what room that gives.

        ``policy`` is the configured one (``[state.backup.retention]``) unless given. What a
        backup that is kept is made from stays, too. Raises ``BackupRunning``.
        """
        backups = self._administered()
        if policy is not None and not callable(getattr(policy, "decide", None)):
            raise InvalidArgument(
                f"argument 'policy' must be a retention policy, not {type(policy).__name__}",
                hint="such as llmspell.backup.TimeBased(timedelta(days=30), min_backups=5)",
                parameter="policy",
            )
        result = backups.prune(policy, dry_run=dry_run, on_event=on_event)
        if not dry_run:
            self._record("delete_backup", backups=len(result.deleted))
        return result

    def delete_backup(self, backup: str) -> None:
        """Remove one backup. Raises ``BackupNotFound``, and ``BackupInUse`` if others need it."""
        self._administered().delete(backup)
        self._record("delete_backup", backup=backup)

    def storage_usage(self) -> StorageUsage:
        """Return how much room the backups take."""
        return self._administered().usage()

    def backup_health(self) -> HealthReport:
        """Return how backups are doing: age of the latest, failures, damage, what is overdue."""
        return self._administered().health()

    def run_due_backups(
        self, *, max_load: float | None = None, on_event: OnEvent | None = None
    ) -> Sequence[Manifest]:
        """Make the backups that are due by the schedule, prune, and return those that were made.

        ``max_load`` is the share of the time a backup may take, if not the configured one.
        """
        made = self._administered().run_due(on_event, max_load=max_load)
        for each in made:
            self._record("backup", backup=each.id, type=each.type, entries=each.entries)
        return made

    def _administered(self) -> BackupManager:
        self._administers()
        return self.backups
