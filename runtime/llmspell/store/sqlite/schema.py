"""The tables of the SQLite store, as SQLAlchemy Core describes them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

from llmspell.store.columns import change_columns, record_columns

__all__ = ["entries", "facts", "journal", "metadata"]

metadata = MetaData()

#: Measured against a table without row ids: that one is 3 % faster with 80-byte values, but takes
#: 1.7 times as long to write and up to twice to read 1,500-byte ones, which its index pages have no
#: room for. So this is an ordinary table.
entries = Table("entries", metadata, *record_columns(scope=Text, key=Text, blob=LargeBinary))

#: What ends by itself, in the order of its end; rows that do not are not in it and cost nothing.
Index(
    "entries_expiring",
    entries.c.expires_at,
    sqlite_where=entries.c.expires_at.is_not(None),
)

journal = Table(
    "journal",
    metadata,
    *change_columns(
        Column("seq", Integer, primary_key=True), scope=Text, key=Text, blob=LargeBinary
    ),
)

#: Numbers of the store itself: ``journal``, whether it keeps one, ``floor``, how far that was
#: compacted, and ``removed``, how many of its changes are gone.
facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
