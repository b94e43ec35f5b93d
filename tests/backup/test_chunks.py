"""Records come back from chunks as they were, in their order, and in bounded memory."""

from __future__ import annotations

import errno
import gc
import threading
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmspell.backup.reading import count_records, iter_chunks, read_chunk
from llmspell.backup.records import Row
from llmspell.backup.sealing import BackupKey, backup_key
from llmspell.backup.settings import BackupSettings
from llmspell.backup.writing import ChunkWriter
from llmspell.security.ciphers import CIPHERS
from llmspell.store.codec import encode

from .chunk_samples import (
    COMPRESSIONS,
    FORMATS,
    ID,
    MASTER,
    RECORDS,
    RING,
    manifest_of,
    reread,
    row,
    written,
)

CIPHERS_OR_NONE = (None, *CIPHERS)


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("llmspell-backup")]


@pytest.mark.parametrize("cipher", CIPHERS_OR_NONE)
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=RECORDS, chunk_bytes=st.integers(1, 500), streams=st.integers(1, 3))
def test_what_is_read_is_what_was_written(
    form: Any, compression: Any, cipher: str | None, records: Any, chunk_bytes: int, streams: int
) -> None:
    key = BackupKey.of(RING, cipher, ID) if cipher else None
    manifest, files = written(
        records,
        key=key,
        format=form,
        compression=compression,
        chunk_bytes=chunk_bytes,
        streams=streams,
    )
    manifest = reread(manifest, key)
    opened = backup_key(manifest, None, MASTER)
    read = list(iter_chunks(files.__getitem__, manifest, opened))
    found = [record for chunk in read for record in chunk]
    assert found == records
    assert [type(record) for record in found] == [type(record) for record in records]
    assert [len(chunk) for chunk in read] == [
        count_records(files.__getitem__, manifest, chunk, opened) for chunk in manifest.chunks
    ]


def test_nothing_makes_no_chunk() -> None:
    manifest, files = written([])
    assert manifest.chunks == ()
    assert not files
    assert list(iter_chunks(files.__getitem__, manifest)) == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_chunk_is_cut_at_the_size_that_was_asked_for(form: Any) -> None:
    manifest, _ = written([row(n) for n in range(2000)], format=form, chunk_bytes=10_000)
    sizes = [chunk.size_bytes for chunk in manifest.chunks]
    assert len(sizes) > 5
    assert all(10_000 <= size < 20_000 for size in sizes[:-1])


@pytest.mark.parametrize("form", FORMATS)
def test_large_values_among_small_ones_do_not_share_a_chunk_beyond_its_size(form: Any) -> None:
    records = [row(n, b"x" * (9000 if n % 10 == 0 else 1)) for n in range(200)]
    manifest, files = written(records, format=form, chunk_bytes=10_000)
    assert max(chunk.size_bytes for chunk in manifest.chunks) < 25_000
    assert [one for chunk in iter_chunks(files.__getitem__, manifest) for one in chunk] == records


def test_chunks_are_the_same_whatever_the_batches_and_streams() -> None:
    records = [row(n) for n in range(640)]
    one = written(records, chunk_bytes=5000)
    files: dict[str, bytes] = {}
    chosen = BackupSettings("nowhere", chunk_bytes=5000, streams=3)
    with ChunkWriter(files.__setitem__, chosen) as writer:
        for first in range(0, 640, 64):
            writer.add(records[first : first + 64])
    assert (manifest_of(writer, chosen), files) == one


def test_the_names_of_chunks_tell_number_form_compression_and_encryption() -> None:
    key = BackupKey.of(RING, "aes-256-gcm", ID)
    assert list(written([row()])[1]) == ["chunk-000001.msgpack.zst"]
    names = list(written([row()], key=key, format="jsonl", compression="none")[1])
    assert names == ["chunk-000001.jsonl.sealed"]


def test_one_chunk_can_be_read_alone() -> None:
    manifest, files = written([row(n) for n in range(640)], chunk_bytes=5000)
    second = read_chunk(files.__getitem__, manifest, manifest.chunks[1])
    assert second[0] == row(manifest.chunks[0].records)


class Full:
    """A place with room for a few files."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.names: list[str] = []

    def put(self, name: str, data: bytes) -> None:
        if len(self.names) >= self.room:
            raise OSError(errno.ENOSPC, "no space left on device")
        self.names.append(name)


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("room", [0, 2])
def test_a_full_disk_reaches_whoever_adds_and_no_thread_stays(room: int, streams: int) -> None:
    place = Full(room)
    added: list[int] = []

    def fill() -> None:
        chosen = BackupSettings("nowhere", chunk_bytes=100, streams=streams)
        with ChunkWriter(place.put, chosen) as writer:
            for number in range(1000):
                writer.add([row(number)])
                added.append(number)

    with pytest.raises(OSError, match="no space left"):
        fill()
    assert len(added) < 100
    assert len(place.names) == room
    assert not threads()


def test_a_disk_that_is_full_at_the_very_end_is_told_too() -> None:
    with (
        pytest.raises(OSError, match="no space left"),
        ChunkWriter(Full(0).put, BackupSettings("nowhere")) as writer,
    ):
        writer.add([row()])
    assert not threads()


def test_what_goes_wrong_with_the_caller_ends_the_threads() -> None:
    files: dict[str, bytes] = {}

    def broken_off() -> None:
        with ChunkWriter(files.__setitem__, BackupSettings("nowhere", chunk_bytes=100)) as writer:
            writer.add([row(n) for n in range(100)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert not threads()


def test_a_reader_that_stops_in_the_middle_leaves_no_thread() -> None:
    manifest, files = written([row(n) for n in range(640)], chunk_bytes=1000)
    reading = iter_chunks(files.__getitem__, manifest)
    next(reading)
    assert threads()
    reading.close()
    assert not threads()


def test_what_cannot_be_read_reaches_the_reader() -> None:
    manifest, files = written([row(n) for n in range(640)], chunk_bytes=1000)
    del files[manifest.chunks[5].name]
    reading = iter_chunks(files.__getitem__, manifest)
    for _ in range(5):
        next(reading)
    with pytest.raises(KeyError):
        next(reading)
    assert not threads()


@pytest.mark.parametrize("form", FORMATS)
def test_memory_is_bounded_by_a_few_chunks(form: Any) -> None:
    chunk_bytes, chunks = 100_000, 0
    blob = encode("v" * 1000)

    def page(first: int) -> list[Row]:
        return [row(first + n)._replace(blob=blob) for n in range(50)]

    def forget(name: str, data: bytes) -> None:
        nonlocal chunks
        chunks += 1

    chosen = BackupSettings("nowhere", format=form, chunk_bytes=chunk_bytes, streams=2)
    gc.collect()
    tracemalloc.start()
    try:
        with ChunkWriter(forget, chosen) as writer:
            for first in range(0, 4_000, 50):
                writer.add(page(first))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert chunks > 30
    assert writer.size_bytes > 3_500_000
    assert peak_bytes < 15 * chunk_bytes
