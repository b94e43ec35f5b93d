"""The file of an audit log: one SQLite database with records, head and checkpoints.

Plain ``sqlite3`` and plain text, not SQLAlchemy: the log is never anything but SQLite, so there
is no dialect to hide, and ten statements do not need a file of compiled ones. Importing
SQLAlchemy would cost a program 60 ms at its start.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from llmspell.errors import AuditError
from llmspell.security.audit.problems import failure, place_failure, wrong_file
from llmspell.security.audit.record import COLUMNS

__all__ = [
    "FAILURES",
    "closing_on_failure",
    "create_file",
    "open_reader",
    "open_writer",
    "real_path",
]

#: Written into the file's header: "LSpA".
APPLICATION_ID: Final = 0x4C537041
SCHEMA_VERSION: Final = 1
#: What using the file can raise.
FAILURES: Final = (sqlite3.Error, OSError, OverflowError, UnicodeError)
_BUSY_TIMEOUT_S: Final = 30.0
_TYPES: Final = {
    "seq": "INTEGER PRIMARY KEY",
    "at_us": "INTEGER NOT NULL",
    "action": "TEXT NOT NULL",
    "version": "INTEGER",
    "outcome": "TEXT NOT NULL",
    "process": "TEXT NOT NULL",
    "hasher": "TEXT NOT NULL",
    "previous": "BLOB NOT NULL",
    "hash": "BLOB NOT NULL",
}
_COLUMNS: Final = ", ".join(f"{name} {_TYPES.get(name, 'TEXT')}" for name in COLUMNS)
_TABLES: Final = (
    f"CREATE TABLE records ({_COLUMNS})",
    "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), records INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, hash BLOB NOT NULL, hasher TEXT NOT NULL, mac BLOB NOT NULL)",
    "CREATE TABLE checkpoints (number INTEGER PRIMARY KEY, seq INTEGER NOT NULL,"
    " at_us INTEGER NOT NULL, hash BLOB NOT NULL, public_key BLOB NOT NULL,"
    " signature BLOB NOT NULL)",
)


def create_file(path: Path) -> Path:
    """Make an empty file that only its owner may read, unless there is one; return its real path.

    Raises AuditError where there can be none. An existing file keeps its mode: who let a group
    of auditors read it wanted that.
    """
    real = real_path(path)
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Exclusively: closing a file drops the locks SQLite may hold on it in this process.
            os.close(os.open(real, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if not stat.S_ISREG(real.stat().st_mode):
                raise wrong_file(path, "it is not a regular file") from None
    except AuditError:
        raise
    except OSError as error:
        raise failure(error, path) from error
    return real


def real_path(path: Path) -> Path:
    """Return where the file of a log, and so its head, really is. Raises AuditError."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise place_failure(path, str(error)) from error


def open_writer(path: Path, *, fsync: bool) -> sqlite3.Connection:
    """Open the log for appending; its tables are there afterwards. Raises AuditError."""
    with closing_on_failure(path, _connect(path, "rw")) as raw:
        _check_owner(raw, path)
        _use_write_ahead_log(raw)
        if not _is_ready(raw):
            raw.execute("BEGIN IMMEDIATE")
            if not _is_ready(raw):  # another process may have been first
                for table in _TABLES:
                    raw.execute(table)
                raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                raw.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            raw.execute("COMMIT")
        raw.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
    return raw


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the log for reading only. Raises AuditError, also when there is none."""
    if not real_path(path).is_file():
        raise AuditError(
            f"there is no audit log at {path}",
            hint="it begins with the first record once audit.enabled is true; audit.path names its"
            " file",
            reason="not_found",
            path=str(path),
        )
    try:
        return _opened_reader(path, "rw" if os.access(path.parent, os.W_OK) else "ro")
    except AuditError as error:
        # In a folder that cannot be written SQLite cannot share the log with a writer; there is
        # none to share it with unless its write-ahead log is there.
        if error.details.get("reason") not in ("unavailable", "read_only") or _has_wal(path):
            raise
        return _opened_reader(path, "ro&immutable=1")


def _opened_reader(path: Path, mode: str) -> sqlite3.Connection:
    with closing_on_failure(path, _connect(path, mode)) as raw:
        raw.execute("PRAGMA query_only = ON")
        _check_owner(raw, path)
        if not _is_ready(raw):
            raise wrong_file(path, "it is empty")
    return raw


@contextmanager
def closing_on_failure(path: Path, raw: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Close a connection when the block fails; failures of the file become AuditErrors."""
    try:
        yield raw
    except BaseException as error:
        raw.close()
        if isinstance(error, FAILURES):
            raise failure(error, path) from error
        raise


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    try:
        raw = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
    except FAILURES as error:
        raise failure(error, path) from error
    # Bytes that are no text were not written by us; verifying must read them all the same.
    raw.text_factory = lambda data: data.decode(errors="surrogateescape")
    return raw


def _check_owner(raw: sqlite3.Connection, path: Path) -> None:
    raw.execute("BEGIN")
    try:
        (objects,) = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (owner,) = raw.execute("PRAGMA application_id").fetchone()
        (version,) = raw.execute("PRAGMA user_version").fetchone()
    finally:
        raw.execute("ROLLBACK")
    if objects == 0 and owner == 0 and version == 0:
        return
    if owner != APPLICATION_ID:
        raise wrong_file(path, "it is the database of another application")
    if version > SCHEMA_VERSION:
        raise AuditError(
            f"the audit log {path} was made by a newer llmspell",
            hint="upgrade llmspell, or set audit.path to another file",
            reason="newer_version",
            path=str(path),
        )


def _is_ready(raw: sqlite3.Connection) -> bool:
    (version,) = raw.execute("PRAGMA user_version").fetchone()
    return bool(version == SCHEMA_VERSION)


def _use_write_ahead_log(raw: sqlite3.Connection) -> None:
    # The switch needs the file alone for a moment, and SQLite does not wait for that.
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            raw.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.002)
        else:
            return


def _has_wal(path: Path) -> bool:
    wal = path.with_name(path.name + "-wal")
    return wal.exists() and wal.stat().st_size > 0
