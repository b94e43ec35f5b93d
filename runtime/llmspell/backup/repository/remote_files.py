"""What is asked of fsspec, in one place: small files that are written and replaced whole."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Any, Final, NamedTuple

from llmspell.backup.repository.files import FOLDER_MODE

__all__ = ["Entry", "RemoteFiles"]

_ASIDE: Final = "-new"
#: Drivers that know no exclusive creation refuse the argument in one of these ways.
_UNKNOWN_MODE: Final = (TypeError, ValueError, NotImplementedError)


class Entry(NamedTuple):
    """Something in a folder; a link is neither a folder nor a file."""

    name: str
    is_folder: bool


class RemoteFiles:
    """A folder of a file system of fsspec; paths are relative to it. Raises what drivers do."""

    def __init__(self, system: Any, root: str) -> None:
        self._system = system
        self._root = root.rstrip("/")

    def make(self, folder: str = "") -> None:
        """Make the folder where the system has folders; one of this machine for its owner alone."""
        path = self._path(folder)
        is_new = getattr(self._system, "local_file", False) and not os.path.lexists(path)
        self._system.makedirs(path, exist_ok=True)
        if is_new:
            os.chmod(path, FOLDER_MODE)

    def entries(self, folder: str = "") -> list[Entry]:
        """Return what is in a folder now; nothing if there is no such folder."""
        path = self._path(folder)
        self._system.invalidate_cache(path)
        try:
            found = self._system.ls(path, detail=True)
        except FileNotFoundError:
            return []
        entries = []
        for info in found:
            itself = info["name"].strip("/") == path.strip("/")
            if itself and info["type"] == "file":
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not itself:
                name = info["name"].rstrip("/").rpartition("/")[2]
                is_folder = info["type"] == "directory" and not info.get("islink")
                entries.append(Entry(name, is_folder))
        return entries

    def read(self, path: str) -> bytes:
        """Return what a file holds. Raises FileNotFoundError, and OSError (ELOOP) for a link."""
        self._refuse_link(path)
        return bytes(self._system.cat_file(self._path(path)))

    def size(self, path: str) -> int:
        """Return the size of a file. Raises as ``read`` does."""
        self._refuse_link(path)
        size = self._system.size(self._path(path))
        return len(self.read(path)) if size is None else int(size)

    def write(self, path: str, data: bytes) -> None:
        """Write a file; somebody who reads meanwhile may see a part of it."""
        self._system.pipe_file(self._path(path), data)

    def replace(self, path: str, data: bytes) -> None:
        """Write a file so that nobody ever sees a part of it."""
        self.write(path + _ASIDE, data)
        self.finish(path)

    def prepare(self, path: str, data: bytes) -> None:
        """Write what ``finish`` gives its name."""
        self.write(path + _ASIDE, data)

    def finish(self, path: str) -> None:
        """Give what was prepared its name."""
        self._system.mv(self._path(path + _ASIDE), self._path(path))

    def create(self, path: str, data: bytes) -> bool:
        """Write a file unless there is one; how surely only one of many succeeds, varies."""
        try:
            if getattr(self._system, "local_file", False):  # only this way the system checks it
                with self._system.open(self._path(path), "xb") as file:
                    file.write(data)
            else:
                self._system.pipe_file(self._path(path), data, mode="create")
        except FileExistsError:
            return False
        except _UNKNOWN_MODE:
            folder, _, name = path.rpartition("/")
            if any(entry.name == name for entry in self.entries(folder)):
                return False
            self.write(path, data)
        return True

    def remove(self, path: str) -> None:
        """Remove a file, if there is one."""
        with suppress(FileNotFoundError):
            self._system.rm_file(self._path(path))

    def remove_folder(self, folder: str) -> None:
        """Remove a folder with all there is in it, if there is one."""
        path = self._path(folder)
        self._system.invalidate_cache(path)
        with suppress(FileNotFoundError):
            self._system.rm(path, recursive=True)

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _refuse_link(self, path: str) -> None:
        is_link = getattr(self._system, "islink", None)
        if is_link is None:
            return
        parts = path.split("/")
        if any(is_link(self._path("/".join(parts[:end]))) for end in range(1, len(parts) + 1)):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
