"""Making a backup: from a snapshot to chunks, written aside, verified, and only then named."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from time import time_ns
from typing import TYPE_CHECKING, TypeAlias

from llmspell import __version__
from llmspell.backup.checking import check_chunks
from llmspell.backup.counts import Counts
from llmspell.backup.grants import packed_grants
from llmspell.backup.identity import mark_of
from llmspell.backup.manifest_file import pack, signed, whole_checksum
from llmspell.backup.model import (
    BackupEvent,
    Compression,
    JournalPosition,
    Manifest,
    new_id,
)
from llmspell.backup.pages import Pages
from llmspell.backup.records import Record
from llmspell.backup.request import Request
from llmspell.backup.writing import ChunkWriter
from llmspell.errors import BackupDamaged, BackupError
from llmspell.store.base import Reader, Store
from llmspell.store.opening import without_ephemeral

if TYPE_CHECKING:
    from llmspell.backup.repository.base import Draft, Repository
    from llmspell.backup.sealing import BackupKey
    from llmspell.backup.settings import BackupSettings

__all__ = ["Creation", "OnEvent"]

OnEvent: TypeAlias = Callable[[BackupEvent], None]


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
        self._store, self._repository = without_ephemeral(store), repository
        self._settings, self._request = settings, request
        self._backend, self._store_id = backend, store_id
        self._created_us = time_ns() // 1000
        self.id = new_id(self._created_us)
        self._key = make_key(self.id)
        self._on_event = on_event
        self._total = 0
        self._pages = Pages(self._store, request)
        self._counts = Counts()

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
            grants = None if self._request.scope else packed_grants(reader, self._key)
            manifest = self._manifest(writer, seq, snapshot_us, grants)
            if self._settings.verify:
                manifest = self._verified(draft, manifest)
            draft.commit(pack(manifest, self._key))
        self._tell("finished", self._counts.records)
        return manifest

    def _records(self, reader: Reader, seq: int) -> Iterator[Sequence[Record]]:
        """Yield what the backup holds, page by page, at the pace that is asked for."""
        pages: Iterator[Sequence[Record]] = self._pages.read(reader, seq)
        load = self._request.max_load or self._settings.max_load
        while True:
            started = time.perf_counter()
            page = next(pages, None)
            if page is None:
                return
            yield page
            if load < 1:
                time.sleep((time.perf_counter() - started) * (1 / load - 1))

    def _check_journal_reached(self) -> None:
        """What was read of the journal is whole only if compaction did not pass the base."""
        if self._request.base is not None and self._store.span().floor > self._pages.after:
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
            return seq - self._pages.after
        if self._request.scope is not None:
            return dict(self._store.scopes(self._request.scope)).get(self._request.scope, 0)
        return int(self._store.stats()["entries"])

    def _manifest(
        self, writer: ChunkWriter, seq: int, snapshot_us: int, grants: str | None
    ) -> Manifest:
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
            unreadable=self._pages.unreadable,
            records=writer.records,
            size_bytes=writer.size_bytes,
            stored_bytes=writer.stored_bytes,
            scopes=self._counts.scopes(),
            scope_count=self._counts.scope_count,
            grants=grants,
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
