"""Backups in a folder of this machine. What has its final name is complete and on the disk."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from llmspell.backup.model import check_id
from llmspell.backup.repository.base import Draft
from llmspell.backup.repository.files import (
    FOLDER_MODE,
    is_folder,
    read_file,
    remove_folder,
    size_of,
    sync_folder,
    write_file,
)
from llmspell.backup.repository.folder_draft import FolderDraft
from llmspell.backup.repository.folder_lock import in_turn, locked
from llmspell.backup.repository.names import LOCK, MANIFEST, OPERATIONS, check_name, is_id
from llmspell.backup.repository.operations import MAX_LOG_BYTES, added, parse
from llmspell.backup.repository.problems import (
    already_there,
    linked,
    missing,
    not_found,
    translated,
    unreadable,
)

__all__ = ["FolderRepository"]

_PARTIAL: Final = ".partial-"
_DELETED: Final = ".deleted-"
_NEW_OPERATIONS: Final = f".{OPERATIONS}-"
#: No manifest is larger, and no chunk: what claims to be is not read into memory.
_MOST_BYTES: Final = {MANIFEST: 512 << 20}
_MOST_CHUNK_BYTES: Final = (2 << 30) + (1 << 20)
#: What concerns one file alone: the others are no worse for it.
_OF_ONE_FILE: Final = (errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG)
_OPERATIONS_LOCK: Final = f".{OPERATIONS}.lock"


class FolderRepository:
    """See Repository. The folder is made when it is first written to, for its owner alone.

    A backup whose manifest was lost since counts, as one that is damaged: it had one.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))

    @property
    def location(self) -> str:
        return str(self._path)

    def ids(self) -> list[str]:
        with translated(self.location):
            return sorted(name for name in self._entries(folders=True) if is_id(name))

    def names(self, backup_id: str) -> list[str]:
        with translated(self.location):
            return sorted(os.listdir(self._folder(backup_id)))

    def read(self, backup_id: str, name: str) -> bytes:
        with self._file(backup_id, name) as path:
            return read_file(path, _MOST_BYTES.get(name, _MOST_CHUNK_BYTES))

    def manifest(self, backup_id: str) -> bytes:
        return self.read(backup_id, MANIFEST)

    def size(self, backup_id: str, name: str) -> int:
        with self._file(backup_id, name) as path:
            return size_of(path)

    @contextmanager
    def creating(self, backup_id: str) -> Iterator[Draft]:
        final = self._path / check_id(backup_id)
        aside = self._path / f"{_PARTIAL}{backup_id}"
        with translated(self.location):
            self._make()
            if os.path.lexists(final):
                raise already_there(backup_id, self.location)
            remove_folder(aside)  # of a process that was killed
            aside.mkdir(FOLDER_MODE)
        draft = FolderDraft(aside, final, location=self.location)
        try:
            yield draft
        finally:
            draft.close()

    def delete(self, backup_id: str) -> None:
        with translated(self.location):
            folder = self._folder(backup_id)
            aside = self._path / f"{_DELETED}{backup_id}"
            remove_folder(aside)
            folder.rename(aside)
            sync_folder(self._path)
            remove_folder(aside)

    def tidy(self) -> None:
        with translated(self.location):
            for name in self._entries(folders=True):
                if name.startswith((_PARTIAL, _DELETED)) and is_id(name.partition("-")[2]):
                    # What another user left keeps nobody from making backups.
                    with suppress(OSError):
                        remove_folder(self._path / name)
            for name in self._entries(folders=False):
                if name.startswith(_NEW_OPERATIONS):
                    (self._path / name).unlink(missing_ok=True)

    @contextmanager
    def lock(self, purpose: str) -> Iterator[None]:
        with ExitStack() as stack:
            with translated(self.location):
                self._make()
                taken = locked(self._path / LOCK, purpose, location=self.location)
                stack.enter_context(taken)
            yield

    def free_bytes(self) -> int | None:
        place = self._path
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            return shutil.disk_usage(place).free
        except OSError:
            return None

    def log(self) -> list[dict[str, Any]]:
        path = self._path / OPERATIONS
        try:
            return parse(read_file(path)) if size_of(path) <= MAX_LOG_BYTES else []
        except OSError:
            return []

    def note(self, entry: dict[str, Any]) -> None:
        new = self._path / f"{_NEW_OPERATIONS}{os.urandom(6).hex()}"
        with suppress(OSError), in_turn(self._path / _OPERATIONS_LOCK):
            try:
                write_file(new, added(self.log(), entry))
                os.replace(new, self._path / OPERATIONS)
            finally:
                new.unlink(missing_ok=True)

    def _make(self) -> None:
        if not self._path.is_dir():
            self._path.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            sync_folder(self._path.parent)

    def _entries(self, *, folders: bool) -> list[str]:
        """Return the names of the folders in it, or of the files; links are neither."""
        try:
            with os.scandir(self._path) as found:
                return [
                    entry.name
                    for entry in found
                    if (entry.is_dir if folders else entry.is_file)(follow_symlinks=False)
                ]
        except FileNotFoundError:  # nothing was ever written
            return []

    def _folder(self, backup_id: str) -> Path:
        folder = self._path / check_id(backup_id)
        try:
            if is_folder(folder):
                return folder
        except FileNotFoundError as error:
            raise not_found(backup_id, self.location) from error
        raise linked(backup_id, "its folder")

    @contextmanager
    def _file(self, backup_id: str, name: str) -> Iterator[Path]:
        """Hand out where a file is, and say of what backup it is if it cannot be read."""
        with translated(self.location):
            folder = self._folder(backup_id)
            try:
                yield folder / check_name(name)
            except FileNotFoundError as error:
                raise missing(backup_id, name) from error
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise linked(backup_id, name) from error
                if error.errno in _OF_ONE_FILE:
                    raise unreadable(backup_id, name, error) from error
                raise
