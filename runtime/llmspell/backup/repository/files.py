"""Files of a folder of backups: written through to the disk, and read without following links."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = [
    "FILE_MODE",
    "FOLDER_MODE",
    "SAFELY",
    "is_folder",
    "read_file",
    "remove_folder",
    "size_of",
    "sync_folder",
    "write_file",
]

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
#: Not through a link, and without waiting for the other end of a pipe.
SAFELY: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_SYNC_OF_FOLDERS: Final = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def write_file(path: Path, data: bytes) -> None:
    """Write a new file; it is on the disk on return. A part of one goes again."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, FILE_MODE)
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def read_file(path: Path, most_bytes: int | None = None) -> bytes:
    """Return what a file holds.

    Raises ``ELOOP`` for a link and for all that is no file, ``EFBIG`` beyond ``most_bytes``.
    """
    size = size_of(path)
    if most_bytes is not None and size > most_bytes:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    with open(os.open(path, os.O_RDONLY | SAFELY), "rb", buffering=0) as file:
        return file.readall()


def size_of(path: Path) -> int:
    """Return the size of a file. Raises as ``read_file`` does."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return found.st_size


def is_folder(path: Path) -> bool:
    """Return whether it is a folder, and no link to one. Raises FileNotFoundError."""
    return stat.S_ISDIR(path.lstat().st_mode)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk on return, where the system can do that."""
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC_OF_FOLDERS:
            raise
    finally:
        os.close(handle)


def remove_folder(path: Path) -> None:
    """Remove a folder with all there is in it, if there is one. Links are not followed."""
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
