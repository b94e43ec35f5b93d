"""What a plan must know, and putting what it decided into one batch, indexes included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgpack import packb, unpackb

from llmspell.store.backend import Resealed
from llmspell.store.base import INTERNAL, Ref
from llmspell.store.plan import Known, Plan
from llmspell.store.rocks.format import (
    ALIVE,
    TOMBSTONE,
    count_of,
    due_name,
    entry_name,
    known_of,
    pack_change,
    pack_count,
    pack_record,
    scope_name,
    seq_name,
    split_name,
)
from llmspell.store.rocks.reader import due_until, get_many

if TYPE_CHECKING:
    from rocksdict import WriteBatch

    from llmspell.store.rocks.place import Tables

__all__ = [
    "add_count",
    "add_counts",
    "add_plan",
    "add_records",
    "add_resealed",
    "due_records",
    "known_records",
]


def known_records(
    tables: Tables, refs: Sequence[Ref], cleared: Sequence[str] = ()
) -> dict[Ref, Known]:
    """Return what is stored of these keys, and of all that live in the cleared scopes."""
    names = [entry_name(scope, key) for scope, key in refs]
    found = get_many(tables.entries, names)
    known = {
        ref: known_of(packed) for ref, packed in zip(refs, found, strict=True) if packed is not None
    }
    if not cleared:
        return known
    entries = tables.entries.iter()
    for scope in cleared:
        first = scope_name(scope)
        entries.seek(first)
        while (name := entries.key()) is not None and name.startswith(first):
            this = known_of(entries.value())
            if this.alive:
                known[split_name(name)] = this
            entries.next()
    entries.status()
    return known


def due_records(
    tables: Tables, now: int, limit: int
) -> tuple[list[Ref], list[tuple[int, bytes]], bool]:
    """Return the entries to bury, the tombstones to remove, and whether that is all."""
    expired: list[Ref] = []
    buried: list[tuple[int, bytes]] = []
    expiry = tables.expiry.iter()
    for at, name, alive in due_until(expiry, now):
        if len(expired) + len(buried) == limit:
            return expired, buried, False
        if alive:
            expired.append(split_name(name))
        else:
            buried.append((at, name))
    expiry.status()
    return expired, buried, True


def add_plan(batch: WriteBatch, tables: Tables, plan: Plan, known: Mapping[Ref, Known]) -> None:
    """Add the records and changes of a plan that was made from ``known``, and what they count."""
    counts: dict[str, int] = {}
    add_records(batch, tables, plan, known, counts)
    add_counts(batch, tables, counts)


def add_records(
    batch: WriteBatch,
    tables: Tables,
    plan: Plan,
    known: Mapping[Ref, Known],
    counts: dict[str, int],
) -> None:
    """Add the records and changes of a plan; ``counts`` tells by how many each scope grows."""
    for ref, record in plan.records.items():
        name = entry_name(*ref)
        batch.put(name, pack_record(record), tables.to_entries)
        before = known.get(ref)
        if before is not None and before.expires_at is not None:
            batch.delete(due_name(before.expires_at, name), tables.to_expiry)
        alive = record.blob is not None
        if record.expires_at is not None:
            due = due_name(record.expires_at, name)
            batch.put(due, ALIVE if alive else TOMBSTONE, tables.to_expiry)
        if alive != (before is not None and before.alive):
            counts[record.scope] = counts.get(record.scope, 0) + (1 if alive else -1)
    for change in plan.changes:
        batch.put(seq_name(change.seq), pack_change(change), tables.to_journal)


def add_counts(batch: WriteBatch, tables: Tables, counts: Mapping[str, int]) -> None:
    """Add the new numbers of the live entries of scopes that have grown or shrunk."""
    for scope, more in counts.items():
        if more:
            add_count(batch, tables, scope, more)


def add_count(batch: WriteBatch, tables: Tables, scope: str, more: int) -> None:
    """Add the new number of a scope's live entries; nobody counts internal ones."""
    if scope[:1] == INTERNAL:
        return
    name = scope_name(scope)
    count = count_of(tables.scopes.get(name)) + more
    if count:
        batch.put(name, pack_count(count), tables.to_scopes)
    else:
        batch.delete(name, tables.to_scopes)


#: Where the blob stands in a stored record, and the version; and the blob in a stored change.
_VERSION, _BLOB, _BLOB_OF_CHANGE = 0, 7, -1


def add_resealed(batch: WriteBatch, tables: Tables, items: Sequence[Resealed]) -> int:
    """Add other bytes for stored blobs, where those are still there; return for how many."""
    done = 0
    for item in items:
        if item.ref is None:
            table, column, name, at = (
                tables.journal,
                tables.to_journal,
                seq_name(item.seq),
                _BLOB_OF_CHANGE,
            )
        else:
            table, column, name, at = (
                tables.entries,
                tables.to_entries,
                entry_name(*item.ref),
                _BLOB,
            )
        packed = table.get(name)
        fields = None if packed is None else list(unpackb(packed))
        if fields is None or fields[at] != item.old:
            continue
        if item.ref is not None and fields[_VERSION] != item.version:
            continue
        fields[at] = item.new
        batch.put(name, packb(fields), column)
        done += 1
    return done
