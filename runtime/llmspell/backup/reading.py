"""Read chunks: nothing is believed, and nothing taken apart, before its checksum is right."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from itertools import chain
from typing import Final, TypeAlias

import zstandard

from llmspell.backup.formats import FORMATS, MAX_CHUNK_BYTES
from llmspell.backup.model import ChunkInfo, Manifest
from llmspell.backup.records import Malformed, Record
from llmspell.backup.sealing import BackupKey, no_key
from llmspell.errors import BackupDamaged

__all__ = ["Get", "count_records", "damaged", "iter_chunks", "open_chunk", "read_chunk"]

#: Reads a file of the backup by its name.
Get: TypeAlias = Callable[[str], bytes]

#: zstd needs four bytes at least for each block, which has 128 KiB at most.
_MOST_BYTES_FROM_ONE: Final = (128 << 10) // 4
_AHEAD: Final = 1


def read_chunk(
    get: Get, manifest: Manifest, chunk: ChunkInfo, key: BackupKey | None = None
) -> list[Record]:
    """Return the records of a chunk.

    Raises BackupDamaged, which names backup and chunk and says what is wrong; DecryptionFailed
    for a sealed chunk that another one was put in the place of; KeyMissing; what ``get`` raises.
    """
    data = open_chunk(get, manifest, chunk, key)
    return [*chain.from_iterable(_pages(manifest, chunk, data))]


def iter_chunks(
    get: Get, manifest: Manifest, key: BackupKey | None = None
) -> Iterator[list[Record]]:
    """Yield the records of one chunk after the other, in pages; raise as ``read_chunk``.

    The next chunk is read and decompressed meanwhile. Close the iterator, or let it come
    to its end, to be sure that the thread that does so is gone.
    """
    ahead: deque[tuple[ChunkInfo, Future[bytes]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="llmspell-backup") as pool:
        try:
            for chunk in manifest.chunks:
                ahead.append((chunk, pool.submit(open_chunk, get, manifest, chunk, key)))
                if len(ahead) > _AHEAD:
                    yield from _next(manifest, ahead)
            while ahead:
                yield from _next(manifest, ahead)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def count_records(
    get: Get, manifest: Manifest, chunk: ChunkInfo, key: BackupKey | None = None
) -> int:
    """Check a chunk without making its records, and return how many it has. Raises as reading."""
    data = open_chunk(get, manifest, chunk, key)
    try:
        count = FORMATS[manifest.format].count(data)
    except Malformed as error:
        raise damaged(manifest, chunk.name, str(error)) from error
    _check_count(manifest, chunk, count)
    return count


def open_chunk(get: Get, manifest: Manifest, chunk: ChunkInfo, key: BackupKey | None) -> bytes:
    """Return the bytes of a chunk as they were before compression and sealing. Raises as reading.

    No more is ever allocated than the manifest says, and that only where the file can hold it.
    """
    data = get(chunk.name)
    if len(data) != chunk.stored_bytes:
        problem = f"it has {len(data):,} bytes, not {chunk.stored_bytes:,}"
        raise damaged(manifest, chunk.name, problem)
    if sha256(data).hexdigest() != chunk.sha256:
        raise damaged(manifest, chunk.name, "its checksum does not match")
    if manifest.encryption is not None:
        if key is None:
            raise no_key(manifest)
        data = key.open(chunk.name, data)
    if manifest.compression.algorithm == "zstd":
        data = _decompressed(manifest, chunk, data)
    if len(data) != chunk.size_bytes:
        raise damaged(manifest, chunk.name, "its content is not as long as it should be")
    return data


def damaged(manifest: Manifest, name: str, problem: str) -> BackupDamaged:
    """Make the error of a file of a backup that is not what was written."""
    return BackupDamaged(
        f"backup {manifest.id} is damaged: {name}: {problem}",
        hint="`llmspell backup verify` names all that is damaged; restore from another backup",
        backup=manifest.id,
        problems=[f"{name}: {problem}"],
    )


def _next(
    manifest: Manifest, ahead: deque[tuple[ChunkInfo, Future[bytes]]]
) -> Iterator[list[Record]]:
    chunk, opened = ahead.popleft()
    return _pages(manifest, chunk, opened.result())


def _pages(manifest: Manifest, chunk: ChunkInfo, data: bytes) -> Iterator[list[Record]]:
    count = 0
    try:
        for page in FORMATS[manifest.format].read(data):
            count += len(page)
            yield page
    except Malformed as error:
        raise damaged(manifest, chunk.name, str(error)) from error
    _check_count(manifest, chunk, count)


def _check_count(manifest: Manifest, chunk: ChunkInfo, count: int) -> None:
    if count != chunk.records:
        problem = f"it has {count:,} records, not {chunk.records:,}"
        raise damaged(manifest, chunk.name, problem)


def _decompressed(manifest: Manifest, chunk: ChunkInfo, data: bytes) -> bytes:
    try:
        size = zstandard.frame_content_size(data)
        most = min(MAX_CHUNK_BYTES, len(data) * _MOST_BYTES_FROM_ONE)
        if size != chunk.size_bytes or size > most:
            problem = "it would decompress to another size than it should"
            raise damaged(manifest, chunk.name, problem)
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise damaged(manifest, chunk.name, "it does not decompress") from error
