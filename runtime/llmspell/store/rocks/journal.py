"""The journal of a RocksDB store: reading it, and raising its floor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmspell.store.base import Ref
from llmspell.store.changes import Change, Compacted, JournalSpan
from llmspell.store.rocks.format import (
    change_of,
    count_of,
    entry_name,
    known_of,
    pack_count,
    seq_name,
    seq_of,
)
from llmspell.store.rocks.reader import seek_exactly

if TYPE_CHECKING:
    from rocksdict import RdictIter, WriteBatch

    from llmspell.store.rocks.place import Tables

__all__ = ["changes_after", "compact", "history_of", "last_seq", "span_of"]

_FLOOR: Final = b"floor"
# Numbers have no gaps, so this and the last one tell how many changes are kept.
_REMOVED: Final = b"removed"


def last_seq(tables: Tables) -> int:
    """Return the number of the latest change, which is never removed; 0 if there is none."""
    journal = tables.journal.iter()
    journal.seek_to_last()
    name = journal.key()
    journal.status()
    return 0 if name is None else seq_of(name)


def span_of(tables: Tables, last: int) -> JournalSpan:
    """Return how far the journal reaches."""
    removed = count_of(tables.meta.get(_REMOVED))
    return JournalSpan(count_of(tables.meta.get(_FLOOR)), last, last - removed)


def changes_after(
    journal: RdictIter, after: int, limit: int | None, *, values: bool
) -> list[Change]:
    """Return the changes above a number, in order."""
    changes: list[Change] = []
    journal.seek(seq_name(max(after, 0) + 1))
    while limit is None or len(changes) < limit:
        name = journal.key()
        if name is None:
            break
        changes.append(change_of(seq_of(name), journal.value(), values=values))
        journal.next()
    return changes


def history_of(
    entries: RdictIter,
    journal: RdictIter,
    ref: Ref,
    below: int | None,
    limit: int | None,
    *,
    values: bool,
) -> list[Change]:
    """Follow a key's changes back from its latest."""
    changes: list[Change] = []
    packed = seek_exactly(entries, entry_name(*ref))
    seq = None if packed is None else known_of(packed).last_seq
    while seq is not None and (limit is None or len(changes) < limit):
        packed = seek_exactly(journal, seq_name(seq))
        if packed is None:
            break
        change = change_of(seq, packed, values=values)
        if below is None or change.version < below:
            changes.append(change)
        seq = change.previous
    return changes


def compact(
    tables: Tables, batch: WriteBatch, last: int, before: int | None, keep: int | None, limit: int
) -> Compacted:
    """Put one step of compaction into the batch; return what it will do."""
    floor, _, rows = span_of(tables, last)
    journal = tables.journal.iter()
    journal.seek(seq_name(max(floor, 1)))
    top, done, unneeded = min(last, floor + limit), True, set[bytes]()
    while (name := journal.key()) is not None:
        seq = seq_of(name)
        change = change_of(seq, journal.value())
        if seq > floor:
            too_old = before is not None and change.at < before
            too_many = keep is not None and last - seq >= keep
            if not too_old and not too_many:
                break
            if seq > top:
                done = False
                break
            floor = seq
            if change.previous is not None:
                unneeded.add(seq_name(change.previous))
        # The change at the floor may be a deletion that stayed because it was the last.
        if change.op != "put" and seq != last:
            unneeded.add(name)
        journal.next()
    journal.status()
    removed = [name for name in unneeded if name in tables.journal]
    for name in removed:
        batch.delete(name, tables.to_journal)
    batch.put(_FLOOR, pack_count(floor))
    batch.put(_REMOVED, pack_count(last - rows + len(removed)))
    return Compacted(len(removed), floor, done)
