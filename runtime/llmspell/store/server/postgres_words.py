"""The statements that are PostgreSQL's own: many rows as arrays, one round trip for a write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from types import NoneType
from typing import Any, Final

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.schema import CreateIndex, CreateTable

from llmspell.store.base import Ref, Row
from llmspell.store.changes import Change
from llmspell.store.plan import Known, Record
from llmspell.store.server.tables import SERVER_SCHEMA_VERSION, entries, journal, meta, metadata

__all__ = [
    "BLOB_SIZE",
    "DIALECT",
    "FORGET",
    "LIVE",
    "LOCK_HEAD",
    "PURGE",
    "RESEAL",
    "SIZE",
    "address",
    "columns_of",
    "creation",
    "known",
    "read_entries",
    "recall",
    "write",
]

#: Its driver is not imported for that.
DIALECT: Final[Dialect] = PGDialect_psycopg(  # type: ignore[no-untyped-call]
    paramstyle="pyformat"
)

_ROW: Final = ", ".join(Row._fields)
_KNOWN: Final = ", ".join("blob IS NOT NULL" if name == "alive" else name for name in Known._fields)
LIVE: Final = (
    f"SELECT scope, key, {_KNOWN} FROM {entries.name} WHERE scope = ANY(%b) AND blob IS NOT NULL"
)
PURGE: Final = (
    f"DELETE FROM {entries.name} WHERE blob IS NULL AND"
    " (scope, key) IN (SELECT * FROM unnest(%b::text[], %b::text[]))"
)
SIZE: Final = (
    "SELECT sum(pg_total_relation_size(name::regclass))::bigint FROM unnest(%b::text[]) name"
)
#: For servers that do not tell what tables take.
BLOB_SIZE: Final = f"""
SELECT (SELECT coalesce(sum(length(blob)), 0) FROM {entries.name})
     + (SELECT coalesce(sum(length(blob)), 0) FROM {journal.name})
"""
#: Takes the right to write.
LOCK_HEAD: Final = f"SELECT seq, commits, floor FROM {meta.name} FOR UPDATE"
FORGET: Final = f"DELETE FROM {journal.name} WHERE seq = ANY(%b)"

RESEAL: Final = (
    f"UPDATE {journal.name} SET blob = given.blob"
    " FROM unnest(%b::bigint[], %b::bytea[]) AS given (seq, blob)"
    f" WHERE {journal.name}.seq = given.seq"
)


def _types(table: Table, fields: Sequence[str]) -> list[str]:
    names = {"BIGINT": "bigint", "INTEGER": "int", "BYTEA": "bytea"}
    return [names.get(table.c[field].type.compile(DIALECT), "text") for field in fields]


def address(refs: Sequence[Ref]) -> Sequence[Any]:
    """Return the parameters of a statement about these keys: one key, or two arrays."""
    return refs[0] if len(refs) == 1 else ([ref[0] for ref in refs], [ref[1] for ref in refs])


def _where(*, many: bool) -> str:
    if many:
        return "(scope, key) IN (SELECT * FROM unnest(%b::text[], %b::text[]))"
    return "scope = %s AND key = %s"


@cache
def read_entries(*, many: bool) -> str:
    """Select live rows; takes ``address`` and the present time."""
    return (
        f"SELECT {_ROW} FROM {entries.name} WHERE {_where(many=many)}"
        " AND blob IS NOT NULL AND (expires_at IS NULL OR expires_at > %s)"
    )


@cache
def known(*, many: bool) -> str:
    """Select what a plan must know; takes ``address``."""
    return f"SELECT scope, key, {_KNOWN} FROM {entries.name} WHERE {_where(many=many)}"


@cache
def recall(*, values: bool) -> str:
    """Select changes; takes an array of their numbers."""
    names = Change._fields if values else Change._fields[:-1]
    return f"SELECT {', '.join(names)} FROM {journal.name} WHERE seq = ANY(%b)"


@cache
def write(*, records: int, changes: int, notify: bool) -> str:
    """Write records, changes and the head in one statement.

    The counts are 0, 1, or 2 for arrays; see ``columns_of``. After them come seq, commits and
    floor, then channel and message when others are told.
    """
    parts = []
    if records:
        updates = ", ".join(f"{name} = excluded.{name}" for name in Record._fields[2:])
        parts.append(
            f"entry AS ({_insert(entries, Record._fields, records)}"
            f" ON CONFLICT (scope, key) DO UPDATE SET {updates})"
        )
    if changes:
        parts.append(f"change AS ({_insert(journal, Change._fields, changes)})")
    told = " RETURNING pg_notify(%s, %s)" if notify else ""
    prefix = f"WITH {', '.join(parts)} " if parts else ""
    return f"{prefix}UPDATE {meta.name} SET seq = %s, commits = %s, floor = %s{told}"


def _insert(table: Table, fields: Sequence[str], count: int) -> str:
    into = f"INSERT INTO {table.name} ({', '.join(fields)})"
    if count == 1:
        return f"{into} VALUES ({', '.join(['%s'] * len(fields))})"
    arrays = ", ".join(f"%b::{name}[]" for name in _types(table, fields))
    return f"{into} SELECT * FROM unnest({arrays})"


def columns_of(rows: Iterable[tuple[Any, ...]], count: int) -> Iterable[Any]:
    """Return the parameters of ``count`` rows: the fields of the only one, or arrays of them."""
    if count == 1:
        return next(iter(rows))
    return [_array(list(column)) for column in zip(*rows, strict=True)]


def _array(column: list[Any]) -> Any:
    # Numbers are most of what there is, and psycopg takes seven times as long for an array.
    if set(map(type, column)) <= {int, NoneType}:
        return "{" + str(column)[1:-1].replace("None", "NULL") + "}"
    return column


def creation(*, journal: bool, collate: bool) -> list[str]:
    """Return the statements that make the tables, in order."""
    made = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=DIALECT)))
        made += [str(CreateIndex(index).compile(dialect=DIALECT)) for index in table.indexes]
    if not collate:
        made = [text.replace(' COLLATE "C"', "") for text in made]
    first = f"INSERT INTO {meta.name} VALUES (1, {SERVER_SCHEMA_VERSION}, {int(journal)}, 0, 0, 0)"
    return [*made, first]
