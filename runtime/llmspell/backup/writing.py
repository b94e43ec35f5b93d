"""Write records as chunks: packed here, compressed, sealed, hashed and put in other threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from types import TracebackType
from typing import Final

import zstandard

from llmspell.backup.formats import FORMATS, MAX_CHUNK_BYTES, chunk_name
from llmspell.backup.model import ChunkInfo
from llmspell.backup.records import Record
from llmspell.backup.sealing import BackupKey
from llmspell.backup.settings import BackupSettings
from llmspell.errors import BackupError

__all__ = ["ChunkWriter"]

_MAX_CHUNKS: Final = 999_999


class ChunkWriter:
    """Makes chunks of records and hands each to ``put``, with its name.

    A context manager for one thread. ``put`` is called in up to ``streams`` others, in no
    certain order. What goes wrong there is raised from the next ``add``, or at the end; nothing
    is put after that. One chunk more than there are streams is in memory at most, as it is and
    compressed, besides the one that is being filled.
    """

    def __init__(
        self,
        put: Callable[[str, bytes], object],
        settings: BackupSettings,
        key: BackupKey | None = None,
    ) -> None:
        self._put = put
        self._settings = settings
        self._key = key
        self._encoder = FORMATS[settings.format].encoder(settings.chunk_bytes)
        self._in_chunk = 0
        self._pool = ThreadPoolExecutor(settings.streams, thread_name_prefix="llmspell-backup")
        self._under_way: deque[Future[ChunkInfo]] = deque()
        self._begun = 0
        self._chunks: list[ChunkInfo] = []
        # A compressor serves one thread at a time.
        self._compressors = threading.local()

    def __enter__(self) -> ChunkWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._begin_chunk()
                self._wait_until(0)
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, records: Sequence[Record]) -> None:
        """Write more records, in the order given."""
        while records:
            done = self._encoder.add(records)
            self._in_chunk += done
            records = records[done:] if done < len(records) else ()
            if self._encoder.size_bytes >= self._settings.chunk_bytes:
                self._begin_chunk()

    @property
    def chunks(self) -> tuple[ChunkInfo, ...]:
        """The chunks that have been put, in their order: all of them after the end."""
        return tuple(self._chunks)

    @property
    def records(self) -> int:
        """How many records these hold."""
        return sum(chunk.records for chunk in self._chunks)

    @property
    def size_bytes(self) -> int:
        """How long these are before compression."""
        return sum(chunk.size_bytes for chunk in self._chunks)

    @property
    def stored_bytes(self) -> int:
        """How long their files are."""
        return sum(chunk.stored_bytes for chunk in self._chunks)

    def _begin_chunk(self) -> None:
        """Have what there is written by a thread, once there is room for it."""
        if not self._in_chunk:
            return
        self._wait_until(self._settings.streams)
        self._begun += 1
        data, records = self._encoder.take(), self._in_chunk
        self._in_chunk = 0
        if self._begun > _MAX_CHUNKS:
            raise _unfit("there are more chunks than can be numbered", "larger")
        if len(data) > MAX_CHUNK_BYTES:
            raise _unfit("a chunk is larger than can be read again", "smaller")
        name = chunk_name(
            self._begun,
            format=self._settings.format,
            compression=self._settings.compression,
            sealed=self._key is not None,
        )
        self._under_way.append(self._pool.submit(self._write, name, data, records))

    def _wait_until(self, most: int) -> None:
        """Wait until no more than ``most`` chunks are under way."""
        while len(self._under_way) > most:
            self._chunks.append(self._under_way[0].result())
            self._under_way.popleft()

    def _write(self, name: str, data: bytes, records: int) -> ChunkInfo:
        size_bytes = len(data)
        if self._settings.compression == "zstd":
            data = self._compressor().compress(data)
        if self._key is not None:
            data = self._key.seal(name, data)
        digest = sha256(data).hexdigest()
        self._put(name, data)
        return ChunkInfo(
            name=name,
            records=records,
            size_bytes=size_bytes,
            stored_bytes=len(data),
            sha256=digest,
        )

    def _compressor(self) -> zstandard.ZstdCompressor:
        try:
            made: zstandard.ZstdCompressor = self._compressors.made
        except AttributeError:
            made = zstandard.ZstdCompressor(level=self._settings.level)
            self._compressors.made = made
        return made


def _unfit(problem: str, wanted: str) -> BackupError:
    return BackupError(f"the backup was not made: {problem}", hint=f"set a {wanted} chunk_size")
