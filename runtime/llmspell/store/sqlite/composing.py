"""Every statement of the SQLite store, written in SQLAlchemy Core and compiled to text.

    python -m llmspell.store.sqlite.composing

writes ``statements.json`` anew; a test fails when it is stale. So a program that uses State
need not wait for SQLAlchemy, whose import takes longer than most scripts, and executing text on
the driver's own connection costs a third of what SQLAlchemy's execution does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Select,
    Table,
    and_,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, ColumnClause
from sqlalchemy.sql.expression import ClauseElement, Join

from llmspell.store.base import Row
from llmspell.store.changes import Change
from llmspell.store.plan import Record
from llmspell.store.sqlite.schema import entries, facts, journal, metadata
from llmspell.store.sqlite.statements import (
    FILE,
    MOST_AT_ONCE,
    NO_NUMBER,
    REWRITES_AT_ONCE,
    variant,
)

__all__ = ["compose", "write"]

_Composed: TypeAlias = Iterator[tuple[str, ClauseElement]]
_ONE: ColumnClause[int] = literal_column("1")
# Without an offset of ours the dialect adds one, as a parameter nobody would pass.
_NO_OFFSET: ColumnClause[int] = literal_column("0")
_NO_BLOB: ColumnClause[bytes] = literal_column("x''")
_ROWID: ColumnClause[int] = literal_column("entries.rowid")
_IS_LIVE = entries.c.blob.is_not(None)
_EXPIRES = entries.c.expires_at
_ADDRESS = (entries.c.scope == bindparam("scope"), entries.c.key == bindparam("key"))
_ROW = [entries.c[name] for name in Row._fields]
_NOW: BindParameter[int] = bindparam("now")
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

#: What a rewrite tells of each entry, in the order its statement wants.
_GIVEN: Final = ("key", "was", "blob", "expires_at", "state_class")

_MISSING: Final = {
    "expires_at": str(NO_NUMBER),
    "last_seq": str(NO_NUMBER),
    "previous": str(NO_NUMBER),
    "actor": "''",
    "run_id": "''",
    "correlation_id": "''",
}


class _InOrder(Join):
    """A join whose left side SQLite goes through as it comes, looking for each on the right."""

    inherit_cache = True


@compiles(_InOrder)
def _compile_in_order(join: _InOrder, compiler: SQLCompiler, **how: Any) -> str:
    how["asfrom"] = True
    sides = f"{compiler.process(join.left, **how)} CROSS JOIN {compiler.process(join.right, **how)}"
    how["asfrom"] = False
    assert join.onclause is not None
    return f"{sides} ON {compiler.process(join.onclause, **how)}"


def compose() -> dict[str, Any]:
    """Return the tables' and indexes' texts, and each statement's with its parameters' names."""
    tables = metadata.sorted_tables
    statements = [*_writes(), *_reads(), *_of_journal(), *_variants()]
    return {
        "tables": [_ddl(CreateTable(table, if_not_exists=True)) for table in tables],
        "indexes": [
            _ddl(CreateIndex(index, if_not_exists=True))
            for table in tables
            for index in table.indexes
        ],
        "statements": {name: _compiled(statement) for name, statement in statements},
    }


def write() -> None:
    """Write the file the store reads."""
    FILE.write_text(json.dumps(compose(), indent=1) + "\n", encoding="utf-8")


def _ddl(statement: Any) -> str:
    return " ".join(str(statement.compile(dialect=dialect())).split())


def _compiled(statement: ClauseElement) -> list[Any]:
    compiled = statement.compile(dialect=dialect())
    assert isinstance(compiled, SQLCompiler)
    return [" ".join(compiled.string.split()), compiled.positiontup or []]


def _writes() -> _Composed:
    # The values of a record_row; the second replaces the row of an id that is at a version.
    yield "insert", _insert_all(entries, Record._fields)
    replaced = [(entries.c[name], _given(name)) for name in _REPLACED]
    replace = update(entries).ordered_values(*replaced)
    was = entries.c.version == bindparam("was")
    yield "replace", replace.where(bindparam("id") == _ROWID, was)
    statement = upsert(entries).values({name: _given(name) for name in Record._fields})
    new = {name: statement.excluded[name] for name in _REPLACED}
    yield "upsert", statement.on_conflict_do_update(index_elements=["scope", "key"], set_=new)
    yield "known_one", select(_ROWID, *_KNOWN).where(*_ADDRESS)
    known = select(entries.c.scope, entries.c.key, *_KNOWN)
    yield "known_scope", known.where(entries.c.scope == bindparam("scope"), _IS_LIVE)
    due = known.where(bindparam("now") >= _EXPIRES).order_by(_EXPIRES)
    yield "due", due.limit(bindparam("limit")).offset(_NO_OFFSET)
    same = (entries.c.blob == bindparam("old"), entries.c.version == bindparam("was"))
    resealed = update(entries).values(blob=bindparam("new"))
    yield "reseal_entry", resealed.where(*_ADDRESS, *same)
    yield "journal_inserted", _journal_inserted()
    yield "purge", delete(entries).where(*_ADDRESS, entries.c.blob.is_(None))


def _reads() -> _Composed:
    yield "read_one", select(*_ROW).where(*_ADDRESS, _IS_LIVE)
    users = entries.c.scope >= bindparam("first")
    totals = select(func.count(), func.count(entries.c.scope.distinct()))
    yield "totals", totals.where(users, _IS_LIVE, _unexpired())
    by = (entries.c.scope, entries.c.schema_version)
    of_users = entries.c.scope >= bindparam("lower")
    versions = select(*by, func.count()).where(of_users, _IS_LIVE, _unexpired())
    yield "versions", versions.group_by(*by).order_by(*by)
    yield "walk", _walk()
    any_entry = select(_ONE).where(entries.c.scope >= bindparam("first"))
    yield "any_entry", any_entry.limit(_ONE).offset(_NO_OFFSET)
    last_row = select(func.coalesce(func.max(_ROWID), literal_column("0")))
    yield "last_row", last_row.select_from(entries)
    yield "pin", select(_ONE).select_from(entries).limit(_ONE).offset(_NO_OFFSET)


def _of_journal() -> _Composed:
    yield "insert_change", _insert_all(journal, Change._fields)
    yield "last", select(func.coalesce(func.max(journal.c.seq), literal_column("0")))
    yield "facts", select(facts.c.name, facts.c.value)
    fact = upsert(facts).values(name=bindparam("name"), value=bindparam("value"))
    value = {"value": fact.excluded.value}
    yield "set_fact", fact.on_conflict_do_update(index_elements=["name"], set_=value)
    # The oldest changes above the floor: seq, at, op, previous.
    oldest = select(*(journal.c[name] for name in ("seq", "at", "op", "previous")))
    oldest = oldest.where(journal.c.seq > bindparam("floor")).order_by(journal.c.seq)
    yield "oldest", oldest.limit(bindparam("limit")).offset(_NO_OFFSET)
    reseal = update(journal).values(blob=bindparam("new"))
    number = journal.c.seq == bindparam("number")
    yield "reseal_change", reseal.where(number, journal.c.blob == bindparam("old"))
    yield "apply_rewrites", _apply_rewrites()
    forget = delete(journal).where(journal.c.seq == bindparam("number"))
    yield "forget", forget
    yield "forget_deletion", forget.where(journal.c.op != literal_column("'put'"))


def _variants() -> _Composed:
    """Yield the statements of which there is one for each length or set of conditions."""
    for exponent in range(MOST_AT_ONCE.bit_length()):
        count = 1 << exponent
        name = str(count)
        known = select(entries.c.scope, entries.c.key, *_KNOWN)
        yield variant("read_many", name), select(*_ROW).where(_among(count), _IS_LIVE, _unexpired())
        yield variant("known_many", name), known.where(_among(count))
        wanted: list[Any] = [bindparam(f"seq_{i}") for i in range(count)]
        yield variant("recall", name), select(*_CHANGE).where(journal.c.seq.in_(wanted))
    for count in REWRITES_AT_ONCE:
        yield variant("journal_rewrites", str(count)), _journal_rewrites(count)
    for composed, flags in (
        (_changes, ("values", "limit")),
        (_history, ("values", "below", "limit")),
        (_scan, ("values", "after", "upper", "limit")),
        (_scopes, ("upper",)),
    ):
        for chosen in product((False, True), repeat=len(flags)):
            conditions = dict(zip(flags, chosen, strict=True))
            name = composed.__name__.removeprefix("_")
            yield variant(name, *(f for f in flags if conditions[f])), composed(**conditions)


def _changes(*, values: bool, limit: bool) -> Select[Any]:
    columns = _CHANGE if values else _CHANGE_WITHOUT_VALUE
    query = select(*columns).where(journal.c.seq > bindparam("after")).order_by(journal.c.seq)
    return query.limit(bindparam("limit")).offset(_NO_OFFSET) if limit else query


def _history(*, values: bool, below: bool, limit: bool) -> Select[Any]:
    """Return what walks the changes of a key back, from the one its entry points to."""
    latest = select(entries.c.last_seq).where(*_ADDRESS).scalar_subquery()
    first = select(*_CHANGE).where(journal.c.seq == latest)
    walk = first.cte("walk", recursive=True)
    # Back and only back: in a damaged journal the way could lead in a ring.
    earlier = and_(journal.c.seq == walk.c.previous, journal.c.seq < walk.c.seq)
    walk = walk.union_all(select(*_CHANGE).where(earlier))
    columns = [walk.c[name] for name in Change._fields]
    query: Select[Any] = select(*(columns if values else [*columns[:-1], _NO_BLOB]))
    if below:
        query = query.where(walk.c.version < bindparam("below"))
    return query.limit(bindparam("limit")).offset(_NO_OFFSET) if limit else query


def _journal_rewrites(count: int) -> Any:
    """Return what notes the new values of those of ``count`` entries that are as they must be."""
    rows = (", ".join(f":{name}_{i}" for name in _GIVEN) for i in range(count))
    listed = text(f"VALUES {', '.join(f'({row})' for row in rows)}")
    # Only of what may be recursive older versions of SQLAlchemy name the columns.
    given = listed.columns(*(column(name) for name in _GIVEN)).cte("given", recursive=True)
    changed = {
        "at": bindparam("at"),
        "op": literal_column("'put'"),
        "version": entries.c.version + _ONE,
        "schema_version": bindparam("schema_version"),
        "state_class": given.c.state_class,
        "expires_at": func.nullif(given.c.expires_at, literal_column(_MISSING["expires_at"])),
        **{name: _given(name) for name in ("actor", "run_id", "correlation_id")},
        "previous": entries.c.last_seq,
        "blob": given.c.blob,
    }
    # Its number each gets from the database: the next one.
    names = Change._fields[1:]
    change = [changed[name] if name in changed else entries.c[name] for name in names]
    found = _InOrder(given, entries, entries.c.key == given.c.key)
    unchanged = (entries.c.version == given.c.was, _IS_LIVE, _unexpired(bindparam("at")))
    query = select(*change).select_from(found)
    query = query.where(entries.c.scope == bindparam("scope"), *unchanged)
    return insert(journal).from_select(list(names), query)


def _journal_inserted() -> Any:
    """Return what makes changes of the entries behind a row id, all of them new."""
    row = entries.c
    change = {
        "seq": row.last_seq,
        "at": bindparam("at"),
        "op": literal_column("'put'"),
        "actor": _given("actor"),
        "run_id": _given("run_id"),
        "correlation_id": func.coalesce(_given("correlation_id"), row.correlation_id),
        "previous": null(),
    }
    chosen = [change[name] if name in change else row[name] for name in Change._fields]
    query = select(*chosen).where(bindparam("row_id") < _ROWID).order_by(_ROWID)
    return insert(journal).from_select(list(Change._fields), query)


def _apply_rewrites() -> Any:
    """Return what makes entries of the changes after one position and up to another."""
    names = ("version", "schema_version", "state_class", "expires_at", "correlation_id", "blob")
    new = {name: journal.c[name] for name in names}
    rewrite = update(entries).values(new | {"updated_at": journal.c.at, "last_seq": journal.c.seq})
    same = (entries.c.scope == journal.c.scope, entries.c.key == journal.c.key)
    number = journal.c.seq
    return rewrite.where(number > bindparam("after"), number <= bindparam("last"), *same)


def _scan(*, values: bool, after: bool, upper: bool, limit: bool) -> Select[Any]:
    columns = _ROW if values else [*_ROW[:-1], _NO_BLOB]
    lower: BindParameter[str] = bindparam("lower")
    key = entries.c.key
    query: Select[Any] = (
        select(*columns)
        .where(entries.c.scope == bindparam("scope"), _IS_LIVE, _unexpired())
        .where(key > lower if after else key >= lower)
        .order_by(key)
    )
    if upper:
        query = query.where(key < bindparam("upper"))
    return query.limit(bindparam("limit")).offset(_NO_OFFSET) if limit else query


def _scopes(*, upper: bool) -> Select[Any]:
    scope = entries.c.scope
    query: Select[Any] = (
        select(scope, func.count())
        .where(scope >= bindparam("lower"), _IS_LIVE, _unexpired())
        .group_by(scope)
        .order_by(scope)
    )
    return query.where(scope < bindparam("upper")) if upper else query


def _walk() -> Select[Any]:
    # Compared as a pair, they are one range of the index wherever it begins.
    address: Any = tuple_(entries.c.scope, entries.c.key)
    past = address > tuple_(bindparam("scope"), bindparam("key"))
    query = select(*_ROW).where(past, _IS_LIVE, _unexpired())
    query = query.order_by(entries.c.scope, entries.c.key)
    return query.limit(bindparam("limit")).offset(_NO_OFFSET)


def _insert_all(table: Table, names: tuple[str, ...]) -> Any:
    return insert(table).values({name: _given(name) for name in names})


def _given(name: str) -> Any:
    """Return a column's parameter, in which something else stands for NULL."""
    missing = _MISSING.get(name)
    given: BindParameter[Any] = bindparam(name)
    return given if missing is None else func.nullif(given, literal_column(missing))


def _unexpired(now: BindParameter[int] = _NOW) -> Any:
    return or_(_EXPIRES.is_(None), now < _EXPIRES)


def _among(count: int) -> Any:
    keys: list[Any] = [bindparam(f"key_{i}") for i in range(count)]
    return and_(entries.c.scope == bindparam("scope"), entries.c.key.in_(keys))


if __name__ == "__main__":
    write()
