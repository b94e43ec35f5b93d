"""The questions a store asks of any database server, in SQLAlchemy Core.

Each is made once and then used again, so that drivers can keep what they compiled of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Executable,
    Select,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from llmspell.store.base import INTERNAL, Row
from llmspell.store.changes import Change
from llmspell.store.plan import Known, Record
from llmspell.store.server.tables import entries, journal, meta

__all__ = [
    "CHAIN",
    "alive",
    "chain",
    "changes",
    "due",
    "entry_columns",
    "head",
    "journal_columns",
    "known_columns",
    "last_seq",
    "record",
    "same_key",
    "scan",
    "scopes",
    "span",
    "step",
    "totals",
    "versions",
    "walk",
]

#: How many changes of a key one statement walks back over; MySQL allows 1,000.
CHAIN: Final = 500

entry_columns: Final = [entries.c[name] for name in Row._fields]
journal_columns: Final = [journal.c[name] for name in Change._fields]
_has_blob: Final = entries.c.blob.is_not(None)
known_columns: Final[list[Any]] = [
    _has_blob.label(name) if name == "alive" else entries.c[name] for name in Known._fields
]
#: An entry that is neither deleted nor expired; takes ``now``.
alive: Final = and_(
    _has_blob, or_(entries.c.expires_at.is_(None), entries.c.expires_at > bindparam("now"))
)
same_key: Final = and_(entries.c.scope == bindparam("scope"), entries.c.key == bindparam("key"))
_of_users: Final[ColumnElement[bool]] = or_(
    entries.c.scope < INTERNAL, entries.c.scope >= chr(ord(INTERNAL) + 1)
)

#: Position, number of commits and floor.
head: Final = select(meta.c.seq, meta.c.commits, meta.c.floor)
#: Floor, position and number of rows of the journal.
span: Final = select(
    meta.c.floor, meta.c.seq, select(func.count()).select_from(journal).scalar_subquery()
)
#: All that is stored of one key.
record: Final = select(*(entries.c[name] for name in Record._fields)).where(same_key)
last_seq: Final = select(entries.c.last_seq).where(same_key)
totals: Final = select(func.count(), func.count(entries.c.scope.distinct())).where(alive, _of_users)
#: Entries whose time was up by ``now``, the longest gone first, deleted ones included.
due: Final = (
    select(entries.c.scope, entries.c.key, *known_columns)
    .where(entries.c.expires_at <= bindparam("now"))
    .order_by(entries.c.expires_at)
    .limit(bindparam("limit"))
)


class _Behind(ColumnElement[bool]):
    """Behind ``scope`` and ``key`` in the order of both: one range of the index.

    Most servers see that only in one of two ways to say it, and not all know the shorter one.
    """

    inherit_cache = False
    type = Boolean()

    def __init__(self) -> None:
        scope, key = entries.c.scope, entries.c.key
        its_scope: Any = bindparam("scope", type_=scope.type)
        its_key: Any = bindparam("key", type_=key.type)
        self.as_pair = tuple_(scope, key) > tuple_(its_scope, its_key)
        self.in_words = or_(scope > its_scope, and_(scope == its_scope, key > its_key))

    def self_group(self, against: Any = None) -> _Behind:
        """Return itself: where there are no truth values it would be compared with 1."""
        return self


@compiles(_Behind)
def _compile_in_words(behind: _Behind, compiler: SQLCompiler, **how: Any) -> str:
    return f"({compiler.process(behind.in_words, **how)})"


@compiles(_Behind, "postgresql")
@compiles(_Behind, "sqlite")
def _compile_as_pair(behind: _Behind, compiler: SQLCompiler, **how: Any) -> str:
    return compiler.process(behind.as_pair, **how)


#: Entries of all scopes behind ``scope`` and ``key``.
walk: Final = (
    select(*entry_columns)
    .where(_Behind(), alive)
    .order_by(entries.c.scope, entries.c.key)
    .limit(bindparam("limit"))
)
#: The changes that compaction looks at next, from the one at the floor on.
step: Final = (
    select(journal.c.seq, journal.c.at, journal.c.op, journal.c.previous)
    .where(journal.c.seq >= bindparam("floor"))
    .order_by(journal.c.seq)
    .limit(bindparam("limit"))
)


@cache
def scan(*, values: bool, after: bool, upper: bool, limit: bool) -> Executable:
    """Entries of ``scope`` with keys from ``lower`` on, or ``after`` it, and below ``upper``."""
    key = entries.c.key
    query: Select[Any] = (
        select(*(entry_columns if values else entry_columns[:-1]))
        .where(entries.c.scope == bindparam("scope"), alive)
        .where(key > bindparam("lower") if after else key >= bindparam("lower"))
        .order_by(key)
    )
    if upper:
        query = query.where(key < bindparam("upper"))
    return query.limit(bindparam("limit")) if limit else query


@cache
def scopes(*, upper: bool) -> Executable:
    """Scopes of users from ``lower`` on, below ``upper``, with the number of their entries."""
    scope = entries.c.scope
    query: Select[Any] = (
        select(scope, func.count())
        .where(scope >= bindparam("lower"), alive, _of_users)
        .group_by(scope)
        .order_by(scope)
    )
    return query.where(scope < bindparam("upper")) if upper else query


@cache
def versions() -> Executable:
    """Scopes of users and schema versions with the number of entries that have both."""
    by = (entries.c.scope, entries.c.schema_version)
    query: Select[Any] = select(*by, func.count()).where(alive, _of_users)
    return query.group_by(*by).order_by(*by)


@cache
def changes(*, values: bool, limit: bool) -> Executable:
    """Changes with a number above ``after``, in order."""
    query: Select[Any] = (
        select(*(journal_columns if values else journal_columns[:-1]))
        .where(journal.c.seq > bindparam("after"))
        .order_by(journal.c.seq)
    )
    return query.limit(bindparam("limit")) if limit else query


def _chain() -> Executable:
    columns = (journal.c.seq, journal.c.previous, journal.c.version)
    first = select(*columns, literal(1).label("step")).where(journal.c.seq == bindparam("start"))
    walk = first.cte("walk", recursive=True)
    older = journal.alias("older")
    walk = walk.union_all(
        select(older.c.seq, older.c.previous, older.c.version, walk.c.step + 1).where(
            older.c.seq == walk.c.previous, walk.c.step < bindparam("count")
        )
    )
    return select(walk.c.seq, walk.c.previous, walk.c.version).order_by(walk.c.step)


#: Number, predecessor and version of the changes of one key: ``count`` back from ``start``.
chain: Final = _chain()
