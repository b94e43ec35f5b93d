"""A backup that is written where nothing can be renamed as a whole: its manifest comes last."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from llmspell.backup.repository.names import MANIFEST, check_name
from llmspell.backup.repository.problems import ended, translated
from llmspell.backup.repository.remote_files import RemoteFiles

__all__ = ["RemoteDraft"]


class RemoteDraft:
    """See Draft. ``check_lock`` is called before the backup counts, and may raise."""

    def __init__(
        self,
        files: RemoteFiles,
        backup_id: str,
        *,
        check_lock: Callable[[], None],
        location: str,
    ) -> None:
        self._files = files
        self._id = backup_id
        self._check_lock = check_lock
        self._location = location
        self._is_open = True

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        with translated(self._location):
            self._files.write(path, data)

    def read(self, name: str) -> bytes:
        path = self._path(name)
        with translated(self._location):
            return self._files.read(path)

    def commit(self, manifest: bytes) -> None:
        path = self._path(MANIFEST)
        with translated(self._location):
            self._files.prepare(path, manifest)
            self._check_lock()
            self._files.finish(path)
        self._is_open = False

    def close(self) -> None:
        """Remove what was written, unless it became a backup."""
        if self._is_open:
            self._is_open = False
            # What cannot be removed now, the next ``tidy`` removes; why it failed matters more.
            with suppress(Exception):
                # Nobody knows whether a commit that failed has not been done all the same.
                self._files.remove(f"{self._id}/{MANIFEST}")
                self._files.remove_folder(self._id)

    def _path(self, name: str) -> str:
        if not self._is_open:
            raise ended(self._id)
        return f"{self._id}/{check_name(name)}"
