"""The place where backups lie, what opens them there, and what it remembers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from llmspell.backup.chain import Catalogue
from llmspell.errors import (
    BackupError,
    BackupInUse,
    BackupNotFound,
    BackupRunning,
    ConfigError,
    InvalidArgument,
    KeyMissing,
    LlmSpellError,
    PointUnreachable,
    RestoreFailed,
    WrongKey,
)

if TYPE_CHECKING:
    from llmspell.backup.identity import Write
    from llmspell.backup.model import Manifest
    from llmspell.backup.repository.base import Repository
    from llmspell.backup.sealing import BackupKey
    from llmspell.backup.settings import BackupSettings
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.security.keys.ring import KeyRing
    from llmspell.store.base import Store

__all__ = ["BackupPlace", "Surroundings"]

_CANNOT_WRITE: Final = ("access", "read_only")
_MISTAKES: Final = (
    BackupInUse,
    BackupNotFound,
    BackupRunning,
    ConfigError,
    InvalidArgument,
    KeyMissing,
    PointUnreachable,
    WrongKey,
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What backups are made of and opened with; each is asked when it is needed.

    ``backend`` is what kind of store it is, ``exists`` tells whether there is one. ``store`` may
    open it, or make it: whoever only lists or verifies never asks, for it may be lost. ``write``
    writes llmspell's own entries to it. ``ring`` is the store's key ring, which opens it, too;
    ``known_ring`` is that if the store is open. ``master`` unwraps rings; ``cipher`` seals new
    backups.
    """

    backend: str
    exists: Callable[[], bool]
    store: Callable[[], Store]
    write: Write
    ring: Callable[[], KeyRing | None]
    known_ring: Callable[[], KeyRing | None]
    master: Callable[[], MasterKey | Passphrase | None]
    cipher: str = "aes-256-gcm"


class BackupPlace:
    """Where backups lie, for whoever works with them."""

    def __init__(self, settings: BackupSettings, around: Surroundings) -> None:
        self._settings, self._around = settings, around

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

    def catalogue(self) -> Catalogue:
        """Return what there is at this moment."""
        return Catalogue(self.repository)

    # Keys -----------------------------------------------------------------------------------

    def key_of(self, manifest: Manifest) -> BackupKey | None:
        """Return what opens a backup, None for one in the open. Raises as ``verify`` does."""
        if manifest.encryption is None:
            return None
        from llmspell.backup.sealing import backup_key, key_by_rings_of

        master = self._around.master()
        try:
            return backup_key(manifest, self._around.known_ring(), master)
        except (KeyMissing, WrongKey):
            # The ring of the store may have been wrapped with another master key since.
            if master is None:
                raise
            # Each master key wraps the ring anew: a later backup has the earlier keys, too.
            found = key_by_rings_of(manifest, self.catalogue().manifests(), master)
            if found is not None:
                return found
            if not self._around.exists():
                raise
            return backup_key(manifest, self._around.ring(), master)

    def _key_to_restore(self, manifest: Manifest) -> BackupKey | None:
        """Return the key of a backup; what is in the open is not believed where all is sealed."""
        if manifest.encryption is None and self._settings.encrypt:
            raise RestoreFailed(
                f"backup {manifest.id} is not encrypted, and those of this store are to be"
                " (state.backup.encryption)",
                hint='if you know where it is from, restore it with encryption = "auto"',
                backup=manifest.id,
            )
        return self.key_of(manifest)

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
    def _lock_to_read(self) -> Iterator[None]:
        """Keep others from removing what is read; where nothing can be written, go on without."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self.repository.lock("restore a backup"))
            except BackupRunning:
                raise
            except BackupError as error:
                if error.details.get("reason") not in _CANNOT_WRITE:
                    raise
            yield

    @contextmanager
    def _noted(self, action: str, backup_id: str | None = None) -> Iterator[dict[str, Any]]:
        """Have the place remember what was done, how long it took and how it ended.

        Mistakes of whoever asked for it, and what he broke off, say nothing about the backups.
        """
        started = time.perf_counter()
        entry: dict[str, Any] = {"action": action, "id": backup_id, "at_us": time_ns() // 1000}
        try:
            yield entry
        except _MISTAKES:
            raise
        except Exception as error:
            if isinstance(error, RestoreFailed) and error.details.get("reason") == "not_there":
                raise
            entry |= {"ok": False, "code": _code(error)}
            self._note(entry, started)
            raise
        self._note(entry, started)

    def _note(self, entry: dict[str, Any], started: float) -> None:
        took_ms = round((time.perf_counter() - started) * 1000, 3)
        self.repository.note({"ok": True, **entry, "duration_ms": took_ms})


def _code(error: Exception) -> str:
    return error.code if isinstance(error, LlmSpellError) else type(error).__name__


def _check_nothing_sealed(ring: KeyRing | None) -> None:
    if ring is not None:
        raise InvalidArgument(
            "this store is encrypted, and its backups are not to be (state.backup.encryption ="
            ' "off"): what is confidential would lie in the open',
            hint='set it to "auto"; `llmspell state export` writes values in the open',
            parameter="encryption",
        )
