"""The yardsticks: databases used directly, with bytes that are encoded already."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import count, islice
from typing import Any, Final

from benchmarks.candidate import Candidate, Opened, Setting, Subject
from benchmarks.packages import imported
from benchmarks.workload import KEYS, PAGE, PAGE_AFTER, SCOPE, deletes, key, loads, value
from llmspell.store import codec

__all__ = ["SUBJECTS"]

#: A prime number of different values, so that no key meets the same one twice in a row.
BLOBS: Final = [codec.encode(value(number)) for number in range(997)]

CREATE: Final = "CREATE TABLE bare (scope TEXT, key TEXT, value {bytes}, PRIMARY KEY (scope, key))"
#: Statements for both databases; ``?`` becomes the driver's own placeholder.
UPSERT: Final = (
    "INSERT INTO bare VALUES (?, ?, ?)"
    " ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value"
)
SELECT: Final = "SELECT value FROM bare WHERE scope = ? AND key = ?"
DELETE: Final = "DELETE FROM bare WHERE scope = ? AND key = ?"
KEYS_AFTER: Final = f"SELECT key FROM bare WHERE scope = ? AND key > ? ORDER BY key LIMIT {PAGE}"


class SqlCalls:
    """The operations over any DB-API connection that commits each statement by itself."""

    def __init__(self, connection: Any, placeholder: str, begin: str, batch: int) -> None:
        self._cursor = connection.cursor()
        self._begin, self._batch = begin, batch
        self._sql = [
            text.replace("?", placeholder) for text in (UPSERT, SELECT, DELETE, KEYS_AFTER)
        ]
        self._numbers = count()
        self.fill(KEYS, key)

    def fill(self, calls: int, name: Callable[[int], str]) -> None:
        """Write entries in one transaction."""
        first = next(self._numbers)
        rows = [(SCOPE, name(i), BLOBS[(first + i) % 997]) for i in range(calls)]
        self._cursor.execute(self._begin)
        self._cursor.executemany(self._sql[0], rows)
        self._cursor.execute("COMMIT")

    def save(self, calls: int) -> None:
        """Upsert, each committed."""
        execute, upsert = self._cursor.execute, self._sql[0]
        for number in islice(self._numbers, calls):
            execute(upsert, (SCOPE, key(number), BLOBS[number % 997]))

    def load(self, name: str) -> Any:
        """Select one value."""
        return self._cursor.execute(self._sql[1], (SCOPE, name)).fetchone()

    def delete(self, name: str) -> None:
        """Delete one row, committed."""
        self._cursor.execute(self._sql[2], (SCOPE, name))

    def list_keys(self, calls: int) -> None:
        """Select a page of keys."""
        for _ in range(calls):
            self._cursor.execute(self._sql[3], (SCOPE, PAGE_AFTER)).fetchall()

    def transaction(self, calls: int) -> None:
        """Read two, write two, commit."""
        execute, upsert = self._cursor.execute, self._sql[0]
        for number in islice(self._numbers, calls):
            execute(self._begin)
            for name in ("key1", "key2"):
                self.load(name)
            execute(upsert, (SCOPE, "key1", BLOBS[number % 997]))
            execute(upsert, (SCOPE, "key2", BLOBS[(number + 1) % 997]))
            execute("COMMIT")

    def save_many(self, calls: int) -> None:
        """Upsert a batch in one transaction."""
        for _ in range(calls):
            self.fill(self._batch, lambda i: f"key{i}")

    def candidates(self, subject: str) -> Opened:
        """Yield them all."""
        name = f"{subject}/python"
        yield Candidate(f"{name}/save", self.save)
        yield Candidate(f"{name}/load_uncached", loads(self.load))
        yield Candidate(
            f"{name}/delete", deletes(self.delete), lambda n: self.fill(n, lambda i: f"d{i}")
        )
        yield Candidate(f"{name}/list_keys", self.list_keys)
        yield Candidate(f"{name}/transaction", self.transaction)
        yield Candidate(f"{name}/save_many", self.save_many, step=self._batch)


def _sqlite(setting: Setting) -> Opened:
    connection = sqlite3.connect(setting.folder / "bare.db", isolation_level=None)
    setting.stack.callback(connection.close)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(CREATE.format(bytes="BLOB"))
    yield from SqlCalls(connection, "?", "BEGIN IMMEDIATE", setting.batch).candidates(
        "bare-sqlite3"
    )


def _psycopg(setting: Setting) -> Opened:
    psycopg = imported("psycopg", "'psycopg[binary]'")
    connection = psycopg.connect(setting.postgres.database("bare"), autocommit=True)
    setting.stack.callback(connection.close)
    connection.execute(CREATE.format(bytes="BYTEA"))
    yield from SqlCalls(connection, "%s", "BEGIN", setting.batch).candidates("bare-psycopg")


def _rocksdict(setting: Setting) -> Opened:
    rocksdict = imported("rocksdict", "rocksdict")
    options = rocksdict.Options(raw_mode=True)
    database = rocksdict.Rdict(str(setting.folder / "bare-rocksdb"), options)
    setting.stack.callback(database.close)

    numbers = count()

    def save(calls: int) -> None:
        for number in islice(numbers, calls):
            database[key(number).encode()] = BLOBS[number % 997]

    def save_many(calls: int) -> None:
        for first in islice(numbers, calls):
            batch = rocksdict.WriteBatch(raw_mode=True)
            for number in range(setting.batch):
                batch.put(b"key%d" % number, BLOBS[(first + number) % 997])
            database.write(batch)

    def prepare(calls: int) -> None:
        for number in range(calls):
            database[b"d%d" % number] = b"1"

    save(KEYS)
    name = "bare-rocksdict/python"
    yield Candidate(f"{name}/save", save)
    yield Candidate(f"{name}/load_uncached", loads(lambda k: database[k.encode()]))
    yield Candidate(f"{name}/delete", deletes(lambda k: database.delete(k.encode())), prepare)
    yield Candidate(f"{name}/save_many", save_many, step=setting.batch)


_SQL: Final = tuple(
    f"python/{operation}"
    for operation in ("save", "load_uncached", "delete", "list_keys", "transaction", "save_many")
)
_ROCKS: Final = tuple(
    f"python/{operation}" for operation in ("save", "load_uncached", "delete", "save_many")
)
SUBJECTS: Final = (
    Subject("bare-sqlite3", _SQL, _sqlite),
    Subject("bare-psycopg", _SQL, _psycopg),
    Subject("bare-rocksdict", _ROCKS, _rocksdict),
)
