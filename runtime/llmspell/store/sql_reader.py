"""Reading from a SQL database: the same for a store and for a snapshot of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

from llmspell.errors import LlmSpellError
from llmspell.store.base import Ref, Row
from llmspell.store.checks import closed_error
from llmspell.store.connection import Connection
from llmspell.store.prefix import upper_bound
from llmspell.store.sqlite import SqliteDriver
from llmspell.store.statements import READ_MANY, Statement, Statements

__all__ = ["SqlReader", "SqlSnapshot"]

# A third of what calling the class costs; the statements select the fields in its order.
_new_row: Any = partial(tuple.__new__, Row)


class SqlReader(ABC):
    """Reads over the connection that ``_connection`` names."""

    def __init__(self, driver: SqliteDriver, statements: Statements) -> None:
        self._driver = driver
        self._statements = statements

    @abstractmethod
    def _connection(self) -> Connection: ...

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        connection = self._connection()
        try:
            with connection.lock:
                if len(refs) == 1:
                    row = connection.execute(self._statements.read_one, refs[0]).fetchone()
                    return [row and _new_row(row)]
                return self._read_many(connection, refs)
        except self._driver.error as error:
            raise self._failure(connection, error) from error

    def _read_many(self, connection: Connection, refs: Sequence[Ref]) -> list[Row | None]:
        if connection.closed:
            raise closed_error()
        found: dict[tuple[str, str], Row] = {}
        # Several statements need a transaction to see one moment; a snapshot is in one already.
        own_transaction = len(refs) > READ_MANY and not connection.raw.in_transaction
        if own_transaction:
            connection.execute("BEGIN")
        try:
            for start in range(0, len(refs), READ_MANY):
                part = refs[start : start + READ_MANY]
                # Few texts serve every length: it is rounded up, the last address repeated.
                count = 1 << (len(part) - 1).bit_length()
                padded = [*part, *[part[-1]] * (count - len(part))]
                text = self._statements.read_many(count)
                parameters = [text for ref in padded for text in ref]
                for row in connection.execute(text, parameters).fetchall():
                    found[row[:2]] = _new_row(row)
        finally:
            if own_transaction:
                connection.execute("ROLLBACK")
        return [found.get((scope, key)) for scope, key in refs]

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        upper = upper_bound(prefix)
        past = after is not None and after >= prefix
        statement = self._statements.scan(
            values=values, after=past, upper=upper is not None, limit=limit is not None
        )
        lower = after if past else prefix
        rows = self._fetch_all(statement, scope=scope, lower=lower, upper=upper, limit=limit)
        if values:
            return [_new_row(row) for row in rows]
        return [_new_row((*row, b"")) for row in rows]

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        upper = upper_bound(prefix)
        statement = self._statements.scopes(upper=upper is not None)
        return self._fetch_all(statement, lower=prefix, upper=upper)

    def _fetch_all(self, statement: Statement, **values: Any) -> list[Any]:
        connection = self._connection()
        try:
            with connection.lock:
                found = connection.execute(statement.text, statement.bind(values)).fetchall()
        except self._driver.error as error:
            raise self._failure(connection, error) from error
        return list(found)

    def _failure(self, connection: Connection, error: Exception) -> LlmSpellError:
        return closed_error() if connection.closed else self._driver.failure(error)


class SqlSnapshot(SqlReader):
    """Reads inside one read transaction on a connection of its own."""

    def __init__(
        self, driver: SqliteDriver, statements: Statements, connection: Connection
    ) -> None:
        super().__init__(driver, statements)
        self._only = connection

    def _connection(self) -> Connection:
        return self._only

    def pin(self) -> None:
        """Fix the moment: a transaction sees the database as of its first read."""
        try:
            with self._only.lock:
                self._only.execute("BEGIN")
                self._only.execute(self._statements.pin).fetchall()
        except self._driver.error as error:
            raise self._failure(self._only, error) from error
