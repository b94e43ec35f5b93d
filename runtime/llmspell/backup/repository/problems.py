"""What can go wrong with a place for backups, in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from llmspell.errors import (
    BackupDamaged,
    BackupError,
    BackupNotFound,
    BackupRunning,
    LlmSpellError,
)

__all__ = [
    "already_there",
    "ended",
    "failure",
    "linked",
    "missing",
    "not_found",
    "running",
    "translated",
    "unreadable",
]


class _Cause(NamedTuple):
    reason: str
    what: str
    hint: str


_DISK_FULL: Final = _Cause(
    "disk_full",
    "has no space left",
    "free some space or choose another place; `llmspell backup prune` removes old backups",
)
_ACCESS: Final = _Cause(
    "access",
    "may not be used by the user this program runs as",
    "give that user the permission to read and write there, or choose another place",
)
_READ_ONLY: Final = _Cause(
    "read_only", "is on a file system that cannot be written", "choose another place"
)
_TOO_LARGE: Final = _Cause(
    "too_large",
    "does not take a file of that size",
    "raise the limit (`ulimit -f`), or choose smaller chunks or another place",
)
_NOT_A_FOLDER: Final = _Cause(
    "not_a_folder", "is no folder, or lies below something that is none", "choose another place"
)
_UNAVAILABLE: Final = _Cause(
    "unavailable", "cannot be reached", "check that it is there and can be reached"
)
_IO: Final = _Cause("io", "could not be read or written", "check the place and what connects it")

_BY_ERRNO: Final = {
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.EROFS: _READ_ONLY,
    errno.EFBIG: _TOO_LARGE,
    errno.ENOTDIR: _NOT_A_FOLDER,
    errno.EEXIST: _NOT_A_FOLDER,
    errno.ENOENT: _UNAVAILABLE,
    errno.ENODEV: _UNAVAILABLE,
    errno.ESTALE: _UNAVAILABLE,
}
#: Errors of other file systems than this machine's carry a class, often without a number.
_BY_CLASS: Final[tuple[tuple[type[Exception], _Cause], ...]] = (
    (PermissionError, _ACCESS),
    (FileExistsError, _NOT_A_FOLDER),
    (NotADirectoryError, _NOT_A_FOLDER),
    (FileNotFoundError, _UNAVAILABLE),
    (ConnectionError, _UNAVAILABLE),
    (TimeoutError, _UNAVAILABLE),
)


def failure(error: Exception, location: str) -> BackupError:
    """Translate an error of the system or of a driver.

    A driver's own words stay out of the message: they may hold addresses with signatures.
    """
    cause = _BY_ERRNO.get(getattr(error, "errno", None) or 0)
    if cause is None:
        cause = next((cause for kind, cause in _BY_CLASS if isinstance(error, kind)), _IO)
    why = (isinstance(error, OSError) and error.strerror) or type(error).__name__
    return BackupError(
        f"the place for backups {location} {cause.what} ({why})",
        hint=cause.hint,
        reason=cause.reason,
        location=location,
    )


@contextmanager
def translated(location: str) -> Iterator[None]:
    """Raise what systems and drivers raise as ``BackupError``, and let our own errors be."""
    try:
        yield
    except LlmSpellError:
        raise
    except Exception as error:
        raise failure(error, location) from error


def not_found(backup_id: str, location: str) -> BackupNotFound:
    """Make the error of an id nobody has."""
    return BackupNotFound(
        f"there is no backup {backup_id} in {location}",
        hint="`llmspell backup list` shows those there are",
        backup=backup_id,
        location=location,
    )


def missing(backup_id: str, name: str) -> BackupDamaged:
    """Make the error of a backup that lacks one of its files."""
    return _damaged(backup_id, f"{name} is missing")


def linked(backup_id: str, name: str) -> BackupDamaged:
    """Make the error of something else that stands where a file or a folder was written."""
    return _damaged(backup_id, f"{name} is a link or no ordinary file, and is not followed")


def unreadable(backup_id: str, name: str, error: OSError) -> BackupDamaged:
    """Make the error of one file that cannot be read where others can."""
    return BackupDamaged(
        f"the backup {backup_id} cannot be read: {name}: {error.strerror}",
        hint="check who owns it and what its disk tells, or restore from another backup",
        backup=backup_id,
        problems=[f"{name}: it cannot be read ({error.strerror})"],
    )


def already_there(backup_id: str, location: str) -> BackupError:
    """Make the error of a second backup with the same id."""
    return BackupError(
        f"there is a backup {backup_id} in {location} already; it stays as it is",
        hint="delete it first if it shall be replaced",
        reason="exists",
        backup=backup_id,
        location=location,
    )


def ended(backup_id: str) -> BackupError:
    """Make the error of writing to a backup that is complete or was given up."""
    return BackupError(
        f"the backup {backup_id} is complete or was given up: nothing more can be written to it",
        reason="ended",
        backup=backup_id,
    )


def running(location: str, holder: str) -> BackupRunning:
    """Make the error of a lock that somebody else has."""
    return BackupRunning(
        f"the place for backups {location} is in use: {holder}",
        hint="wait until it has ended and try again",
        location=location,
    )


def _damaged(backup_id: str, problem: str) -> BackupDamaged:
    return BackupDamaged(
        f"the backup {backup_id} is damaged: {problem}",
        hint="restore from another backup, and make a new full one",
        backup=backup_id,
        problems=[problem],
    )
