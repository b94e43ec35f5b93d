"""A backup that is written aside, into a folder that has another name until it is complete."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from typing import Final

from llmspell.backup.repository.files import (
    read_file,
    remove_folder,
    sync_folder,
    write_file,
)
from llmspell.backup.repository.names import MANIFEST, check_name
from llmspell.backup.repository.problems import already_there, ended, translated

__all__ = ["FolderDraft"]

_TAKEN: Final = (errno.ENOTEMPTY, errno.EEXIST)


class FolderDraft:
    """See Draft."""

    def __init__(self, aside: Path, final: Path, *, location: str) -> None:
        self._aside = aside
        self._final = final
        self._location = location
        self._is_open = True

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        with translated(self._location):
            write_file(path, data)

    def read(self, name: str) -> bytes:
        path = self._path(name)
        with translated(self._location):
            return read_file(path)

    def commit(self, manifest: bytes) -> None:
        self.put(MANIFEST, manifest)
        with translated(self._location):
            sync_folder(self._aside)
            try:
                self._aside.rename(self._final)
            except OSError as error:
                if error.errno in _TAKEN:
                    raise already_there(self._final.name, self._location) from error
                raise
            self._is_open = False
            sync_folder(self._final.parent)

    def close(self) -> None:
        """Remove what was written, unless it became a backup."""
        if self._is_open:
            self._is_open = False
            # What cannot be removed now, the next ``tidy`` removes; why it failed matters more.
            with suppress(OSError):
                remove_folder(self._aside)

    def _path(self, name: str) -> Path:
        if not self._is_open:
            raise ended(self._final.name)
        return self._aside / check_name(name)
