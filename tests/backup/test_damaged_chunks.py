"""Nothing that is not what was written is ever taken for records."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgpack
import pytest
import zstandard

from llmspell.backup.manifest_file import whole_checksum
from llmspell.backup.model import ChunkInfo, Compression, Manifest
from llmspell.backup.reading import count_records, read_chunk
from llmspell.backup.records import Changed
from llmspell.backup.sealing import BackupKey
from llmspell.errors import BackupDamaged, DecryptionFailed, KeyMissing

from .chunk_samples import ID, OTHER_ID, RING, row, written

NAME = {"msgpack": "chunk-000001.msgpack", "jsonl": "chunk-000001.jsonl"}
ROW = tuple(row())
CHANGED = tuple(
    Changed(1, 2, "global", "k", "put", 1, 2, 2, 1, "standard", None, None, None, None, b"x")
)
GONE = ("global", "k", 1, 2)


def forged(
    data: bytes, *, records: int = 1, size_bytes: int | None = None, form: Any = "msgpack"
) -> tuple[Manifest, bytes]:
    """A backup somebody made by hand: all checksums and sizes fit."""
    is_zstd = size_bytes is not None
    chunk = ChunkInfo(
        name=NAME[form] + (".zst" if is_zstd else ""),
        records=records,
        size_bytes=len(data) if size_bytes is None else size_bytes,
        stored_bytes=len(data),
        sha256=sha256(data).hexdigest(),
    )
    made, _ = written([row()], format=form)
    return made.model_copy(
        update={
            "chunks": (chunk,),
            "checksum": whole_checksum([chunk]),
            "compression": Compression(
                algorithm="zstd" if is_zstd else "none", level=3 if is_zstd else 0
            ),
        }
    ), data


def problem_of(manifest: Manifest, data: bytes) -> str:
    """What reading the only chunk says."""
    with pytest.raises(BackupDamaged) as caught:
        read_chunk(lambda _: data, manifest, manifest.chunks[0])
    assert caught.value.details["backup"] == ID
    (problem,) = caught.value.details["problems"]
    assert problem.startswith(manifest.chunks[0].name)
    assert ID in caught.value.message
    return str(problem)


def packed(*records: Any) -> bytes:
    return msgpack.packb(list(records))


def changed_at(fields: Sequence[Any], index: int, value: Any) -> tuple[Any, ...]:
    return (*fields[:index], value, *fields[index + 1 :])


@pytest.mark.parametrize("cipher", [None, "aes-256-gcm"])
@pytest.mark.parametrize("form", ["msgpack", "jsonl"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_every_bit_that_flips_is_found(form: Any, compression: Any, cipher: str | None) -> None:
    key = BackupKey.of(RING, cipher, ID) if cipher else None
    manifest, files = written([row(1), row(2)], key=key, format=form, compression=compression)
    (name,) = files
    for bit in range(8 * len(files[name])):
        flipped = bytearray(files[name])
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BackupDamaged, match="its checksum does not match"):
            read_chunk(lambda _, data=bytes(flipped): data, manifest, manifest.chunks[0], key)


@pytest.mark.parametrize("cut", [0, 1, -1])
def test_a_file_of_another_length_is_found(cut: int) -> None:
    manifest, files = written([row()])
    (data,) = files.values()
    other = data[:cut] if cut <= 0 else data + b"\0"
    assert "bytes, not" in problem_of(manifest, other)


def test_a_sealed_chunk_opens_under_no_other_name_and_in_no_other_backup() -> None:
    key = BackupKey.of(RING, "aes-256-gcm", ID)
    manifest, files = written([row(n) for n in range(200)], key=key, chunk_bytes=2000)
    first, second = manifest.chunks[:2]
    swapped = second.model_copy(update={"name": first.name})
    with pytest.raises(DecryptionFailed, match=first.name):
        read_chunk(lambda _: files[second.name], manifest, swapped, key)
    of_another = BackupKey.of(RING, "aes-256-gcm", OTHER_ID)
    with pytest.raises(DecryptionFailed, match=OTHER_ID):
        read_chunk(files.__getitem__, manifest, first, of_another)


def test_a_sealed_chunk_too_short_for_a_nonce_is_told() -> None:
    with pytest.raises(DecryptionFailed, match=r"chunk-000001\.msgpack\.sealed"):
        BackupKey.of(RING, "aes-256-gcm", ID).open("chunk-000001.msgpack.sealed", b"short")


def test_a_sealed_chunk_without_a_key_says_that_one_is_needed() -> None:
    key = BackupKey.of(RING, "aes-256-gcm", ID)
    manifest, files = written([row()], key=key)
    with pytest.raises(KeyMissing, match=ID):
        read_chunk(files.__getitem__, manifest, manifest.chunks[0])


@pytest.mark.parametrize("claimed", [1 << 40, 2 << 30, 1 << 28])
def test_a_chunk_that_claims_to_be_huge_takes_no_memory(claimed: int) -> None:
    head = zstandard.ZstdCompressor().compress(b"x" * 100)
    bomb = b"\x28\xb5\x2f\xfd\xe0" + claimed.to_bytes(8, "little") + head[6:]
    assert zstandard.frame_content_size(bomb) == claimed
    tracemalloc.start()
    try:
        assert "another size" in problem_of(*forged(bomb, size_bytes=claimed))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_chunk_that_decompresses_to_more_than_the_manifest_says_is_refused() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(10_000_000))
    assert len(bomb) < 2000
    assert "another size" in problem_of(*forged(bomb, size_bytes=1000))


@pytest.mark.parametrize(
    "data",
    [
        zstandard.ZstdCompressor().compress(packed(ROW)) + b"more",
        zstandard.ZstdCompressor(write_content_size=False).compress(packed(ROW)),
        zstandard.ZstdCompressor().compress(packed(ROW))[:-3],
        packed(ROW),
        b"",
    ],
    ids=["more after it", "no size", "cut off", "not compressed", "empty"],
)
def test_what_is_no_frame_of_zstd_is_refused(data: bytes) -> None:
    problem_of(*forged(data, size_bytes=len(packed(ROW))))


def nested_claims(depth: int) -> bytes:
    """Arrays in arrays that each claim to hold 16 million members."""
    return b"\xdd\x01\x00\x00\x00" * depth


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"\x01",
        b"\xc0",
        packed(ROW)[:-1],
        packed(ROW) + b"\x91",
        packed(),
        packed(ROW, ROW),
        packed(*[GONE] * 65),
        packed("global"),
        packed([]),
        packed(ROW[:9]),
        packed((*ROW, b"")),
        packed({"scope": "global"}),
        packed((*GONE[:3], msgpack.ExtType(1, b"x"))),
        packed([["g"], "k", 1, 2]),
        msgpack.packb([(b"global", "k", 1, 2)]),
        b"\x91\x94\xa1\xffa\xa1k\x01\x02",
        nested_claims(1),
        nested_claims(900),
        nested_claims(100_000),
        b"\x91" * 100_000,
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_what_is_not_formed_like_records_is_refused(data: bytes) -> None:
    tracemalloc.start()
    try:
        problem_of(*forged(data))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("fields", "index", "value", "told"),
    [
        (GONE, 0, "", "scope"),
        (GONE, 0, "\x01keys", "scope"),
        (ROW, 0, "\x01keys", "scope"),
        (CHANGED, 2, "\x01lease", "scope"),
        (GONE, 1, "", "key"),
        (GONE, 1, 7, "key"),
        (GONE, 1, None, "key"),
        (GONE, 2, 0, "version"),
        (GONE, 2, True, "version"),
        (GONE, 2, 1.0, "version"),
        (GONE, 2, 2**63, "version"),
        (GONE, 3, 2**64 - 1, "at"),
        (ROW, 5, -1, "schema_version"),
        (ROW, 6, "", "state_class"),
        (ROW, 7, "soon", "expires_at"),
        (ROW, 7, 2**63, "expires_at"),
        (ROW, 8, "", "correlation_id"),
        (ROW, 9, "text", "blob"),
        (ROW, 9, b"", "blob"),
        (ROW, 9, None, "blob"),
        (CHANGED, 0, 0, "seq"),
        (CHANGED, 4, "drop", "op"),
        (CHANGED, 4, "delete", "a change"),
        (CHANGED, 11, 5, "actor"),
        (CHANGED, 14, b"", "a change"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_its_name_and_without_its_value(
    fields: Any, index: int, value: Any, told: str
) -> None:
    odd = changed_at(fields, index, value)
    for records in [odd], [fields, odd], [GONE, ROW, CHANGED, odd]:
        problem = problem_of(*forged(packed(*records), records=len(records)))
        assert told in problem
        assert "lease" not in problem


def test_more_or_fewer_records_than_the_manifest_says_are_refused() -> None:
    for data in packed(GONE), packed(GONE, GONE, GONE):
        manifest, data = forged(data, records=2)
        assert "records, not 2" in problem_of(manifest, data)
        with pytest.raises(BackupDamaged, match="records, not 2"):
            count_records(lambda _, data=data: data, manifest, manifest.chunks[0])


@pytest.mark.parametrize("data", [b"\xc1", packed(GONE)[:-1], b"\x01", b"\xdd\xff\xff\xff\xff"])
def test_counting_refuses_what_is_not_well_formed(data: bytes) -> None:
    manifest, data = forged(data)
    with pytest.raises(BackupDamaged, match="MessagePack"):
        count_records(lambda _: data, manifest, manifest.chunks[0])
