"""Making backups in a place, with all that has to be known before and remembered after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.backup.creating import Creation, OnEvent
from llmspell.backup.identity import keep_journal, store_id_of
from llmspell.backup.model import is_before_restore
from llmspell.backup.place import BackupPlace, Surroundings
from llmspell.backup.request import Request, check_request

if TYPE_CHECKING:
    from llmspell.backup.model import Manifest
    from llmspell.backup.settings import BackupSettings
    from llmspell.store.base import Store

__all__ = ["BackupMaker"]


class BackupMaker(BackupPlace):
    """Makes backups of the store it is for; ``keep_journal_us`` is kept for the next one."""

    def __init__(
        self, settings: BackupSettings, around: Surroundings, keep_journal_us: int
    ) -> None:
        super().__init__(settings, around)
        self._keep_journal_us = keep_journal_us

    def create(
        self,
        type: str = "full",  # noqa: A002 - it is what everybody calls it
        *,
        base: str | None = None,
        scope: str | None = None,
        label: str | None = None,
        skip_unreadable: bool = False,
        max_load: float | None = None,
        on_event: OnEvent | None = None,
    ) -> Manifest:
        """Make a backup and return its manifest.

        ``full`` has every entry, ``scope`` those of one; ``incremental`` what was changed since
        ``base``, by default the last backup of any of these types but ``scope``;
        ``differential`` what was changed since the last full one. Others may write meanwhile: a
        backup shows one moment. A value that cannot be opened ends it, unless
        ``skip_unreadable`` leaves such out. ``max_load`` is the share of the time it may take, if
        not that of the settings.

        Raises ``InvalidArgument``, ``BackupBaseMissing``, ``BackupRunning`` and ``BackupError``.
        """
        check_request(type, base, scope, label, max_load)
        with self.repository.lock(f"make a backup of type {type}"):
            return self._create(type, base, scope, label, skip_unreadable, max_load, on_event)

    def _create(
        self,
        type_: str,
        base: str | None = None,
        scope: str | None = None,
        label: str | None = None,
        skip_unreadable: bool = False,
        max_load: float | None = None,
        on_event: OnEvent | None = None,
    ) -> Manifest:
        from llmspell.backup.bases import base_for

        store = self._around.store()
        with self._noted("create") as noted:
            self.repository.tidy()
            store_id = store_id_of(store, self._around.write) if _has_journal(store) else None
            catalogue = self.catalogue()
            found = base_for(type_, base, catalogue, store, store_id, check=self._check_usable)
            creation = Creation(
                store,
                self.repository,
                self._settings,
                Request(type_, found, scope, label, skip_unreadable, max_load),
                backend=self._around.backend,
                store_id=store_id,
                make_key=self._new_key,
                on_event=on_event,
            )
            noted["id"] = creation.id
            manifest = creation.run()
            noted |= {"type": type_, "bytes": manifest.stored_bytes}
        if manifest.journal is not None and scope is None and not is_before_restore(manifest):
            seq, keep_us = manifest.journal.seq, self._keep_journal_us
            keep_journal(store, self._around.write, seq, keep_us)
            if type_ == "full":
                keep_journal(store, self._around.write, seq, keep_us, is_full=True)
        return manifest

    def _check_usable(self, manifest: Manifest) -> None:
        """Raise what a restore of this backup would raise because of its key."""
        from llmspell.backup.manifest_file import check_signature

        check_signature(manifest, self._key_to_restore(manifest))


def _has_journal(store: Store) -> bool:
    """Return whether the store keeps a journal: with one nothing is there that it does not tell."""
    return store.span().last > 0 or not store.walk(limit=1)
