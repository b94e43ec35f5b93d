"""Backups in a dict, made of records by hand, and records of every kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from llmspell.backup.manifest_file import pack, unpack, whole_checksum
from llmspell.backup.model import Compression, Encryption, Manifest
from llmspell.backup.records import Changed, Gone, Record, Row
from llmspell.backup.sealing import BackupKey
from llmspell.backup.settings import BackupSettings
from llmspell.backup.writing import ChunkWriter
from llmspell.security.keys.master import MasterKey
from llmspell.security.keys.ring import KeyRing
from llmspell.store.codec import encode

ID = "20260131T120000Z-0a1b2c"
OTHER_ID = "20260131T130000Z-0a1b2c"
MASTER = MasterKey(b"m" * 32)
RING = KeyRing.create(MASTER, 1_700_000_000_000_000)
FORMATS = ("msgpack", "jsonl")
COMPRESSIONS = ("none", "zstd")

Files = dict[str, bytes]


def row(number: int = 1, value: Any = "dark", *, scope: str = "global") -> Row:
    """A usual entry."""
    at = 1_700_000_000_000_000 + number
    return Row(scope, f"key{number:06}", 1, at, at, 1, "standard", None, None, encode(value))


def written(
    records: Sequence[Record], *, key: BackupKey | None = None, **settings: Any
) -> tuple[Manifest, Files]:
    """The manifest and the files of a backup of the records; its type is full, whatever they are."""
    files: Files = {}
    chosen = BackupSettings("nowhere", **settings)
    with ChunkWriter(files.__setitem__, chosen, key) as writer:
        writer.add(records)
    return manifest_of(writer, chosen, key.info() if key else None), files


def manifest_of(
    writer: ChunkWriter, settings: BackupSettings, encryption: Encryption | None = None
) -> Manifest:
    """The manifest of a full backup of what was written."""
    is_plain = settings.compression == "none"
    return Manifest(
        id=ID,
        type="full",
        llmspell_version="0.1.0",
        backend="sqlite",
        created_us=1,
        snapshot_us=1,
        completed_us=2,
        format=settings.format,
        compression=Compression(
            algorithm=settings.compression, level=0 if is_plain else settings.level
        ),
        encryption=encryption,
        entries=writer.records,
        records=writer.records,
        size_bytes=writer.size_bytes,
        stored_bytes=writer.stored_bytes,
        chunks=writer.chunks,
        checksum=whole_checksum(writer.chunks),
    )


def reread(manifest: Manifest, key: BackupKey | None) -> Manifest:
    """The manifest as it comes back from its file."""
    return unpack(pack(manifest, key), manifest.id)


_INT = st.integers(-(2**63), 2**63 - 1)
_NUMBER = st.integers(1, 2**63 - 1)
#: The years 1 to 9998, in microseconds.
_TIME = st.integers(-62_135_596_800_000_000, 253_370_764_800_000_000)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_TEXT_OR_NONE = st.none() | _TEXT
_SCOPE = _TEXT.filter(lambda text: text >= "\x02")

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | _INT
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
    | st.binary(max_size=8)
    | st.datetimes(min_value=dt.datetime(1, 1, 2), timezones=st.just(dt.UTC)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_TEXT | st.sampled_from(["$bytes", "$map", "$int"]), inner, max_size=3)
    ),
    max_leaves=6,
)
BLOBS = (
    VALUES.map(encode)
    | VALUES.map(lambda value: encode(value, confidential=True))
    | VALUES.map(lambda value: encode(value, labels="secret"))
    | VALUES.map(lambda value: encode([value, "x" * 5000]))
    | st.binary(min_size=1, max_size=20)
)
_META = (_TIME, _TIME, st.integers(0, 2**31), _TEXT, st.none() | _INT)
ROWS = st.builds(Row, _SCOPE, _TEXT, _NUMBER, *_META, _TEXT_OR_NONE, BLOBS)
GONE = st.builds(Gone, _SCOPE, _TEXT, _NUMBER, _TIME)
_WHO = (_TEXT_OR_NONE, _TEXT_OR_NONE, _TEXT_OR_NONE)
_PUTS = st.builds(
    Changed, _NUMBER, _TIME, _SCOPE, _TEXT, st.just("put"), _NUMBER, *_META, *_WHO, BLOBS
)
_ENDS = st.builds(
    Changed,
    _NUMBER,
    _TIME,
    _SCOPE,
    _TEXT,
    st.sampled_from(["delete", "expire"]),
    _NUMBER,
    *_META,
    *_WHO,
    st.just(b""),
)
RECORDS = st.lists(ROWS | GONE | _PUTS | _ENDS, max_size=12)
