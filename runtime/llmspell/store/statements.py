"""Every statement of the SQL store, written in SQLAlchemy Core and compiled once to text.

Executing the text on the driver's own connection costs a third of what SQLAlchemy's
execution does, and a store does little else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Dialect,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, ColumnClause
from sqlalchemy.sql.expression import ClauseElement

from llmspell.store.base import Row
from llmspell.store.schema import entries

__all__ = ["READ_MANY", "Statement", "Statements"]

#: How many entries one statement reads; longer lists take several in one transaction.
READ_MANY = 256

_ONE: ColumnClause[int] = literal_column("1")
# Without an offset of ours the dialect adds one, as a parameter nobody would pass.
_NO_OFFSET: ColumnClause[int] = literal_column("0")
_LIVE = entries.c.blob.is_not(None)
_ROW = [entries.c[name] for name in Row._fields]


class Statement(NamedTuple):
    """Text for the driver and the names of its positional parameters, in order."""

    text: str
    names: tuple[str, ...]

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """Put named values into the order the text wants; values it has no use for are left."""
        return tuple(values[name] for name in self.names)


class Statements:
    """The compiled statements for one dialect. ``insert`` is that dialect's upsert-capable one.

    ``put`` takes the fields of a Put with ``at`` twice, in the order of PUT_PARAMETERS.
    """

    PUT_PARAMETERS = (
        "scope",
        "key",
        "created_at",
        "updated_at",
        "schema_version",
        "state_class",
        "expires_at",
        "correlation_id",
        "blob",
    )

    def __init__(self, dialect: Dialect, insert: Callable[..., Any]) -> None:
        self._dialect = dialect
        address = (entries.c.scope == bindparam("scope"), entries.c.key == bindparam("key"))
        self.put = self._hot(_upsert(insert), *self.PUT_PARAMETERS)
        self.read_one = self._hot(select(*_ROW).where(*address, _LIVE), "scope", "key")
        self.version = self._hot(select(entries.c.version).where(*address, _LIVE), "scope", "key")
        bury = update(entries).values(
            version=entries.c.version + _ONE,
            updated_at=bindparam("at"),
            blob=literal_column("NULL"),
            correlation_id=literal_column("NULL"),
            expires_at=literal_column("NULL"),
        )
        self.delete = self._hot(
            bury.where(*address, _LIVE).returning(entries.c.version, entries.c.created_at),
            "at",
            "scope",
            "key",
        )
        self.clear = self._hot(
            bury.where(entries.c.scope == bindparam("scope"), _LIVE), "at", "scope"
        )
        self.totals = self._compile(
            select(func.count(), func.count(entries.c.scope.distinct())).where(_LIVE)
        ).text
        self.pin = self._compile(
            select(_ONE).select_from(entries).limit(_ONE).offset(_NO_OFFSET)
        ).text
        self.scan = lru_cache(maxsize=None)(self._scan)
        self.scopes = lru_cache(maxsize=None)(self._scopes)
        self.read_many = lru_cache(maxsize=None)(self._read_many)

    def _read_many(self, count: int) -> str:
        """Return the text that reads ``count`` entries given as scope, key, scope, key, ..."""
        pairs: list[Any] = [
            tuple_(bindparam(f"scope_{i}"), bindparam(f"key_{i}")) for i in range(count)
        ]
        wanted = tuple_(entries.c.scope, entries.c.key).in_(pairs)
        return self._compile(select(*_ROW).where(wanted, _LIVE)).text

    def _scan(self, *, values: bool, after: bool, upper: bool, limit: bool) -> Statement:
        columns = _ROW if values else _ROW[:-1]
        lower: BindParameter[str] = bindparam("lower")
        key = entries.c.key
        query = (
            select(*columns)
            .where(entries.c.scope == bindparam("scope"), _LIVE)
            .where(key > lower if after else key >= lower)
            .order_by(key)
        )
        if upper:
            query = query.where(key < bindparam("upper"))
        if limit:
            query = query.limit(bindparam("limit")).offset(_NO_OFFSET)
        return self._compile(query)

    def _scopes(self, *, upper: bool) -> Statement:
        scope = entries.c.scope
        query: Select[Any] = (
            select(scope, func.count())
            .where(scope >= bindparam("lower"), _LIVE)
            .group_by(scope)
            .order_by(scope)
        )
        if upper:
            query = query.where(scope < bindparam("upper"))
        return self._compile(query)

    def _compile(self, statement: ClauseElement) -> Statement:
        compiled = statement.compile(dialect=self._dialect)
        assert isinstance(compiled, SQLCompiler)
        return Statement(compiled.string, tuple(compiled.positiontup or ()))

    def _hot(self, statement: ClauseElement, *parameters: str) -> str:
        text, names = self._compile(statement)
        if names != parameters:
            raise AssertionError(f"parameters are {names}, the callers pass {parameters}")
        return text


def _upsert(insert: Callable[..., Any]) -> Any:
    first: dict[str, Any] = {name: bindparam(name) for name in Statements.PUT_PARAMETERS}
    statement = insert(entries).values(version=_ONE, born_version=_ONE, **first)
    new = statement.excluded
    was_deleted = entries.c.blob.is_(None)
    changed = {
        name: new[name] for name in Statements.PUT_PARAMETERS if name not in ("scope", "key")
    }
    changed |= {
        "version": entries.c.version + _ONE,
        "created_at": case((was_deleted, new.created_at), else_=entries.c.created_at),
        "born_version": case((was_deleted, entries.c.version + _ONE), else_=entries.c.born_version),
    }
    return statement.on_conflict_do_update(
        index_elements=[entries.c.scope, entries.c.key], set_=changed
    ).returning(entries.c.version, entries.c.created_at, entries.c.born_version)
