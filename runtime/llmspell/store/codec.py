"""Canonical values to bytes and back: msgpack, zstd when it pays, a checksum, one header byte.

A blob is the header (format version in the low four bits, a flag for each step taken in the
high four), the CRC-32 of the payload, big-endian, and the payload.
"""

from __future__ import annotations

import threading
from struct import Struct
from typing import Any, Final
from zlib import crc32

import msgpack

from llmspell.errors import LimitExceeded, StorageError

__all__ = ["checksum", "decode", "encode"]

_FORMAT: Final = 0x01
_ZSTD: Final = 0x10
#: Reserved, so that a blob of the version that brings it is refused and not misread: 0x20
#: says that the payload is encrypted.
_HEADER: Final = Struct(">BI")
_HEADER_BYTES: Final = _HEADER.size

#: Below this zstd costs more time than the bytes are worth.
_COMPRESS_FROM_BYTES: Final = 4096
_LEVEL: Final = 3
_BEST_LEVEL: Final = 19
#: No honest blob unpacks to more: SQLite's own limit for one value is a little lower.
_MAX_UNPACKED_BYTES: Final = 1 << 30

# A Packer holds a buffer and serves one thread at a time. List pop and append are atomic,
# which makes this cheaper than thread-local storage; reuse saves a third of an encode.
_packers: list[msgpack.Packer] = []
_local = threading.local()


def encode(
    value: Any, *, max_bytes: int = _MAX_UNPACKED_BYTES, best_compression: bool = False
) -> bytes:
    """Encode a canonical value. The value must have been validated.

    ``best_compression`` tries harder, and with shorter values, for what is rarely written.
    Raises LimitExceeded when it takes more than ``max_bytes`` before compression.
    """
    try:
        packer = _packers.pop()
    except IndexError:
        packer = msgpack.Packer(datetime=True)
    # A packer that raised is dropped: half a value may still be in its buffer.
    packed: bytes = packer.pack(value)
    _packers.append(packer)
    if len(packed) > max_bytes:
        raise _too_large(len(packed), max_bytes)
    if best_compression or len(packed) >= _COMPRESS_FROM_BYTES:
        compressed = _compressor(_BEST_LEVEL if best_compression else _LEVEL).compress(packed)
        if len(compressed) < len(packed):
            return _HEADER.pack(_FORMAT | _ZSTD, crc32(compressed)) + bytes(compressed)
    return _HEADER.pack(_FORMAT, crc32(packed)) + packed


def decode(blob: bytes) -> Any:
    """Decode a blob into a fresh value.

    Raises StorageError: reason ``corrupt`` when the bytes are damaged, ``newer_version`` when
    a later version of llmspell wrote them.
    """
    if len(blob) <= _HEADER_BYTES:
        raise _corrupt("it is too short")
    header, stored_crc = _HEADER.unpack_from(blob)
    payload = blob[_HEADER_BYTES:]
    if header != _FORMAT:
        if header != _FORMAT | _ZSTD:
            raise _unknown_format(header)
        if crc32(payload) != stored_crc:
            raise _corrupt("its checksum does not match")
        payload = _decompress(payload)
    elif crc32(payload) != stored_crc:
        raise _corrupt("its checksum does not match")
    try:
        return msgpack.unpackb(payload, timestamp=3)
    except (ValueError, TypeError, OverflowError) as error:
        raise _corrupt("its payload is not well-formed") from error


def unpacked_size(blob: bytes) -> int:
    """Return how many bytes a blob decodes from: what it holds once it is decompressed."""
    if len(blob) <= _HEADER_BYTES or blob[0] != _FORMAT | _ZSTD:
        return len(blob)
    import zstandard

    try:
        return max(0, zstandard.frame_content_size(blob[_HEADER_BYTES : _HEADER_BYTES + 32]))
    except zstandard.ZstdError:
        return len(blob)  # decoding it will tell


def checksum(blob: bytes) -> str:
    """Return the checksum a blob carries, as eight hexadecimal digits."""
    if len(blob) <= _HEADER_BYTES:
        raise _corrupt("it is too short")
    return blob[1:_HEADER_BYTES].hex()


def _compressor(level: int) -> Any:
    # zstd contexts serve one thread at a time; the import waits for the first large value.
    try:
        return _local.compressors[level]
    except (AttributeError, KeyError):
        import zstandard

        if not hasattr(_local, "compressors"):
            _local.compressors = {}
        made = _local.compressors[level] = zstandard.ZstdCompressor(level=level)
        return made


def _decompress(payload: bytes) -> bytes:
    import zstandard

    try:
        size = zstandard.frame_content_size(payload)
        if not 0 <= size <= _MAX_UNPACKED_BYTES:
            raise _corrupt("its compressed size is unknown or absurd")
        # The frame states its size, and no more than that is ever allocated.
        return zstandard.ZstdDecompressor().decompress(payload)
    except zstandard.ZstdError as error:
        raise _corrupt("it does not decompress") from error


def _corrupt(why: str) -> StorageError:
    return StorageError(
        f"a stored value is damaged: {why}",
        hint="restore it from a backup, or overwrite or delete the entry",
        reason="corrupt",
    )


def _too_large(size: int, max_bytes: int) -> LimitExceeded:
    return LimitExceeded(
        f"the value is {size} bytes; the limit is {max_bytes}",
        hint="split it over several keys, or raise limits.value_bytes; values of class external"
        " have a limit of their own",
        limit="value_bytes",
        maximum=max_bytes,
        size=size,
    )


def _unknown_format(header: int) -> StorageError:
    return StorageError(
        f"a stored value has format 0x{header:02x}, which this version does not read",
        hint="a newer llmspell wrote it: upgrade llmspell",
        reason="newer_version",
    )
