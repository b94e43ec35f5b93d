"""Making a backup: from a snapshot to chunks, written aside, verified, and only then named."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgpack

from llmspell import __version__
from llmspell.backup.checking import check_chunks
from llmspell.backup.manifest_file import pack, signed, whole_checksum
from llmspell.backup.model import (
    BackupEvent,
    Compression,
    JournalPosition,
    Manifest,
    ScopeInfo,
    new_id,
)
from llmspell.backup.records import Changed, Gone, Record
from llmspell.backup.writing import ChunkWriter
from llmspell.errors import BackupDamaged, BackupError
from llmspell.store.base import Reader, Ref, Row, Store
from llmspell.store.changes import Change
from llmspell.store.codec import SEALED, is_unopened
from llmspell.store.problems import no_key, why_not

if TYPE_CHECKING:
    from llmspell.backup.repository.base import Draft, Repository
    from llmspell.backup.sealing import BackupKey
    from llmspell.backup.settings import BackupSettings

__all__ = ["Creation", "OnEvent", "Request", "mark_of"]

OnEvent: TypeAlias = Callable[[BackupEvent], None]

_PAGE: Final = 1000
_MOST_SCOPES: Final = 1000
_EPHEMERAL: Final = "ephemeral"
_SEALED: Final = bytes((SEALED,))
_Stored = TypeVar("_Stored", Row, Change)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be backed up: ``base`` for a type that has one, ``scope`` for that type.

    ``skip_unreadable`` leaves out values that cannot be opened, and counts them.
    """

    type: str
    base: Manifest | None = None
    scope: str | None = None
    label: str | None = None
    skip_unreadable: bool = False


