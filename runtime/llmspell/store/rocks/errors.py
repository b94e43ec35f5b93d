"""RocksDB's failures, and those of the folder it is in, as errors people can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from llmspell.errors import FeatureUnavailable, LlmSpellError, StorageError

__all__ = [
    "failure",
    "forked_error",
    "missing_package",
    "place_failure",
    "translated",
    "wrong_folder",
]


class _Cause(NamedTuple):
    reason: str
    what: str
    hint: str


_READ_ONLY: Final = _Cause(
    "read_only",
    "cannot be written",
    "give the user that runs llmspell write access to the folder and its files, or choose"
    " another path",
)
_DISK_FULL: Final = _Cause(
    "disk_full",
    "could not grow: the disk is full",
    "free some space and try again; nothing was half-written",
)
_LOCKED: Final = _Cause(
    "locked",
    "is open already, and RocksDB serves one process at a time",
    'close it there, or use backend = "sqlite" or "postgresql", which many processes may share',
)
_CORRUPT: Final = _Cause("corrupt", "is damaged", "restore it from a backup")
_IO: Final = _Cause("io", "could not be read or written", "check the disk and its file system")
_UNAVAILABLE: Final = _Cause("unavailable", "cannot be opened", "check the path")
_NOT_A_DATABASE: Final = _Cause(
    "not_a_database",
    "is not an llmspell database",
    "choose the path of a folder of its own; what is there is untouched",
)

#: The driver has one class for all its errors; only their text tells what happened. The first
#: that matches counts.
_BY_TEXT: Final = (
    ("Permission denied", _READ_ONLY),
    ("Operation not permitted", _READ_ONLY),
    ("Read-only file system", _READ_ONLY),
    ("No space left", _DISK_FULL),
    ("quota exceeded", _DISK_FULL),
    ("lock hold by current process", _LOCKED),
    ("While lock file", _LOCKED),
    ("Corruption", _CORRUPT),
    ("No such file", _CORRUPT),
    # Our own arguments are right, so a file or a column family is missing.
    ("Invalid argument", _CORRUPT),
)


def failure(error: Exception, path: Path) -> StorageError:
    """Translate an error of the driver about the database at ``path``."""
    # The driver raises no ValueError; decoding what it returned does.
    return _translate(error, path, otherwise=_CORRUPT if isinstance(error, ValueError) else _IO)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise the driver's errors as ours, and let all others be."""
    try:
        yield
    except LlmSpellError:
        raise
    except Exception as error:
        if type(error) is not Exception and not isinstance(error, ValueError):
            raise
        raise failure(error, path) from error


def place_failure(error: Exception, path: Path) -> StorageError:
    """Translate an error of the file system about a folder that is to hold a database."""
    if isinstance(error, FileNotFoundError):
        return _storage_error(path, _UNAVAILABLE, str(error))
    return _translate(error, path, otherwise=_UNAVAILABLE)


def wrong_folder(path: Path, why: str) -> StorageError:
    """Make the error of a path that holds something else than an llmspell database."""
    return _storage_error(path, _NOT_A_DATABASE, why)


def forked_error(path: Path) -> StorageError:
    """Make the error of a store that was opened before this process was forked off."""
    return StorageError(
        f"the database {path} belongs to the process this one was forked from: RocksDB serves"
        " one process at a time",
        hint='fork before opening it, or use backend = "sqlite" or "postgresql"',
        reason="locked",
        path=str(path),
    )


def missing_package() -> FeatureUnavailable:
    """Make the error of an installation without RocksDB."""
    return FeatureUnavailable(
        "the RocksDB store needs the package rocksdict, which is not installed",
        hint="pip install 'llmspell[rocksdb]'",
        backend="rocksdb",
    )


def _translate(error: Exception, path: Path, *, otherwise: _Cause) -> StorageError:
    why = str(error)
    cause = next((cause for text, cause in _BY_TEXT if text in why), otherwise)
    return _storage_error(path, cause, why)


def _storage_error(path: Path, cause: _Cause, why: str) -> StorageError:
    return StorageError(
        f"the database {path} {cause.what} ({why})",
        hint=cause.hint,
        reason=cause.reason,
        path=str(path),
    )
