"""Everything about the backups of one place: making, verifying, restoring, removing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Final

from llmspell.backup.creating import OnEvent
from llmspell.backup.identity import store_id_of
from llmspell.backup.making import BackupMaker
from llmspell.backup.meant import check_not_lost, found_damaged, not_meant, of_store, words_for
from llmspell.backup.model import BEFORE_RESTORE, Manifest, check_id
from llmspell.backup.place import Surroundings
from llmspell.errors import (
    BackupBaseMissing,
    BackupError,
    InvalidArgument,
    LlmSpellError,
    StorageError,
)
from llmspell.store.changes import NOBODY, Origin

if TYPE_CHECKING:
    from llmspell.backup.archive import ExportResult
    from llmspell.backup.archive_import import ImportResult
    from llmspell.backup.health import HealthReport
    from llmspell.backup.restoring import RestoreOptions, RestoreResult, Writable
    from llmspell.backup.retention import RetentionPlan, RetentionPolicy, RetentionResult
    from llmspell.backup.schedule import Schedule
    from llmspell.backup.settings import BackupSettings
    from llmspell.backup.usage import StorageUsage
    from llmspell.backup.verifying import Verification
    from llmspell.store.base import Store

__all__ = ["BackupManager", "Surroundings"]

_LONG_CHAIN: Final = 500
_YEAR_US: Final = 365 * 24 * 3600 * 1_000_000


class BackupManager(BackupMaker):
    """The backups in one place, and the store they are of.

    May be used from any thread. Who makes, removes or restores holds the place's lock meanwhile;
    reading needs none. Every method raises ``BackupError`` when the place cannot be used.
    """

    def __init__(
        self,
        settings: BackupSettings,
        around: Surroundings,
        *,
        policy: Callable[[], RetentionPolicy],
        schedule: Callable[[], Schedule],
        keep_journal_us: int = 0,
    ) -> None:
        super().__init__(settings, around, keep_journal_us)
        self._policy, self._schedule = policy, schedule

    # Looking --------------------------------------------------------------------------------

    def list(self) -> list[Manifest]:
        """Return all backups, the latest first. Those that are damaged are in ``damaged``."""
        return self.catalogue().manifests()

    def latest(self) -> Manifest | None:
        """Return the backup that a restore means if none is named; None if there is none.

        That is the latest of everything that has anything in it, without those that were made
        before a restore: as long as there is another one.
        """
        manifests = self.list()
        ignored = not_meant(manifests)
        found = (each for each in manifests if each.type != "scope" and each.id not in ignored)
        return next(found, None)

    def get(self, backup_id: str) -> Manifest:
        """Return one backup's manifest. Raises ``BackupNotFound`` and ``BackupDamaged``."""
        return self.catalogue().get(check_id(backup_id))

    def verify(
        self, backup_id: str, *, chain: bool = True, on_event: OnEvent | None = None
    ) -> Verification:
        """Read a backup, and with ``chain`` all it needs, and compare it with its checksums.

        What is wrong is in ``problems`` of the result. An encrypted one is opened, too; raises
        ``KeyMissing`` and ``WrongKey`` if that cannot be. Nothing is restored, no store is opened.
        """
        from llmspell.backup.verifying import verify

        with self._noted("verify", check_id(backup_id)) as noted:
            found = verify(
                self.catalogue(),
                backup_id,
                self.key_of,
                streams=self._settings.streams,
                chain=chain,
                on_event=on_event,
            )
            noted["ok"] = found.valid
            noted["bytes"] = found.size_bytes
        return found

    def usage(self) -> StorageUsage:
        """Return how much room the backups take."""
        from llmspell.backup.usage import storage_usage

        return storage_usage(self.repository, self.list())

    def health(self) -> HealthReport:
        """Return how well backups are doing: age, failures, damage, what is overdue."""
        from llmspell.backup.health import health

        catalogue = self.catalogue()
        manifests = catalogue.manifests()
        return health(
            self.repository, manifests, catalogue.damaged, self._schedule(), time_ns() // 1000
        )

    # Restoring ------------------------------------------------------------------------------

    def restore(
        self,
        backup_id: str | None = None,
        options: RestoreOptions | None = None,
        *,
        into: Store | None = None,
        writable: Writable | None = None,
        origin: Origin = NOBODY,
        pre_restore_backup: bool = True,
        on_event: OnEvent | None = None,
    ) -> RestoreResult:
        """Bring back what a backup holds, all of it or nothing.

        Without an id it is the latest that reaches the point in time of ``options``, or the
        latest at all. ``into`` is another store than the one backups are made of; ``writable``
        says what the store that is restored to takes, and ``origin`` whom it belongs to.
        ``pre_restore_backup`` makes a full backup first, if there is anything to lose.

        Raises ``BackupNotFound``, ``BackupBaseMissing``, ``BackupDamaged`` (nothing is restored
        of a chain that is damaged anywhere), ``PointUnreachable``, ``RestoreFailed``, ``WrongKey``
        and ``KeyMissing``. After any of them everything is as it was.
        """
        from llmspell.backup.restoring import RestoreOptions, Writable, find_way, restore

        options = options or RestoreOptions()
        if backup_id is not None:
            check_id(backup_id)
        self._check_keys(backup_id)
        if into is not None:
            _check_meant(into, options)
        own = self._around.store()
        store, store_id = into or own, _known_id(own, is_needed=into is None)
        with self._lock_to_read(), self._noted("restore", backup_id) as noted:
            catalogue = self.catalogue()
            ignore = () if options.until else not_meant(catalogue.manifests())
            find_way(catalogue, backup_id, options, own, store_id, ignore)
            before = None
            if pre_restore_backup and into is None and not options.dry_run and store.scopes():
                label = BEFORE_RESTORE + words_for(backup_id, options)
                before = self._create("full", label=label, skip_unreadable=True).id
            try:
                result = restore(
                    store,
                    catalogue,
                    backup_id,
                    options,
                    key_of=self._key_to_restore,
                    writable=writable or Writable(has_key=self._around.ring() is not None),
                    journal=own,
                    store_id=store_id,
                    origin=origin,
                    streams=self._settings.streams,
                    ignore=ignore if before is None else (*ignore, before),
                    on_event=on_event,
                )
            except LlmSpellError as error:
                # After a failure of the medium nobody knows for certain what it has done.
                if not isinstance(error, StorageError):
                    self._forget(before)
                raise
            noted["id"] = result.backup_id
            if result.status == "nothing_to_do":
                self._forget(before)
                before = None
        return replace(result, pre_restore_backup_id=before)

    def _forget(self, before: str | None) -> None:
        """Remove the backup that was made before a restore which then changed nothing."""
        if before is not None:
            with suppress(BackupError):
                self.repository.delete(before)

    # Removing -------------------------------------------------------------------------------

    def prune(
        self,
        policy: RetentionPolicy | None = None,
        *,
        dry_run: bool = False,
        on_event: OnEvent | None = None,
    ) -> RetentionResult:
        """Remove the backups that no policy keeps and no kept one needs.

        ``policy`` is the configured one unless given. Raises ``BackupRunning``.
        """
        from llmspell.backup.retention import prune

        policy = policy or self._policy()
        if dry_run:
            return prune(self.repository, self._planned(policy), dry_run=True)
        with self.repository.lock("remove old backups"), self._noted("prune") as noted:
            self.repository.tidy()
            result = prune(self.repository, self._planned(policy), on_event=on_event)
            noted["bytes"] = result.freed_bytes
        return result

    def _planned(self, policy: RetentionPolicy) -> RetentionPlan:
        from llmspell.backup.retention import plan_retention

        catalogue = self.catalogue()
        manifests = catalogue.manifests()
        return plan_retention(
            policy,
            manifests,
            time_ns() // 1000,
            unreadable=tuple(catalogue.damaged),
            doubtful=found_damaged(self.repository.log()),
        )

    def delete(self, backup_id: str) -> Manifest | None:
        """Remove one backup; return what it was, None if its manifest was damaged.

        Raises ``BackupNotFound``, and ``BackupInUse`` while others are made from it.
        """
        from llmspell.backup.bases import check_not_needed

        check_id(backup_id)
        with self.repository.lock("remove a backup"), self._noted("delete", backup_id):
            catalogue = self.catalogue()
            check_not_needed(catalogue, backup_id)
            found = None if backup_id in catalogue.damaged else catalogue.get(backup_id)
            self.repository.delete(backup_id)
        return found

    # Carrying them elsewhere ----------------------------------------------------------------

    def export(
        self,
        backup_id: str,
        file: Path | str,
        *,
        chain: bool = True,
        on_event: OnEvent | None = None,
    ) -> ExportResult:
        """Write a backup, and with ``chain`` all it is made from, to a tar file.

        An encrypted one stays encrypted. The file appears when it is complete. Raises
        ``BackupNotFound``, ``BackupBaseMissing`` and ``BackupDamaged``.
        """
        from llmspell.backup.archive import export_archive

        catalogue = self.catalogue()
        check_id(backup_id)
        found = catalogue.chain(backup_id) if chain else [catalogue.get(backup_id)]
        return export_archive(self.repository, found, Path(file), on_event=on_event)

    def import_(self, file: Path | str, *, on_event: OnEvent | None = None) -> ImportResult:
        """Take the backups of an exported file in, all that are not there already, or none.

        Everything in the file is checked first. Raises ``BackupDamaged`` if anything is wrong
        with it, ``BackupError`` if a backup is there that is another one of the same id.
        """
        from llmspell.backup.archive_import import import_archive

        with self.repository.lock("import backups"):
            self.repository.tidy()
            return import_archive(self.catalogue(), Path(file), on_event=on_event)

    # When it is time ------------------------------------------------------------------------

    @property
    def schedule(self) -> Schedule:
        """When backups are due. Raises ``ConfigError``."""
        return self._schedule()

    def run_due(
        self, on_event: OnEvent | None = None, *, max_load: float | None = None
    ) -> Sequence[Manifest]:
        """Make the backups that are due, prune if the schedule says so, and return them.

        Before a full or differential one an incremental one is made, where the schedule has
        those: it holds what was changed meanwhile, step by step. A full one takes the place of
        one that cannot be made from an earlier one any more, or whose chain grows beyond five
        hundred. ``max_load`` is as for ``create``. Raises ``ConfigError`` without a schedule.
        """
        schedule = self._schedule()
        schedule.check_not_empty()
        store = self._around.store()
        check_not_lost(store, self.latest())
        own = of_store(self.list(), store_id_of(store))
        create = partial(self.create, max_load=max_load, on_event=on_event)
        made = []
        for due in schedule.due(own, self.repository.log(), time_ns() // 1000):
            if due.type == "incremental" and any(len(each.chain) > _LONG_CHAIN for each in own[:1]):
                made.append(create("full"))
                continue
            try:
                if due.type != "incremental" and "incremental" in schedule.entries:
                    made.append(create("incremental"))
            except BackupBaseMissing:
                made.append(create("full"))
                continue
            made.append(_made_or_full(create, due.type))
        if made and schedule.prune:
            self.prune(on_event=on_event)
        return made

    def _check_keys(self, backup_id: str | None) -> None:
        """Raise what a wrong key raises, before a store is made that would have a ring of it."""
        if not self._around.exists():
            catalogue, latest = self.catalogue(), self.latest()
            if backup_id is not None:
                chain = catalogue.chain(backup_id)
            else:
                chain = [] if latest is None else [latest]
            for manifest in chain:
                self.key_of(manifest)

    def next_due(self) -> int:
        """Return when a backup is due next, in microseconds since the epoch. A year at most."""
        now = time_ns() // 1000
        times = [at_us for _, at_us in self._schedule().next(now)]
        return min(times, default=now + _YEAR_US)


def _made_or_full(create: Callable[[str], Manifest], type_: str) -> Manifest:
    try:
        return create(type_)
    except BackupBaseMissing:
        return create("full")


def _check_meant(into: Store, options: RestoreOptions) -> None:
    """Raise InvalidArgument if entries of another store would go without a word about them."""
    if options.deletes and options.delete_extra is None and into.walk(limit=1):
        raise InvalidArgument(
            "the store to restore into is not empty: say whether what is not in the backup is to"
            " be deleted there; no backup is made of it before",
            hint="delete_extra=True or False",
            parameter="delete_extra",
        )


def _known_id(store: Store, *, is_needed: bool) -> str | None:
    """Return what tells a store apart; None if it is away, and another one is restored to."""
    try:
        return store_id_of(store)
    except StorageError:
        if is_needed:
            raise
        return None
