"""The columns of the two tables of every SQL store: the fields of a Record and of a Change."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

__all__ = ["change_columns", "record_columns"]

_Type: TypeAlias = TypeEngine[Any] | type[TypeEngine[Any]]


def record_columns(*, scope: _Type, key: _Type, blob: _Type) -> list[SchemaItem]:
    """Return the columns of the entries: one row per key.

    A deleted entry stays for a while as a tombstone, a row without a blob, because it carries
    the version that the key must not use again; its ``expires_at`` is when it may go.
    """
    return [
        Column("scope", scope, nullable=False),
        Column("key", key, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("schema_version", Integer, nullable=False),
        Column("state_class", Text, nullable=False),
        Column("expires_at", BigInteger),
        Column("correlation_id", Text),
        Column("blob", blob),
        Column("last_seq", BigInteger),
        PrimaryKeyConstraint("scope", "key"),
    ]


def change_columns(seq: Column[int], *, scope: _Type, key: _Type, blob: _Type) -> list[SchemaItem]:
    """Return the columns of the journal: one row per change.

    Each points to the change of its key before it, and the entry to its last, so history needs
    no index of its own.
    """
    return [
        seq,
        Column("at", BigInteger, nullable=False),
        Column("scope", scope, nullable=False),
        Column("key", key, nullable=False),
        Column("op", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("schema_version", Integer, nullable=False),
        Column("state_class", Text, nullable=False),
        Column("expires_at", BigInteger),
        Column("actor", Text),
        Column("run_id", Text),
        Column("correlation_id", Text),
        Column("previous", BigInteger),
        Column("blob", blob, nullable=False),
    ]
