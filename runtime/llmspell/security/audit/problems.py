"""What can go wrong with the file of an audit log, as errors people can act on."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from llmspell.errors import AuditError

__all__ = ["failure", "place_failure", "wrong_file"]


class _Cause(NamedTuple):
    reason: str
    what: str
    hint: str


_IO: Final = _Cause("io", "could not be read or written", "check the disk and its file system")
_READ_ONLY: Final = _Cause(
    "read_only",
    "cannot be written",
    "give the user that runs llmspell write access to the file and its folder, or set audit.path",
)
_DISK_FULL: Final = _Cause("disk_full", "could not grow: the disk is full", "free some space")
_LOCKED: Final = _Cause(
    "locked", "stayed locked by another process", "look for a program that keeps it locked"
)
_DAMAGED: Final = _Cause(
    "damaged", "is damaged", "keep it as evidence, move it aside; a new log is begun then"
)
_NOT_A_LOG: Final = _Cause(
    "not_a_log", "is not an audit log", "set audit.path to another file; this one is untouched"
)
_UNAVAILABLE: Final = _Cause("unavailable", "cannot be opened", "check audit.path")

#: By SQLite's primary result code.
_CAUSES: Final = {
    sqlite3.SQLITE_ERROR: _DAMAGED,  # our statements are right, so a table or column is missing
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_CONSTRAINT: _DAMAGED,
    sqlite3.SQLITE_FULL: _DISK_FULL,
    sqlite3.SQLITE_CANTOPEN: _UNAVAILABLE,
    sqlite3.SQLITE_NOTADB: _NOT_A_LOG,
}
_OS_CAUSES: Final = {
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
}


def failure(error: Exception, path: Path) -> AuditError:
    """Translate what sqlite3 or the system said about the log at ``path``."""
    if isinstance(error, AuditError):
        return error
    if isinstance(error, OSError):
        cause = _OS_CAUSES.get(error.errno or 0, _UNAVAILABLE)
        return _audit_error(path, cause, error.strerror or type(error).__name__)
    code = getattr(error, "sqlite_errorcode", None)
    # Without a code it is an overflow, or text that is none: numbers and bytes nobody wrote.
    cause = _DAMAGED if code is None else _CAUSES.get(code & 0xFF, _IO)
    return _audit_error(path, cause, str(error))


def place_failure(path: Path, why: str) -> AuditError:
    """Make the error of a path where no log can be."""
    return _audit_error(path, _UNAVAILABLE, why)


def wrong_file(path: Path, why: str) -> AuditError:
    """Make the error of a path that holds something else."""
    return _audit_error(path, _NOT_A_LOG, why)


def _audit_error(path: Path, cause: _Cause, why: str) -> AuditError:
    return AuditError(
        f"the audit log {path} {cause.what} ({why})",
        hint=cause.hint,
        reason=cause.reason,
        path=str(path),
    )