class Creation:
    """Makes one backup of ``store``, a ``backend``. The caller holds the repository's lock.

    ``store_id`` tells the store apart, None when it keeps no journal; ``make_key`` returns what
    seals a backup of that id, None for one in the open.
    """

    def __init__(
        self,
        store: Store,
        repository: Repository,
        settings: BackupSettings,
        request: Request,
        *,
        backend: str,
        store_id: str | None,
        make_key: Callable[[str], BackupKey | None],
        on_event: OnEvent | None = None,
    ) -> None:
        self._store, self._repository = store, repository
        self._settings, self._request = settings, request
        self._backend, self._store_id = backend, store_id
        self._created_us = time_ns() // 1000
        self.id = new_id(self._created_us)
        self._key = make_key(self.id)
        self._on_event = on_event
        self._total = self._unreadable = 0
        self._counts = _Counts()

    def run(self) -> Manifest:
        """Make the backup and return its manifest; what fails leaves nothing behind."""
        with ExitStack() as stack:
            draft = stack.enter_context(self._repository.creating(self.id))
            reader = stack.enter_context(self._store.snapshot())
            seq, snapshot_us = reader.position(), time_ns() // 1000
            self._total = self._expected(seq)
            self._tell("started", 0)
            with ChunkWriter(draft.put, self._settings, self._key) as writer:
                for records in self._records(reader, seq):
                    writer.add(records)
                    self._counts.add(records)
                    self._tell("progress", self._counts.records)
            self._check_journal_reached()
            manifest = self._manifest(writer, seq, snapshot_us)
            if self._settings.verify:
                manifest = self._verified(draft, manifest)
            draft.commit(pack(manifest, self._key))
        self._tell("finished", self._counts.records)
        return manifest

    def _records(self, reader: Reader, seq: int) -> Iterator[Sequence[Record]]:
        """Yield what the backup holds, page by page, at the pace that is asked for."""
        pages: Iterator[Sequence[Record]] = _PAGES[self._request.type](self, reader, seq)
        while True:
            started = time.perf_counter()
            page = next(pages, None)
            if page is None:
                return
            yield page
            if self._settings.max_load < 1:
                worked_s = time.perf_counter() - started
                time.sleep(worked_s * (1 / self._settings.max_load - 1))

    def _entries(self, reader: Reader, _: int) -> Iterator[list[Row]]:
        after: Ref | None = None
        while rows := reader.walk(after, limit=_PAGE):
            after = Ref(rows[-1].scope, rows[-1].key)
            yield self._readable(rows)

    def _entries_of_scope(self, reader: Reader, _: int) -> Iterator[list[Row]]:
        scope, after = self._request.scope or "", None
        while rows := reader.scan(scope, after=after, limit=_PAGE):
            after = rows[-1].key
            yield [row for row in self._readable(rows) if row.state_class != _EPHEMERAL]

    def _changes(self, reader: Reader, seq: int) -> Iterator[list[Record]]:
        for page in self._journal(seq):
            page = self._readable(page)
            rows = reader.read([Ref(change.scope, change.key) for change in page])
            yield [_changed(change, row) for change, row in zip(page, rows, strict=True)]

    def _differences(self, reader: Reader, seq: int) -> Iterator[list[Row | Gone]]:
        """Yield the latest state of what changed: of a key's changes only the last one counts."""
        for page in self._journal(seq):
            rows = reader.read([Ref(change.scope, change.key) for change in page])
            latest = [_latest(change, row) for change, row in zip(page, rows, strict=True)]
            gone = [each for each in latest if type(each) is Gone]
            yield [*gone, *self._readable([each for each in latest if type(each) is Row])]

    def _journal(self, seq: int) -> Iterator[list[Change]]:
        """Yield the changes since the base and up to the snapshot, in order."""
        after = self._base_seq
        while after < seq:
            page = self._store.changes(after, limit=min(_PAGE, seq - after))
            page = [change for change in page if change.seq <= seq]
            if not page:
                return
            after = page[-1].seq
            yield page

    def _readable(self, records: list[_Stored]) -> list[_Stored]:
        """Return the records whose values could be opened; raises unless others may be left."""
        shut = [each for each in records if _is_shut(each.blob)]
        if not shut:
            return records
        if not self._request.skip_unreadable:
            raise _unreadable(shut[0])
        self._unreadable += len(shut)
        return [each for each in records if not _is_shut(each.blob)]

    @property
    def _base_seq(self) -> int:
        base = self._request.base
        return 0 if base is None or base.journal is None else base.journal.seq

    def _check_journal_reached(self) -> None:
        """What was read of the journal is whole only if compaction did not pass the base."""
        if self._request.base is not None and self._store.span().floor > self._base_seq:
            raise BackupError(
                "the journal was compacted past the base while the backup was made",
                hint="make a full backup; state.backup.journal_days keeps the journal for the next",
                reason="compacted",
            )

    def _expected(self, seq: int) -> int:
        """Return about how many records there will be, if anybody wants to know: it is counted."""
        if self._on_event is None:
            return 0
        if self._request.base is not None:
            return seq - self._base_seq
        if self._request.scope is not None:
            return dict(self._store.scopes(self._request.scope)).get(self._request.scope, 0)
        return int(self._store.stats()["entries"])

    def _manifest(self, writer: ChunkWriter, seq: int, snapshot_us: int) -> Manifest:
        request, settings, base = self._request, self._settings, self._request.base
        journal = None
        if self._store_id is not None:
            journal = JournalPosition(
                store_id=self._store_id, seq=seq, mark=mark_of(self._store, seq)
            )
        is_packed = settings.compression == "zstd"
        return Manifest(
            id=self.id,
            type=request.type,  # type: ignore[arg-type]  # pydantic looks at it
            label=request.label,
            llmspell_version=__version__,
            backend=self._backend,
            created_us=self._created_us,
            snapshot_us=snapshot_us,
            completed_us=time_ns() // 1000,
            base=None if base is None else base.id,
            base_checksum=None if base is None else base.checksum,
            chain=() if base is None else (*base.chain, base.id),
            scope=request.scope,
            journal=journal,
            format=settings.format,
            compression=Compression(
                algorithm=settings.compression, level=settings.level if is_packed else 0
            ),
            encryption=None if self._key is None else self._key.info(),
            entries=self._counts.records - self._counts.deletions,
            deletions=self._counts.deletions,
            unreadable=self._unreadable,
            records=writer.records,
            size_bytes=writer.size_bytes,
            stored_bytes=writer.stored_bytes,
            scopes=self._counts.scopes(),
            scope_count=self._counts.scope_count,
            chunks=writer.chunks,
            checksum=whole_checksum(writer.chunks),
        )

    def _verified(self, draft: Draft, manifest: Manifest) -> Manifest:
        final = manifest if self._key is None else signed(manifest, self._key)
        problems = check_chunks(draft.read, final, self._key, streams=self._settings.streams)
        if problems:
            raise BackupDamaged(
                f"the backup was not read back as it was written: {problems[0]}",
                hint="nothing was kept of it; look after the disk, and try again",
                backup=self.id,
                problems=problems,
            )
        now = time_ns() // 1000
        return manifest.model_copy(update={"verified_us": now, "completed_us": now})

    def _tell(self, kind: str, done: int) -> None:
        if self._on_event is not None:
            total = max(self._total, done)
            self._on_event(BackupEvent(kind, "create", self.id, done, total))


