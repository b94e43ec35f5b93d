"""One connection to PostgreSQL, over psycopg: few round trips, and none kept waiting."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Final, NamedTuple

import psycopg
from sqlalchemy import Executable
from sqlalchemy.sql.compiler import SQLCompiler

from llmspell.store.base import Ref
from llmspell.store.plan import Known
from llmspell.store.server import postgres_words as words
from llmspell.store.server.session import Changeset, Head
from llmspell.store.server.tables import entries, journal, meta

__all__ = ["PostgresSession", "Variant"]

# It warns of what it could not tidy up after a lost connection. The error that follows says what
# matters; without a handler of the host's the warning would stand before it on the terminal.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

_MOST: Final = 2**31 - 1
#: Any number will do that no other program is likely to lock.
_CREATION_LOCK: Final = 0x4C53706C


class Variant(NamedTuple):
    """What this server can do: databases that speak PostgreSQL's protocol differ in that."""

    notify: bool
    tells_sizes: bool
    collations: bool
    channel: str


class _Text(NamedTuple):
    text: str
    constants: dict[str, Any]


_compiled: dict[int, tuple[Executable, _Text]] = {}


def _text_of(statement: Executable) -> _Text:
    """Compile a statement once; those of the store are few and live as long as the program."""
    try:
        return _compiled[id(statement)][1]
    except KeyError:
        compiled = statement.compile(dialect=words.DIALECT)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        made = _Text(compiled.string, constants)
        _compiled[id(statement)] = (statement, made)
        return made


class PostgresSession:
    """See Session. The connection is in autocommit mode; transactions are begun by hand."""

    def __init__(self, raw: psycopg.Connection[Any], variant: Variant) -> None:
        self.lock = Lock()
        self.closed = False
        self._raw = raw
        self._variant = variant
        self._cursor = raw.cursor(binary=True)
        self._sent: Changeset | None = None

    def fetch(self, statement: Executable, values: Mapping[str, Any]) -> list[Any]:
        text, constants = _text_of(statement)
        if (limit := values.get("limit")) is not None and limit > _MOST:
            values = {**values, "limit": _MOST}
        return self._run(text, {**constants, **values})

    def read_entries(self, refs: Sequence[Ref], now: int) -> list[Any]:
        text = words.read_entries(many=len(refs) != 1)
        return self._run(text, (*words.address(refs), now))

    def recall(self, seqs: Sequence[int], *, values: bool) -> list[Any]:
        return self._run(words.recall(values=values), (list(seqs),))

    def begin_snapshot(self) -> None:
        with self._raw.pipeline():
            self._cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._cursor.execute("SELECT 1")

    def end_snapshot(self) -> None:
        self._cursor.execute("ROLLBACK")

    @contextmanager
    def writing(
        self, refs: Sequence[Ref], scopes: Sequence[str]
    ) -> Iterator[tuple[Head, dict[Ref, Known]]]:
        # Statements are sent together, and their answers are waited for once.
        # READ COMMITTED lets the second statement see what was committed while the first waited.
        self._sent = None
        connection = self._raw
        first, second, third = (connection.cursor(binary=True) for _ in range(3))
        try:
            with connection.pipeline() as pipeline:
                self._cursor.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                first.execute(words.LOCK_HEAD)
                if refs:
                    second.execute(words.known(many=len(refs) != 1), words.address(refs))
                if scopes:
                    third.execute(words.LIVE, (list(scopes),))
                # From here on the server counts as waiting for us, and does so for a limited time.
                pipeline.sync()
                head = Head(*first.fetchone())  # type: ignore[misc]
                rows = second.fetchall() if refs else []
                if scopes:
                    rows += third.fetchall()
                yield head, {Ref(row[0], row[1]): Known(*row[2:]) for row in rows}
                self._cursor.execute("ROLLBACK" if self._sent is None else "COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                if not connection.closed and connection.info.transaction_status:
                    connection.execute("ROLLBACK")
            raise

    def look_up(self, refs: Sequence[Ref]) -> dict[Ref, Known]:
        rows = self._run(words.known(many=len(refs) != 1), words.address(refs))
        return {Ref(row[0], row[1]): Known(*row[2:]) for row in rows}

    def store(self, changeset: Changeset) -> None:
        self._write(changeset, notify=False)

    def commit(self, changeset: Changeset) -> None:
        self._sent = changeset
        self._write(changeset, notify=self._variant.notify)

    def _write(self, changeset: Changeset, *, notify: bool) -> None:
        records, changes, head = changeset.records, changeset.changes, changeset.head
        many = min(len(records), 2), min(len(changes), 2)
        parameters: list[Any] = []
        if records:
            parameters += words.columns_of(records, many[0])
        if changes:
            parameters += words.columns_of(changes, many[1])
        parameters += head
        if notify:
            parameters += (self._variant.channel, f"{head.seq} {head.commits}")
        text = words.write(records=many[0], changes=many[1], notify=notify)
        self._cursor.execute(text, parameters)
        if changeset.purged:
            refs = changeset.purged
            self._cursor.execute(words.PURGE, ([ref[0] for ref in refs], [ref[1] for ref in refs]))
        if changeset.resealed:
            seqs, blobs = map(list, zip(*changeset.resealed, strict=True))
            self._cursor.execute(words.RESEAL, (seqs, blobs))
        if changeset.forgotten:
            self._cursor.execute(words.FORGET, (list(changeset.forgotten),))

    def made_as(self) -> tuple[int, bool] | None:
        ((there,),) = self._run("SELECT to_regclass(%s::text) IS NOT NULL", (meta.name,))
        if not there:
            return None
        rows = self._run(f"SELECT schema_version, journal <> 0 FROM {meta.name}")
        return rows[0] if rows else None

    def create_tables(self, *, journal: bool) -> None:
        with self._raw.transaction():
            if self._variant.collations:
                self._run("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))
            if self.made_as() is None:
                for text in words.creation(journal=journal, collate=self._variant.collations):
                    self._cursor.execute(text)

    def total_bytes(self) -> int:
        names = [entries.name, journal.name]
        sized = self._variant.tells_sizes
        ((total,),) = self._run(words.SIZE, (names,)) if sized else self._run(words.BLOB_SIZE)
        return int(total or 0)

    def listen(self) -> None:
        """Ask to be told of commits, where the server can tell."""
        if self._variant.notify:
            self._cursor.execute(f'LISTEN "{self._variant.channel}"')

    def fileno(self) -> int | None:
        return self._raw.fileno() if self._variant.notify else None

    def heard(self) -> list[tuple[int, int]]:
        positions = []
        for message in self._raw.notifies(timeout=0):
            seq, _, commits = message.payload.partition(" ")
            positions.append((int(seq), int(commits)))
        return positions

    def close(self) -> None:
        self.closed = True
        self._raw.close()

    def abandon(self) -> None:
        # Closing would tell the server that the parent goes; keeping the socket would hide from
        # the server that the parent has gone. So the socket alone is let go of.
        with suppress(psycopg.Error, OSError):
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, self._raw.fileno())
            os.close(nowhere)
        self.close()

    def _run(self, text: str, parameters: Any = None) -> list[Any]:
        return self._cursor.execute(text, parameters).fetchall()
