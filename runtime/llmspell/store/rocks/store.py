"""The RocksDB store: one process, many threads, one write batch for each commit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgpack import packb, unpackb

from llmspell.store.backend import Resealed, RingSeen, Seal
from llmspell.store.base import (
    INTERNAL,
    Operation,
    Put,
    Reader,
    Ref,
    RestoreWork,
    Rewritten,
    Row,
    WriteResult,
)
from llmspell.store.changes import NOBODY, Change, Compacted, JournalSpan, Origin, Swept
from llmspell.store.checks import check_durability
from llmspell.store.clock import Clock, system_clock
from llmspell.store.plan import Known, Plan, touched
from llmspell.store.restoring import Batches, came_twice, refs_of
from llmspell.store.rewriting import RewritesByWriting
from llmspell.store.rocks.batch import (
    add_count,
    add_counts,
    add_plan,
    add_records,
    add_resealed,
    due_records,
    known_records,
)
from llmspell.store.rocks.database import Database
from llmspell.store.rocks.errors import failure, translated
from llmspell.store.rocks.format import (
    change_of,
    due_name,
    entry_name,
    known_of,
    live_row,
    seq_name,
)
from llmspell.store.rocks.journal import changes_after, compact, history_of, span_of
from llmspell.store.rocks.place import RocksOptions, Tables
from llmspell.store.rocks.reader import RocksReader, get_many

if TYPE_CHECKING:
    from rocksdict import RdictIter

__all__ = ["RocksOptions", "RocksStore"]

_T = TypeVar("_T")
# What stands behind version and creation in the record of a key that was never written to.
_NEVER: Final = (0, 0, "", None, None, None, None)
_new_result: Any = partial(tuple.__new__, WriteResult)


class RocksStore(RocksReader, RewritesByWriting):
    """A store in a folder that one process has to itself. The folder is made if needed.

    After a write that failed, on a full disk for example, the next one opens the database
    anew, unless a snapshot is open. A process forked off cannot use the store, nor open the
    folder while its parent has it open.

    Raises FeatureUnavailable without the package rocksdict, StorageError when the folder
    cannot be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: str = "commit",
        journal: bool = True,
        clock: Clock = system_clock,
        max_open_files: int = RocksOptions().max_open_files,
        cache_capacity: int = RocksOptions().cache_capacity,
        compression: bool = RocksOptions().compression,
        bloom_filter_bits: int = RocksOptions().bloom_filter_bits,
        block_size: int = RocksOptions().block_size,
    ) -> None:
        super().__init__(clock)
        check_durability(durability)
        options = RocksOptions(
            max_open_files, cache_capacity, compression, bloom_filter_bits, block_size
        )
        self.seal: Seal | None = None
        self.ring_seen: RingSeen | None = None
        self._durability = durability
        self._journal = journal
        self._database = Database(path, options, journal=journal)

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        if durability is not None:
            check_durability(durability)
        refs, cleared = touched(batch)
        database = self._database
        with database.lock:
            tables = database.writable()
            try:
                known = known_records(tables, refs, cleared)
            except Exception as error:
                raise failure(error, database.path) from error
            result = self._write(tables, batch, known, origin)
        if (durability or self._durability) == "fsync":
            database.sync()
        return result

    def put(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
        origin: Origin,
    ) -> tuple[int, int, int, int]:
        database, name = self._database, entry_name(scope, key)
        with database.lock:
            tables = database.writable()
            batch, last = tables.new_batch(), database.last
            try:
                packed = tables.entries.get(name)
                if packed is None:
                    add_count(batch, tables, scope, 1)
                record = (0, at, *_NEVER) if packed is None else unpackb(packed)
                version, created_at, _, _, _, expires_at, _, old, previous = record
            except Exception as error:
                raise failure(error, database.path) from error
            plain = packed is None or (old is not None and expires_at is None)
            if plain and if_version in (None, version):
                # A live entry is replaced, or a new one made, without the cost of a plan.
                version += 1
                if self.seal is not None:
                    blob = self.seal(scope, key, version, schema_version, blob)
                about = (version, created_at, schema_version, state_class, None)
                if self._journal and scope[:1] != INTERNAL:
                    last += 1
                    change = (at, scope, key, "put", *about, *origin, previous, blob)
                    batch.put(seq_name(last), packb(change), tables.to_journal)
                    previous = last
                record = (*about[:2], at, *about[2:], origin[2], blob, previous)
                batch.put(name, packb(record), tables.to_entries)
                before = database.epoch
                database.commit(tables, batch, last)
                after = database.epoch
            else:
                operation = Put(scope, key, blob, at, schema_version, state_class, None, if_version)
                known = {} if packed is None else {Ref(scope, key): known_of(packed)}
                (done,), before, after, _ = self._write(tables, (operation,), known, origin)
                version, created_at = done[:2]
        if self._durability == "fsync":
            database.sync()
        return version, created_at, before, after

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        check_durability(durability)
        database = self._database
        with database.alone() as tables:
            done = self._restore(tables, Batches(work, self), origin)
        if (durability or self._durability) == "fsync":
            database.sync()
        return done

    def _restore(self, tables: Tables, batches: Batches, origin: Origin) -> Rewritten:
        """Collect everything in the driver's one batch, and write that. Reading goes on."""
        database, batch = self._database, tables.new_batch()
        counts: dict[str, int] = {}
        seen: set[Ref] = set()
        since = last = database.last if self._journal else 0
        written = False
        for part in batches:
            refs = refs_of(part)
            if not seen.isdisjoint(refs):
                raise came_twice(*next(ref for ref in refs if ref in seen))
            seen.update(refs)
            with database.lock, translated(database.path):
                database.opened()
                known = known_records(tables, refs)
            plan = Plan(known, last, journal=self._journal, seal=self.seal)
            plan.restore(part, origin, since=since)
            last, written = plan.last, written or bool(plan.records)
            with translated(database.path):
                add_records(batch, tables, plan, known, counts)
        with database.lock:
            database.opened()
            before = database.epoch
            if written:
                with translated(database.path):
                    add_counts(batch, tables, counts)
                database.commit(tables, batch, last)
            return Rewritten(before, database.epoch, last)

    def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        database = self._database
        with database.lock:
            tables = database.writable()
            with translated(database.path):
                expired, buried, done = due_records(tables, now, limit)
                known = known_records(tables, expired)
            plan = self._plan(known)
            for ref in known:
                plan.sweep(ref, now)
            batch = tables.new_batch()
            with translated(database.path):
                add_plan(batch, tables, plan, known)
            for at, name in buried:
                batch.delete(name, tables.to_entries)
                batch.delete(due_name(at, name), tables.to_expiry)
            if known or buried:
                database.commit(tables, batch, plan.last, entries=bool(known))
            # What was buried just now may be old enough to be purged.
            ends = (record.expires_at for record in plan.records.values())
            done = done and all(end is None or end > now for end in ends)
            return Swept(len(known), len(buried), done)

    def compact(
        self, *, before: int | None = None, keep: int | None = None, limit: int = 1000
    ) -> Compacted:
        database = self._database
        with database.lock:
            tables = database.writable()
            if not self._journal:
                return Compacted(0, 0, True)
            batch = tables.new_batch()
            with translated(database.path):
                done = compact(tables, batch, database.last, before, keep, limit)
            database.commit(tables, batch, database.last, entries=False)
            return done

    def reseal(self, items: Sequence[Resealed]) -> int:
        database = self._database
        with database.lock:
            tables = database.writable()
            batch = tables.new_batch()
            with translated(database.path):
                done = add_resealed(batch, tables, items)
            database.commit(tables, batch, database.last, entries=False)
            return done

    def scrub(self) -> None:
        database = self._database
        with database.lock, translated(database.path):
            database.opened().rewrite()

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        database, now = self._database, self._clock()
        names = [entry_name(scope, key) for scope, key in refs]
        with database.lock:
            entries = database.opened().entries
            try:
                if len(names) == 1:
                    return [live_row(refs[0], entries.get(names[0]), now)]
                found = get_many(entries, names)  # all of one moment
                return [live_row(ref, item, now) for ref, item in zip(refs, found, strict=True)]
            except Exception as error:
                raise failure(error, database.path) from error

    def position(self) -> int:
        database = self._database
        with database.lock:
            database.opened()
            return database.last

    def span(self) -> JournalSpan:
        database = self._database
        with database.lock, translated(database.path):
            tables = database.opened()
            return span_of(tables, database.last) if self._journal else JournalSpan(0, 0, 0)

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        def changes(journal: RdictIter) -> list[Change]:
            return changes_after(journal, after, limit, values=values) if self._journal else []

        return self._iterate(changes, "journal")

    def recall(self, seqs: Sequence[int]) -> Mapping[int, Change]:
        database = self._database
        wanted = [seq for seq in seqs if seq > 0] if self._journal else []
        with database.lock, translated(database.path):
            found = get_many(database.opened().journal, [seq_name(seq) for seq in wanted])
            pairs = zip(wanted, found, strict=True)
            return {seq: change_of(seq, packed) for seq, packed in pairs if packed is not None}

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        def history(entries: RdictIter, journal: RdictIter) -> list[Change]:
            if not self._journal:
                return []
            return history_of(entries, journal, ref, below, limit, values=values)

        return self._iterate(history, "entries", "journal")

    def wait(self, after: int, timeout_s: float) -> bool:
        database, deadline = self._database, monotonic() + timeout_s
        with database.lock:
            database.waiting += 1
            try:
                while database.gone is None and (not self._journal or database.last <= after):
                    remaining = deadline - monotonic()
                    if remaining <= 0 or not database.changed.wait(remaining):
                        return False
            finally:
                database.waiting -= 1
            return True

    def snapshot(self) -> AbstractContextManager[Reader]:
        return self._database.moment(self._clock)

    def epoch(self) -> int:
        database = self._database
        if database.gone is not None:
            raise database.gone()
        return database.epoch

    def stats(self) -> dict[str, Any]:
        counts = self.scopes()
        path = self._database.path
        return {
            "backend": "rocksdb",
            "entries": sum(count for _, count in counts),
            "scopes": len(counts),
            "bytes": sum(map(_size_of, os.scandir(path))),
            "durability": self._durability,
            "path": str(path),
        }

    def close(self) -> None:
        self._database.close()

    def _iterate(self, work: Callable[..., _T], *tables: str) -> _T:
        return self._database.iterate(work, *tables)

    def _write(
        self, tables: Tables, batch: Sequence[Operation], known: Mapping[Ref, Known], origin: Origin
    ) -> WriteResult:
        database = self._database
        plan = self._plan(known)
        written = plan.apply(batch, origin)
        before = database.epoch
        if plan.records:
            self._commit(tables, plan, known)
        return _new_result((written, before, database.epoch, plan.last))  # type: ignore[no-any-return]

    def _plan(self, known: Mapping[Ref, Known]) -> Plan:
        last = self._database.last if self._journal else 0
        return Plan(known, last, journal=self._journal, seal=self.seal)

    def _commit(self, tables: Tables, plan: Plan, known: Mapping[Ref, Known]) -> None:
        batch = tables.new_batch()
        try:
            add_plan(batch, tables, plan, known)
        except Exception as error:
            raise failure(error, self._database.path) from error
        self._database.commit(tables, batch, plan.last)


def _size_of(file: os.DirEntry[str]) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # RocksDB has removed it just now
        return 0