class _Counts:
    """How much of what was backed up; of the scopes the first thousand are told apart."""

    def __init__(self) -> None:
        self.records = self.deletions = self.scope_count = 0
        self._by_scope: dict[str, int] = {}
        self._last = ""

    def add(self, records: Sequence[Record]) -> None:
        self.records += len(records)
        self.deletions += sum(1 for each in records if _is_deletion(each))
        for scope, count in Counter(each.scope for each in records).items():
            if scope in self._by_scope or len(self._by_scope) < _MOST_SCOPES:
                self.scope_count += scope not in self._by_scope
                self._by_scope[scope] = self._by_scope.get(scope, 0) + count
            elif scope != self._last:  # entries come scope by scope
                self.scope_count += 1
            self._last = scope

    def scopes(self) -> tuple[ScopeInfo, ...]:
        return tuple(ScopeInfo(scope=name, records=n) for name, n in sorted(self._by_scope.items()))


def mark_of(store: Store, seq: int) -> str:
    """Return what a change is known by again, so that nobody takes another journal for this one.

    Empty when the journal does not have it any more.
    """
    change = store.recall((seq,)).get(seq)
    if change is None:
        return ""
    facts = (change.at, change.scope, change.key, change.op, change.version, change.created_at)
    return sha256(msgpack.packb(facts)).hexdigest()[:32]


def _changed(change: Change, row: Row | None) -> Changed:
    """Return a change as it is kept. An entry that was restored has an older time of its own."""
    is_latest = row is not None and row.version == change.version and change.op == "put"
    updated_at = row.updated_at if is_latest and row is not None else change.at
    return Changed(
        change.seq,
        change.at,
        change.scope,
        change.key,
        change.op,
        change.version,
        change.created_at,
        updated_at,
        change.schema_version,
        change.state_class,
        change.expires_at,
        change.actor,
        change.run_id,
        change.correlation_id,
        change.blob,
    )


def _latest(change: Change, row: Row | None) -> Row | Gone | None:
    """Return the state of a key after a change, None if a later change tells it."""
    if row is not None:
        return row if row.version == change.version and change.op == "put" else None
    # Of an entry that has expired the deletion may not be in the journal yet.
    return Gone(change.scope, change.key, change.version, change.at)


def _is_deletion(record: Record) -> bool:
    return type(record) is Gone or (type(record) is Changed and record.op != "put")


def _is_shut(blob: bytes) -> bool:
    return blob[:1] == _SEALED or is_unopened(blob)


def _unreadable(record: Row | Change) -> BackupError:
    error = why_not(record.blob) if is_unopened(record.blob) else no_key()
    return BackupError(
        f"key {record.key!r} in scope '{record.scope}' cannot be backed up: {error.message}",
        hint="no backup was made; with skip_unreadable (--skip-unreadable) one is made without"
        " such entries. `llmspell state verify` tells which they are",
        reason="unreadable",
        scope=record.scope,
        key=record.key,
    )


_PAGES: Final[dict[str, Callable[[Creation, Reader, int], Iterator[Any]]]] = {
    "full": Creation._entries,
    "scope": Creation._entries_of_scope,
    "incremental": Creation._changes,
    "differential": Creation._differences,
}
