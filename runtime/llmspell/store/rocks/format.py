"""How entries, changes and indexes are laid out in RocksDB's key spaces.

Keys compare as bytes, and UTF-8 keeps the order of code points. A scope ends with a mark that
sorts below everything it may be followed by, so scope and key never run together and scopes
stay sorted.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, Final

from msgpack import packb, unpackb

from llmspell.store.base import Ref, Row
from llmspell.store.changes import Change
from llmspell.store.plan import Known, Record

__all__ = [
    "ALIVE",
    "FORMAT",
    "TOMBSTONE",
    "change_of",
    "count_of",
    "due_name",
    "entry_name",
    "known_of",
    "live_row",
    "pack_change",
    "pack_count",
    "pack_record",
    "scope_name",
    "scope_prefix",
    "seq_name",
    "seq_of",
    "split_due",
    "split_name",
]

#: Raised with every change of this layout; a database of a newer one is refused.
FORMAT: Final = 1

#: What the index of times says of an entry.
ALIVE: Final = b"\x01"
TOMBSTONE: Final = b"\x00"

_END: Final = b"\x00\x01"
_ZERO: Final = b"\x00\xff"  # a zero byte inside a scope
_BYTES: Final = 8
_LOWEST: Final = -(1 << 63)

_new_row: Any = partial(tuple.__new__, Row)
_new_change: Any = partial(tuple.__new__, Change)


def scope_prefix(prefix: str) -> bytes:
    """Return what the names of all scopes begin with that begin with ``prefix``."""
    return prefix.encode().replace(b"\x00", _ZERO)


@lru_cache(1024)
def scope_name(scope: str) -> bytes:
    """Return the name of a scope, which the names of its entries begin with."""
    return scope_prefix(scope) + _END


def entry_name(scope: str, key: str) -> bytes:
    """Return the name of an entry."""
    return scope_name(scope) + key.encode()


def split_name(name: bytes) -> Ref:
    """Return scope and key of an entry's name; the key of a scope's name is empty."""
    scope, _, key = name.partition(_END)
    return Ref(scope.replace(_ZERO, b"\x00").decode(), key.decode())


def seq_name(seq: int) -> bytes:
    """Return the name of a change."""
    return seq.to_bytes(_BYTES, "big")


def seq_of(name: bytes) -> int:
    """Return the number in a change's name."""
    return int.from_bytes(name, "big")


def due_name(at: int, name: bytes) -> bytes:
    """Return the name of an entry in the index of times, which sorts by time."""
    return (at - _LOWEST).to_bytes(_BYTES, "big") + name


def split_due(due: bytes) -> tuple[int, bytes]:
    """Return the time and the name of the entry."""
    return int.from_bytes(due[:_BYTES], "big") + _LOWEST, due[_BYTES:]


def pack_count(count: int) -> bytes:
    """Return a number as it is stored."""
    return count.to_bytes(_BYTES, "big")


def count_of(packed: bytes | None) -> int:
    """Return a stored number, 0 for none."""
    return 0 if packed is None else int.from_bytes(packed, "big")


def pack_record(record: Record) -> bytes:
    """Return a record as it is stored: all but its address."""
    return packb(record[2:])  # type: ignore[no-any-return]


def known_of(packed: bytes) -> Known:
    """Return what a plan wants to know of a stored record."""
    version, created_at, _, _, _, expires_at, _, blob, last_seq = unpackb(packed)
    return Known(version, created_at, expires_at, blob is not None, last_seq)


def live_row(ref: tuple[str, str], packed: bytes | None, now: int) -> Row | None:
    """Return the row of a stored record; None for a tombstone and for what has expired."""
    if packed is None:
        return None
    fields = unpackb(packed)
    expires_at = fields[5]
    if fields[7] is None or (expires_at is not None and expires_at <= now):
        return None
    return _new_row((*ref, *fields[:8]))  # type: ignore[no-any-return]


def pack_change(change: Change) -> bytes:
    """Return a change as it is stored: all but its number."""
    return packb(change[1:])  # type: ignore[no-any-return]


def change_of(seq: int, packed: bytes, *, values: bool = True) -> Change:
    """Return a stored change, without its blob if no values are asked for."""
    change: Change = _new_change((seq, *unpackb(packed)))
    return change if values else change._replace(blob=b"")
