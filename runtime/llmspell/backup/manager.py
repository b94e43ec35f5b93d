"""Everything about the backups of one place: making, verifying, restoring, removing them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from llmspell.backup.chain import Catalogue
from llmspell.backup.creating import Creation, OnEvent, Request
from llmspell.backup.identity import Write, keep_journal, store_id_of
from llmspell.backup.model import Manifest, check_id, check_type
from llmspell.errors import BackupBaseMissing, InvalidArgument, KeyMissing, LlmSpellError, WrongKey
from llmspell.store.changes import NOBODY, Origin

if TYPE_CHECKING:
    from llmspell.backup.archive import ExportResult
    from llmspell.backup.archive_import import ImportResult
    from llmspell.backup.health import HealthReport
    from llmspell.backup.repository.base import Repository
    from llmspell.backup.restoring import RestoreOptions, RestoreResult, Writable
    from llmspell.backup.retention import RetentionPolicy, RetentionResult
    from llmspell.backup.schedule import Schedule
    from llmspell.backup.sealing import BackupKey
    from llmspell.backup.settings import BackupSettings
    from llmspell.backup.usage import StorageUsage
    from llmspell.backup.verifying import Verification
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.security.keys.ring import KeyRing
    from llmspell.store.base import Store

__all__ = ["BackupManager", "Surroundings"]

_MAX_LABEL_CHARACTERS: Final = 200
_YEAR_US: Final = 365 * 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What backups are made of and opened with; each is asked when it is needed.

    ``backend`` is what kind of store it is. ``store`` may open it: whoever only lists or verifies
    never asks, for it may be lost. ``write`` writes llmspell's own entries to it. ``ring`` is the
    store's key ring, which opens it, too; ``known_ring`` is that if the store is open. ``master``
    unwraps rings; ``cipher`` seals new backups.
    """

    backend: str
    store: Callable[[], Store]
    write: Write
    ring: Callable[[], KeyRing | None]
    known_ring: Callable[[], KeyRing | None]
    master: Callable[[], MasterKey | Passphrase | None]
    cipher: str = "aes-256-gcm"


