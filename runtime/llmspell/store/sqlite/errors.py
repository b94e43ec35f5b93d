"""SQLite's failures, and those of the place its file is in, as errors people can act on."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from llmspell.errors import StorageError

__all__ = ["failure", "prepare_place", "wrong_file"]


_SMALLEST_DATABASE_BYTES: Final = 512
_BY_EFFECTIVE_USER: Final = os.access in os.supports_effective_ids


class _Cause(NamedTuple):
    reason: str
    what: str
    hint: str


_READ_ONLY: Final = _Cause(
    "read_only",
    "cannot be written",
    "give the user that runs llmspell write access to the file and its folder, or choose"
    " another path",
)
_IO: Final = _Cause("io", "could not be read or written", "check the disk and its file system")
_UNAVAILABLE: Final = _Cause("unavailable", "cannot be opened", "check the path")
_NOT_A_DATABASE: Final = _Cause(
    "not_a_database", "is not an llmspell database", "choose another path; the file is untouched"
)
_DISK_FULL: Final = _Cause(
    "disk_full",
    "could not grow: the disk is full",
    "free some space and try again; nothing was half-written",
)
_CORRUPT: Final = _Cause(
    "corrupt", "is damaged", "restore it from a backup; `sqlite3 FILE .recover` may save the rest"
)
_TOO_LARGE: Final = _Cause("io", "cannot hold a value that large", "store it in parts")
_LOCKED: Final = _Cause(
    "locked",
    "stayed locked by another process",
    "look for a program that keeps a transaction open, or raise busy_timeout_ms",
)

#: By SQLite's primary result code.
_CAUSES: Final = {
    sqlite3.SQLITE_ERROR: _CORRUPT,  # our statements are right, so a table or column is missing
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_FULL: _DISK_FULL,
    sqlite3.SQLITE_CANTOPEN: _UNAVAILABLE,
    sqlite3.SQLITE_TOOBIG: _TOO_LARGE,
    sqlite3.SQLITE_AUTH: _READ_ONLY,
    sqlite3.SQLITE_NOTADB: _NOT_A_DATABASE,
}
_OS_CAUSES: Final = {
    sqlite3.SQLITE_ERROR: _CORRUPT,  # our statements are right, so a table or column is missing
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
}


def failure(error: Exception, path: Path) -> StorageError:
    """Translate an error of the sqlite3 module about the database at ``path``."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, OverflowError):
        cause = _CORRUPT
    else:
        cause = _IO if code is None else _CAUSES.get(code & 0xFF, _IO)
    return _storage_error(path, cause, str(error))


def wrong_file(path: Path, why: str) -> StorageError:
    """Make the error of a path that holds something else than an llmspell database."""
    return _storage_error(path, _NOT_A_DATABASE, why)


def prepare_place(path: Path) -> Path:
    """Make the folder of a database that is to be; return where the file really is.

    Links are followed, as SQLite does: the companions of a database lie beside the real file.
    Raises StorageError where no database can be written; SQLite itself would open what it may
    not write and fail at the first write.
    """
    try:
        real = Path(os.path.realpath(path))
        real.parent.mkdir(parents=True, exist_ok=True)
        _check_place(real)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        cause = _OS_CAUSES.get(error.errno or 0, _UNAVAILABLE)
        why = error.strerror or type(error).__name__
        if error.filename is not None:
            why += f": {error.filename}"
        raise _storage_error(path, cause, why) from error
    except ValueError as error:
        raise _storage_error(path, _UNAVAILABLE, str(error)) from error
    return real


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise wrong_file(path, "it is a folder")
    if path.exists() and not path.is_file():
        raise wrong_file(path, "it is not a regular file")
    # SQLite would take a shorter file for an empty one. Its size must do: to open the file
    # here and close it again would drop the locks this process holds on it by SQLite.
    if path.exists() and 0 < path.stat().st_size < _SMALLEST_DATABASE_BYTES:
        raise wrong_file(path, "it is too short")
    for place, mode in ((path.parent, os.W_OK | os.X_OK), (path, os.R_OK | os.W_OK)):
        if place.exists() and not os.access(place, mode, effective_ids=_BY_EFFECTIVE_USER):
            raise _storage_error(path, _READ_ONLY, f"no write access to {place}")


def _storage_error(path: Path, cause: _Cause, why: str) -> StorageError:
    return StorageError(
        f"the database {path} {cause.what} ({why})",
        hint=cause.hint,
        reason=cause.reason,
        path=str(path),
    )
