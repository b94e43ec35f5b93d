"""What is SQLite's own: opening and checking the file, pragmas, words of its dialect."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from llmspell.errors import StorageError
from llmspell.store.checks import check_journal
from llmspell.store.sqlite.coherence import Coherence
from llmspell.store.sqlite.connection import Connection
from llmspell.store.sqlite.errors import failure, prepare_place, wrong_file
from llmspell.store.sqlite.log import CHECKPOINT_PAGES
from llmspell.store.sqlite.tables import SCHEMA_VERSION, keeps_journal, make_tables

__all__ = ["APPLICATION_ID", "SqliteDriver"]

#: Written into the file's header, so that neither side mistakes the other's database: "LSpl".
APPLICATION_ID: Final = 0x4C53706C

# A commit writes each touched page once to the log, so small pages make small commits cheaper;
# below this, larger values spill over too many of them. Measured with 80-byte and 1,500-byte
# values against 1024, 4096 and 8192.
_PAGE_BYTES: Final = 2048
_WAL_LIMIT_BYTES: Final = 64 << 20
_OLDEST_SQLITE: Final = (3, 35, 0)  # DROP COLUMN
_SYNCHRONOUS: Final = {"commit": "NORMAL", "fsync": "FULL"}


class SqliteDriver:
    """Opens connections to one SQLite file and knows what differs from other databases.

    ``journal`` is for good: whether a database records every change is decided when it is made.
    ``max_bytes`` refuses to let the file grow beyond that size, as a full disk would.
    """

    name = "sqlite"
    #: What the driver raises; an overflow comes of numbers that only damage can have made.
    error = (sqlite3.Error, OverflowError)

    def __init__(
        self,
        path: Path,
        *,
        durability: str = "commit",
        busy_timeout_ms: int = 30_000,
        journal: bool = True,
        max_bytes: int | None = None,
    ) -> None:
        self.path = path
        self.journal = journal
        self.durability = durability
        self._busy_timeout_ms = busy_timeout_ms
        self._max_bytes = max_bytes

    def open_writer(self) -> Connection:
        """Open the writing connection; make the database when there is none.

        Raises StorageError for everything that is not a database this version can write.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StorageError(
                f"SQLite {sqlite3.sqlite_version} is too old",
                hint="use a Python built with SQLite 3.35 or newer",
                reason="unavailable",
            )
        self.path = prepare_place(self.path)
        connection: Connection | None = None
        try:
            connection = self._connect()
            self._ensure_database(connection.raw)
            self.set_durability(connection, self.durability)
            # Its answer must be fetched: an open statement would keep the log from being removed.
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}").fetchone()
            if self._max_bytes is not None:
                connection.execute(f"PRAGMA max_page_count = {self._max_bytes // _PAGE_BYTES}")
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise self.failure(error) from error
            raise
        return connection

    def open_reader(self) -> Connection:
        """Open a connection that cannot write."""
        try:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise self.failure(error) from error
        return connection

    def coherence(self, writer: Connection, *, after: Coherence | None) -> Coherence:
        """Return the epoch keeper that belongs to the writer connection and follows ``after``."""
        try:
            return Coherence(self.path, writer.raw, after=after)
        except sqlite3.Error as error:
            raise self.failure(error) from error

    def set_durability(self, connection: Connection, durability: str) -> None:
        """Choose what the connection's commits survive; not possible inside a transaction."""
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")

    def failure(self, error: Exception) -> StorageError:
        """Translate an error of the driver."""
        return failure(error, self.path)

    def facts(self, connection: Connection) -> dict[str, Any]:
        """Return where the database is and how large."""
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        return {"path": str(self.path), "bytes": pages * page_bytes}

    def _connect(self) -> Connection:
        raw = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_ms / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
        return Connection(raw)

    def _ensure_database(self, raw: sqlite3.Connection) -> None:
        # Nothing is written before it is clear that the file is ours or empty.
        if not self._is_ready(raw):
            raw.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            self._use_write_ahead_log(raw)
            raw.execute("BEGIN IMMEDIATE")
            if not self._is_ready(raw):  # another process may have been first
                make_tables(raw, journal=self.journal)
                raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                raw.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            raw.execute("COMMIT")
        check_journal(kept=keeps_journal(raw), wanted=self.journal)
        self._use_write_ahead_log(raw)
        raw.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")

    def _is_ready(self, raw: sqlite3.Connection) -> bool:
        """Tell whether the tables are as they should be; raise unless the file is ours or empty."""
        owner, version, objects = self._identify(raw)
        if owner == 0 and version == 0 and objects == 0:
            return False
        if owner != APPLICATION_ID:
            raise wrong_file(self.path, "it is the database of another application")
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"{self.path} was made by a newer llmspell (schema {version}, this one knows"
                f" {SCHEMA_VERSION})",
                hint="upgrade llmspell, or choose another path",
                reason="newer_version",
                path=str(self.path),
            )
        return version == SCHEMA_VERSION

    def _identify(self, raw: sqlite3.Connection) -> tuple[int, int, int]:
        """Return application, schema version and number of tables, all of one moment.

        Another process may be making the database: half of its answer would look foreign.
        """
        own_transaction = not raw.in_transaction
        if own_transaction:
            raw.execute("BEGIN")
        try:
            (objects,) = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
            (owner,) = raw.execute("PRAGMA application_id").fetchone()
            (version,) = raw.execute("PRAGMA user_version").fetchone()
        finally:
            if own_transaction:
                raw.execute("ROLLBACK")
        return owner, version, objects

    def _use_write_ahead_log(self, raw: sqlite3.Connection) -> None:
        # The switch needs the file alone for a moment, and SQLite does not wait for that.
        deadline = time.monotonic() + self._busy_timeout_ms / 1000
        while True:
            try:
                (mode,) = raw.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.002)
                continue
            if mode != "wal":
                raise StorageError(
                    f"{self.path} cannot use a write-ahead log here",
                    hint="put the database on a local file system",
                    reason="unavailable",
                    path=str(self.path),
                )
            return
