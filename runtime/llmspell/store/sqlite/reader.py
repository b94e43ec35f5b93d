"""Reading entries from SQLite: the same for a store and for a snapshot of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Final

from llmspell.errors import LlmSpellError
from llmspell.store.base import FIRST_SCOPE, Ref, Row
from llmspell.store.checks import closed_error
from llmspell.store.clock import Clock
from llmspell.store.prefix import upper_bound
from llmspell.store.sqlite.connection import Connection
from llmspell.store.sqlite.driver import SqliteDriver
from llmspell.store.sqlite.statements import Statement, Statements, parts_by_scope

__all__ = ["SqliteReader", "SqliteSnapshot"]

# A third of what calling the class costs; the statements select the fields in its order.
_new_row: Any = partial(tuple.__new__, Row)
_BEFORE_ALL: Final = Ref(FIRST_SCOPE, "")


class SqliteReader(ABC):
    """Reads over the connection that ``_connection`` names."""

    def __init__(self, driver: SqliteDriver, statements: Statements, clock: Clock) -> None:
        self._driver = driver
        self._statements = statements
        self._clock = clock

    @abstractmethod
    def _connection(self) -> Connection: ...

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        connection = self._connection()
        try:
            with connection.lock:
                if len(refs) == 1:
                    row = connection.execute(self._statements.read_one, refs[0]).fetchone()
                    if row is None or (row[7] is not None and row[7] <= self._clock()):
                        return [None]
                    return [_new_row(row)]
                return self._read_many(connection, refs)
        except self._driver.error as error:
            raise self._failure(connection, error) from error

    def _read_many(self, connection: Connection, refs: Sequence[Ref]) -> list[Row | None]:
        if connection.closed:
            raise closed_error()
        found: dict[tuple[str, str], Row] = {}
        now = self._clock()
        # Several statements need a transaction to see one moment; a snapshot is in one already.
        asked = list(parts_by_scope(refs))
        alone = len(asked) < 2 or connection.raw.in_transaction
        with nullcontext() if alone else connection.moment():
            for part, count in asked:
                text = self._statements.read_many(count)
                for row in connection.execute(text, [*part, now]).fetchall():
                    found[row[:2]] = _new_row(row)
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
        bounds = {"scope": scope, "lower": lower, "upper": upper, "limit": limit}
        rows = self._fetch_all(statement, **bounds, now=self._clock())
        return [_new_row(row) for row in rows]

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        upper = upper_bound(prefix)
        statement = self._statements.scopes(upper=upper is not None)
        # Internal scopes come before all others.
        lower = max(prefix, FIRST_SCOPE)
        return self._fetch_all(statement, lower=lower, upper=upper, now=self._clock())

    def versions(self) -> list[tuple[str, int, int]]:
        statement = self._statements.versions
        return self._fetch_all(statement, lower=FIRST_SCOPE, now=self._clock())

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        # Internal scopes come before all others, and no key is empty.
        scope, key = max(after or _BEFORE_ALL, _BEFORE_ALL)
        statement = self._statements.walk
        rows = self._fetch_all(statement, scope=scope, key=key, limit=limit, now=self._clock())
        return [_new_row(row) for row in rows]

    def position(self) -> int:
        ((last,),) = self._fetch_all(Statement(self._statements.last, ()))
        return int(last)

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


class SqliteSnapshot(SqliteReader):
    """Reads inside one read transaction on a connection of its own."""

    def __init__(
        self, driver: SqliteDriver, statements: Statements, clock: Clock, connection: Connection
    ) -> None:
        super().__init__(driver, statements, clock)
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
