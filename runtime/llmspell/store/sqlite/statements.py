"""Every statement of the SQLite store, written in SQLAlchemy Core and compiled once to text.

Executing the text on the driver's own connection costs a third of what SQLAlchemy's
execution does, and a store does little else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import (
    Dialect,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, ColumnClause
from sqlalchemy.sql.expression import ClauseElement

from llmspell.store.base import Row
from llmspell.store.changes import Change
from llmspell.store.plan import Record
from llmspell.store.sqlite.schema import entries, facts, journal

__all__ = [
    "NO_NUMBER",
    "NO_TEXT",
    "Statement",
    "Statements",
    "parts",
    "parts_by_scope",
]

_READ_MANY: Final = 256

T = TypeVar("T")
_ONE: ColumnClause[int] = literal_column("1")
# Without an offset of ours the dialect adds one, as a parameter nobody would pass.
_NO_OFFSET: ColumnClause[int] = literal_column("0")
_NO_BLOB: ColumnClause[bytes] = literal_column("x''")
_ROWID: ColumnClause[int] = literal_column("entries.rowid")
_IS_LIVE = entries.c.blob.is_not(None)
_EXPIRES = entries.c.expires_at
_ADDRESS = (entries.c.scope == bindparam("scope"), entries.c.key == bindparam("key"))
_ROW = [entries.c[name] for name in Row._fields]
# The fields of plan.Known.
_KNOWN = [entries.c.version, entries.c.created_at, _EXPIRES, _IS_LIVE, entries.c.last_seq]
_CHANGE = [journal.c[name] for name in Change._fields]
_CHANGE_WITHOUT_VALUE = [*_CHANGE[:-1], _NO_BLOB]
#: What replacing an entry changes, in the order its statement wants.
_REPLACED: Final = (
    "version",
    "created_at",
    "updated_at",
    "schema_version",
    "state_class",
    "expires_at",
    "correlation_id",
    "blob",
    "last_seq",
)


def parts(items: Sequence[T]) -> Iterator[tuple[list[T], int]]:
    """Cut what one statement shall read into lists it can take, each with its length.

    Few texts serve every length: it is rounded up to a power of two, the last item repeated.
    """
    for start in range(0, len(items), _READ_MANY):
        part = items[start : start + _READ_MANY]
        count = 1 << (len(part) - 1).bit_length()
        yield [*part, *[part[-1]] * (count - len(part))], count


def parts_by_scope(refs: Iterable[tuple[str, str]]) -> Iterator[tuple[list[str], int]]:
    """Cut addresses into what one statement can read: a scope and then keys of it, and how many.

    SQLite would look for a list of (scope, key) pairs in the whole table, but finds a list of
    keys of one scope in the index.
    """
    keys: dict[str, list[str]] = {}
    for scope, key in refs:
        keys.setdefault(scope, []).append(key)
    for scope, of_scope in keys.items():
        for part, count in parts(of_scope):
            yield [scope, *part], count


#: What stands for NULL where a value may be missing: binding None takes the driver as long as
#: four other values.
NO_NUMBER: Final = -(2**63) + 1
NO_TEXT: Final = ""
_MISSING: Final = {
    "expires_at": str(NO_NUMBER),
    "last_seq": str(NO_NUMBER),
    "previous": str(NO_NUMBER),
    "actor": "''",
    "run_id": "''",
    "correlation_id": "''",
}


class Statement(NamedTuple):
    """Text for the driver and the names of its positional parameters, in order."""

    text: str
    names: tuple[str, ...]

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """Put named values into the order the text wants; values it has no use for are left."""
        return tuple(values[name] for name in self.names)


class Statements:
    """The compiled statements. Those with a lone text take what their comment says, in order."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compile_writes()
        self._compile_reads()
        self._compile_journal()
        self.scan = lru_cache(maxsize=None)(self._scan)
        self.scopes = lru_cache(maxsize=None)(self._scopes)
        self.read_many = lru_cache(maxsize=None)(self._read_many)
        self.known_many = lru_cache(maxsize=None)(self._known_many)
        self.recall = lru_cache(maxsize=None)(self._recall)
        self.changes = lru_cache(maxsize=None)(self._changes)
        self.history = lru_cache(maxsize=None)(self._history)

    def _compile_writes(self) -> None:
        # The values of a record_row; the second replaces the row with the id that comes last.
        self.insert = self._hot(_insert_all(entries, Record._fields), *Record._fields)
        replaced = [(entries.c[name], _given(name)) for name in _REPLACED]
        replace = update(entries).ordered_values(*replaced).where(bindparam("id") == _ROWID)
        self.replace = self._hot(replace, *_REPLACED, "id")
        statement = upsert(entries).values({name: _given(name) for name in Record._fields})
        new = {name: statement.excluded[name] for name in _REPLACED}
        self.upsert = self._hot(
            statement.on_conflict_do_update(index_elements=["scope", "key"], set_=new),
            *Record._fields,
        )
        # scope, key: the row id and the fields of a Known.
        self.known_one = self._hot(select(_ROWID, *_KNOWN).where(*_ADDRESS), "scope", "key")
        in_scope = select(entries.c.scope, entries.c.key, *_KNOWN).where(
            entries.c.scope == bindparam("scope"), _IS_LIVE
        )
        self.known_scope = self._hot(in_scope, "scope")
        due = select(entries.c.scope, entries.c.key, *_KNOWN).where(bindparam("now") >= _EXPIRES)
        due = due.order_by(_EXPIRES).limit(bindparam("limit")).offset(_NO_OFFSET)
        self.due = self._hot(due, "now", "limit")
        purge = delete(entries).where(*_ADDRESS, entries.c.blob.is_(None))
        self.purge = self._hot(purge, "scope", "key")

    def _compile_reads(self) -> None:
        self.read_one = self._hot(select(*_ROW).where(*_ADDRESS, _IS_LIVE), "scope", "key")
        users = entries.c.scope >= bindparam("first")
        totals = select(func.count(), func.count(entries.c.scope.distinct()))
        self.totals = self._hot(totals.where(users, _IS_LIVE, _unexpired()), "first", "now")
        pin = select(_ONE).select_from(entries).limit(_ONE).offset(_NO_OFFSET)
        self.pin = self._hot(pin)

    def _compile_journal(self) -> None:
        self.insert_change = self._hot(_insert_all(journal, Change._fields), *Change._fields)
        self.last = self._hot(select(func.coalesce(func.max(journal.c.seq), literal_column("0"))))
        self.facts = self._hot(select(facts.c.name, facts.c.value))
        fact = upsert(facts).values(name=bindparam("name"), value=bindparam("value"))
        changed = fact.on_conflict_do_update(
            index_elements=["name"], set_={"value": fact.excluded.value}
        )
        self.set_fact = self._hot(changed, "name", "value")
        # The oldest changes above the floor: seq, at, op, previous.
        oldest = select(*(journal.c[name] for name in ("seq", "at", "op", "previous")))
        oldest = oldest.where(journal.c.seq > bindparam("floor")).order_by(journal.c.seq)
        oldest = oldest.limit(bindparam("limit")).offset(_NO_OFFSET)
        self.oldest = self._hot(oldest, "floor", "limit")
        forget = delete(journal).where(journal.c.seq == bindparam("number"))
        self.forget = self._hot(forget, "number")
        is_deletion = journal.c.op != literal_column("'put'")
        self.forget_deletion = self._hot(forget.where(is_deletion), "number")

    def _read_many(self, count: int) -> Statement:
        """Return what reads entries of one scope: given that, ``count`` keys, and now."""
        return self._compile(select(*_ROW).where(_among(count), _IS_LIVE, _unexpired()))

    def _known_many(self, count: int) -> str:
        """Return what reads scope, key and the fields of a Known: given a scope and its keys."""
        query = select(entries.c.scope, entries.c.key, *_KNOWN).where(_among(count))
        return self._compile(query).text

    def _recall(self, count: int) -> str:
        """Return the text that reads ``count`` changes by their numbers."""
        wanted: list[Any] = [bindparam(f"seq_{i}") for i in range(count)]
        return self._compile(select(*_CHANGE).where(journal.c.seq.in_(wanted))).text

    def _changes(self, *, values: bool, limit: bool) -> Statement:
        columns = _CHANGE if values else _CHANGE_WITHOUT_VALUE
        query = select(*columns).where(journal.c.seq > bindparam("after")).order_by(journal.c.seq)
        if limit:
            query = query.limit(bindparam("limit")).offset(_NO_OFFSET)
        return self._compile(query)

    def _history(self, *, values: bool, below: bool, limit: bool) -> Statement:
        """Return what walks the changes of a key back, from the one its entry points to."""
        latest = select(entries.c.last_seq).where(*_ADDRESS).scalar_subquery()
        first = select(*_CHANGE).where(journal.c.seq == latest)
        walk = first.cte("walk", recursive=True)
        walk = walk.union_all(select(*_CHANGE).where(journal.c.seq == walk.c.previous))
        columns = [walk.c[name] for name in Change._fields]
        query = select(*(columns if values else [*columns[:-1], _NO_BLOB]))
        if below:
            query = query.where(walk.c.version < bindparam("below"))
        if limit:
            query = query.limit(bindparam("limit")).offset(_NO_OFFSET)
        return self._compile(query)

    def _scan(self, *, values: bool, after: bool, upper: bool, limit: bool) -> Statement:
        columns = _ROW if values else [*_ROW[:-1], _NO_BLOB]
        lower: BindParameter[str] = bindparam("lower")
        key = entries.c.key
        query = (
            select(*columns)
            .where(entries.c.scope == bindparam("scope"), _IS_LIVE, _unexpired())
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
            .where(scope >= bindparam("lower"), _IS_LIVE, _unexpired())
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


def _insert_all(table: Table, names: tuple[str, ...]) -> Any:
    return insert(table).values({name: _given(name) for name in names})


def _given(name: str) -> Any:
    """Return a column's parameter, in which something else stands for NULL."""
    missing = _MISSING.get(name)
    given: BindParameter[Any] = bindparam(name)
    return given if missing is None else func.nullif(given, literal_column(missing))


def _unexpired() -> Any:
    return or_(_EXPIRES.is_(None), bindparam("now") < _EXPIRES)


def _among(count: int) -> Any:
    keys: list[Any] = [bindparam(f"key_{i}") for i in range(count)]
    return and_(entries.c.scope == bindparam("scope"), entries.c.key.in_(keys))
