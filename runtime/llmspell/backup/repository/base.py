"""What every place for backups does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

__all__ = ["Draft", "Repository"]


class Draft(Protocol):
    """A backup that is being written, and of which nobody sees anything before ``commit``.

    Names are ``manifest.json`` and those of chunks: any other one raises ``BackupError``.
    """

    def put(self, name: str, data: bytes) -> None:
        """Write a chunk, once. May be called by several threads at a time."""
        ...

    def read(self, name: str) -> bytes:
        """Return what was put, as the place holds it."""
        ...

    def commit(self, manifest: bytes) -> None:
        """Add the manifest and make the backup one that exists, all of it at once.

        Raises ``BackupRunning`` if the lock was lost meanwhile: then it does not exist.
        """
        ...


class Repository(Protocol):
    """A place for backups: one folder for each, with a manifest and chunks.

    Reading needs no lock. ``creating``, ``delete`` and ``tidy`` are called by who holds it.
    Whatever else lies there is left alone. Every method raises ``BackupError`` when the place
    cannot be used: ``details`` hold the ``location`` and the ``reason``, one of ``disk_full``,
    ``access``, ``read_only``, ``too_large``, ``unavailable``, ``not_a_folder``, ``exists``,
    ``name``, ``ended``, ``io``.
    """

    @property
    def location(self) -> str:
        """Where it is, as people are told: without a password."""
        ...

    def ids(self) -> list[str]:
        """Return the ids of all complete backups, sorted, so the oldest first."""
        ...

    def names(self, backup_id: str) -> list[str]:
        """Return the names of all there is in a backup's folder, foreign ones too, sorted."""
        ...

    def read(self, backup_id: str, name: str) -> bytes:
        """Return a file of a backup.

        Raises ``BackupNotFound`` without that backup, ``BackupDamaged`` when the file is missing
        or is none: symbolic links are not followed.
        """
        ...

    def manifest(self, backup_id: str) -> bytes:
        """Return a backup's manifest. Raises as ``read`` does."""
        ...

    def size(self, backup_id: str, name: str) -> int:
        """Return the size of a file of a backup in bytes. Raises as ``read`` does."""
        ...

    def creating(self, backup_id: str) -> AbstractContextManager[Draft]:
        """Write a backup. What was written goes again when the block is left without a commit."""
        ...

    def delete(self, backup_id: str) -> None:
        """Remove a backup: it is gone at once, even if removing its files is broken off."""
        ...

    def tidy(self) -> None:
        """Remove what processes left behind that were killed while they wrote or removed."""
        ...

    def lock(self, purpose: str) -> AbstractContextManager[None]:
        """Keep all others from changing the place, in this process and in others.

        Raises ``BackupRunning`` at once when somebody has it, saying who and what for. A killed
        process has it no more.
        """
        ...

    def free_bytes(self) -> int | None:
        """Return how much more can be written; None where that is not known."""
        ...

    def log(self) -> list[dict[str, Any]]:
        """Return the latest operations noted, the oldest first; nothing if the log is damaged."""
        ...

    def note(self, entry: dict[str, Any]) -> None:
        """Add an operation to the log, JSON data. Never fails: what cannot be written is lost."""
        ...
