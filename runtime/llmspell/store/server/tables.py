"""The tables of a store on a database server, as SQLAlchemy Core describes them.

Their names begin with ``llmspell_``, since the database may hold other tables too.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.mysql import LONGBLOB
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import VARBINARY, TypeEngine

from llmspell.store.columns import change_columns, record_columns

__all__ = ["SERVER_SCHEMA_VERSION", "entries", "journal", "meta", "metadata"]

#: Raised with every change of the tables; a store made by a newer one is refused.
SERVER_SCHEMA_VERSION: Final = 1


class OrderedText(TypeDecorator[str]):
    """Text that is compared by code point: neither case nor alphabet plays a part.

    PostgreSQL has a collation for that. Elsewhere the UTF-8 bytes are stored, whose order is
    the same and which fit into an index that four bytes for each character would not.
    """

    impl = Text
    cache_ok = True

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Text(collation="C"))
        return dialect.type_descriptor(VARBINARY(self._max_bytes))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.encode()

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return bytes(value).decode() if isinstance(value, (bytes, bytearray)) else value


# MySQL's plain blob ends at 64 KiB.
_Blob: Final = LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")

metadata: Final = MetaData()

_scope, _key = OrderedText(256), OrderedText(1024)

entries: Final = Table(
    "llmspell_entries", metadata, *record_columns(scope=_scope, key=_key, blob=_Blob)
)
Index(
    "llmspell_entries_expires_at",
    entries.c.expires_at,
    postgresql_where=entries.c.expires_at.is_not(None),
)

journal: Final = Table(
    "llmspell_journal",
    metadata,
    *change_columns(
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        scope=_scope,
        key=_key,
        blob=_Blob,
    ),
)

#: The one row that whoever writes must hold: schema version, whether there is a journal (1 or
#: 0), the journal's last position, its floor, and the number of commits, which grows with
#: writes that leave no journal row too.
meta: Final = Table(
    "llmspell_meta",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("schema_version", Integer, nullable=False),
    Column("journal", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),
    Column("commits", BigInteger, nullable=False),
)