class BackupManager:
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
        self._settings, self._around = settings, around
        self._policy, self._schedule = policy, schedule
        self._keep_journal_us = keep_journal_us

    @property
    def settings(self) -> BackupSettings:
        """Where backups lie, and in what form new ones are made."""
        return self._settings

    @cached_property
    def repository(self) -> Repository:
        """The place where the backups lie."""
        from llmspell.backup.repository.opening import open_repository

        options = self._settings.storage_options
        return open_repository(self._settings.location, storage_options=options)

    # Making ---------------------------------------------------------------------------------

    def create(
        self,
        type: str = "full",  # noqa: A002 - it is what everybody calls it
        *,
        base: str | None = None,
        scope: str | None = None,
        label: str | None = None,
        skip_unreadable: bool = False,
        on_event: OnEvent | None = None,
    ) -> Manifest:
        """Make a backup and return its manifest.

        ``full`` has every entry, ``scope`` those of one; ``incremental`` what was changed since
        ``base``, by default the last backup of any of these types but ``scope``;
        ``differential`` what was changed since the last full one. Others may write meanwhile: a
        backup shows one moment. A value that cannot be opened ends it, unless
        ``skip_unreadable`` leaves such out.

        Raises ``InvalidArgument``, ``BackupBaseMissing``, ``BackupRunning`` and ``BackupError``.
        """
        _check_request(type, base, scope, label)
        with self.repository.lock(f"make a backup of type {type}"):
            return self._create(type, base, scope, label, skip_unreadable, on_event)

    def _create(
        self,
        type_: str,
        base: str | None = None,
        scope: str | None = None,
        label: str | None = None,
        skip_unreadable: bool = False,
        on_event: OnEvent | None = None,
    ) -> Manifest:
        from llmspell.backup.bases import base_for

        store = self._around.store()
        with self._noted("create") as noted:
            self.repository.tidy()
            store_id = store_id_of(store, self._around.write) if store.span().last else None
            found = base_for(type_, base, Catalogue(self.repository), store, store_id)
            creation = Creation(
                store,
                self.repository,
                self._settings,
                Request(type_, found, scope, label, skip_unreadable),
                backend=self._around.backend,
                store_id=store_id,
                make_key=self._new_key,
                on_event=on_event,
            )
            noted["id"] = creation.id
            manifest = creation.run()
            noted |= {"type": type_, "bytes": manifest.stored_bytes}
        if manifest.journal is not None and scope is None:
            seq, keep_us = manifest.journal.seq, self._keep_journal_us
            keep_journal(store, self._around.write, seq, keep_us)
        return manifest

    # Looking --------------------------------------------------------------------------------

    def list(self) -> list[Manifest]:
        """Return all backups, the latest first. Those that are damaged are in ``damaged``."""
        return self.catalogue().manifests()

    def catalogue(self) -> Catalogue:
        """Return what there is at this moment."""
        return Catalogue(self.repository)

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
                Catalogue(self.repository),
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

        catalogue = Catalogue(self.repository)
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
        from llmspell.backup.restoring import RestoreOptions, Writable, restore

        options = options or RestoreOptions()
        if backup_id is not None:
            check_id(backup_id)
        own = self._around.store()
        store = into or own
        with self.repository.lock("restore a backup"), self._noted("restore", backup_id) as noted:
            before = None
            if pre_restore_backup and into is None and not options.dry_run and store.scopes():
                label = f"before the restore of {backup_id or 'the latest backup'}"
                before = self._create("full", label=label).id
            result = restore(
                store,
                Catalogue(self.repository),
                backup_id,
                options,
                key_of=self.key_of,
                writable=writable or Writable(has_key=self._around.ring() is not None),
                journal=own,
                store_id=store_id_of(own),
                origin=origin,
                streams=self._settings.streams,
                ignore=() if before is None else (before,),
                on_event=on_event,
            )
            noted["id"] = result.backup_id
        return replace(result, pre_restore_backup_id=before)

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
        from llmspell.backup.retention import plan_retention, prune

        policy = policy or self._policy()
        if dry_run:
            catalogue = Catalogue(self.repository)
            plan = plan_retention(policy, catalogue.manifests(), time_ns() // 1000)
            return prune(self.repository, plan, dry_run=True)
        with self.repository.lock("remove old backups"), self._noted("prune") as noted:
            self.repository.tidy()
            catalogue = Catalogue(self.repository)
            plan = plan_retention(policy, catalogue.manifests(), time_ns() // 1000)
            result = prune(self.repository, plan, on_event=on_event)
            noted["bytes"] = result.freed_bytes
        return result

    def delete(self, backup_id: str) -> Manifest | None:
        """Remove one backup; return what it was, None if its manifest was damaged.

        Raises ``BackupNotFound``, and ``BackupInUse`` while others are made from it.
        """
        from llmspell.backup.bases import check_not_needed

        check_id(backup_id)
        with self.repository.lock("remove a backup"), self._noted("delete", backup_id):
            catalogue = Catalogue(self.repository)
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

        catalogue = Catalogue(self.repository)
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
            return import_archive(Catalogue(self.repository), Path(file), on_event=on_event)

    # When it is time ------------------------------------------------------------------------

    @property
    def schedule(self) -> Schedule:
        """When backups are due. Raises ``ConfigError``."""
        return self._schedule()

    def run_due(self, on_event: OnEvent | None = None) -> Sequence[Manifest]:
        """Make the backups that are due, prune if the schedule says so, and return them.

        Where one cannot be made from an earlier one any more, a full one takes its place.
        """
        due = self._schedule().due(self.list(), self.repository.log(), time_ns() // 1000)
        made = []
        for each in due:
            try:
                made.append(self.create(each.type, on_event=on_event))
            except BackupBaseMissing:
                made.append(self.create("full", on_event=on_event))
        if made and self._schedule().prune:
            self.prune(on_event=on_event)
        return made

    def next_due(self) -> int:
        """Return when a backup is due next, in microseconds since the epoch. A year at most."""
        now = time_ns() // 1000
        times = [at_us for _, at_us in self._schedule().next(now)]
        return min(times, default=now + _YEAR_US)

    # Keys -----------------------------------------------------------------------------------

    def key_of(self, manifest: Manifest) -> BackupKey | None:
        """Return what opens a backup, None for one in the open. Raises as ``verify`` does."""
        if manifest.encryption is None:
            return None
        from llmspell.backup.sealing import backup_key

        master = self._around.master()
        try:
            return backup_key(manifest, self._around.known_ring(), master)
        except (KeyMissing, WrongKey):
            # The ring of the store may have been wrapped with another master key since.
            if master is None:
                raise
            return backup_key(manifest, self._around.ring(), master)

    def _new_key(self, backup_id: str) -> BackupKey | None:
        wanted = self._settings.encrypt
        ring = self._around.ring()
        if wanted is False:
            _check_nothing_sealed(ring)
            return None
        if ring is None:
            if wanted:
                raise KeyMissing(
                    "backups are to be encrypted (state.backup.encryption), and there is no key",
                    hint="set LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or"
                    " state.security.key_file; `llmspell keys generate` makes a key",
                )
            return None
        from llmspell.backup.sealing import BackupKey

        return BackupKey.of(ring, self._around.cipher, backup_id)

    @contextmanager
    def _noted(self, action: str, backup_id: str | None = None) -> Iterator[dict[str, Any]]:
        """Have the place remember what was done, how long it took and how it ended."""
        started = time.perf_counter()
        entry: dict[str, Any] = {"action": action, "id": backup_id, "at_us": time_ns() // 1000}
        try:
            yield entry
        except BaseException as error:
            entry |= {"ok": False, "code": _code(error)}
            raise
        finally:
            entry["duration_ms"] = round((time.perf_counter() - started) * 1000, 3)
            self.repository.note({"ok": True, **entry})


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, LlmSpellError) else type(error).__name__


def _check_nothing_sealed(ring: KeyRing | None) -> None:
    if ring is not None:
        raise InvalidArgument(
            "this store is encrypted, and its backups are not to be (state.backup.encryption ="
            ' "off"): what is confidential would lie in the open',
            hint='set it to "auto"; `llmspell state export` writes values in the open',
            parameter="encryption",
        )


def _check_request(type_: str, base: str | None, scope: str | None, label: str | None) -> None:
    check_type(type_)
    if base is not None:
        check_id(base)
        if type_ not in ("incremental", "differential"):
            raise InvalidArgument(
                f"a {type_} backup has no base; an incremental or differential one has",
                parameter="base",
            )
    if (scope is not None) != (type_ == "scope"):
        needs = "needs a scope" if scope is None else "is of the whole store: leave scope out"
        raise InvalidArgument(f"a backup of type {type_} {needs}", parameter="scope")
    if label is not None and (
        not isinstance(label, str)
        or not label.isprintable()
        or not 0 < len(label) <= _MAX_LABEL_CHARACTERS
    ):
        raise InvalidArgument(
            f"a label is printable text of 1 to {_MAX_LABEL_CHARACTERS} characters",
            parameter="label",
        )
