"""Records and changes as the statements of SQLite want them: without None, which is slow to bind.

The driver looks for an adapter of every ``bytes`` and every None, at a microsecond each; it
has none to look for with numbers, text and ``bytearray``.
"""

from __future__ import annotations

from typing import Any

from llmspell.store.changes import Change
from llmspell.store.plan import Record
from llmspell.store.sqlite.statements import NO_NUMBER, NO_TEXT

__all__ = ["change_row", "record_row"]


def record_row(record: Record) -> tuple[Any, ...]:
    """Return the values of ``insert`` and ``upsert``."""
    address = record[:7]
    _, _, _, _, _, _, _, expires_at, correlation_id, blob, last_seq = record
    return (
        *address,
        NO_NUMBER if expires_at is None else expires_at,
        correlation_id or NO_TEXT,
        None if blob is None else bytearray(blob),
        NO_NUMBER if last_seq is None else last_seq,
    )


def change_row(change: Change) -> tuple[Any, ...]:
    """Return the values of ``insert_change``."""
    _, _, _, _, _, _, _, _, _, expires_at, actor, run_id, correlation_id, previous, blob = change
    return (
        *change[:9],
        NO_NUMBER if expires_at is None else expires_at,
        actor or NO_TEXT,
        run_id or NO_TEXT,
        correlation_id or NO_TEXT,
        NO_NUMBER if previous is None else previous,
        bytearray(blob),
    )
