"""Canonical values to bytes and back: msgpack, zstd when it pays, a checksum, one header byte.

A blob is the header (format version in the low four bits, flags in the high four), the CRC-32 of
what follows, big-endian, and the payload. The flags:

    0x10  the payload is compressed with zstd
    0x20  the blob is confidential: it must not be stored as it is, but sealed
    0x40  the value has confidential members, MessagePack extensions that must be sealed
    0x80  before the payload stand labels: their length in two bytes, then names with commas

A sealed blob begins with SEALED, which no flipped bit turns into the header of another. Opening
one brings back the blob with its flags. What could not be opened becomes a blob that begins with
UNOPENED and tells why to whoever decodes it, so that one bad value spoils no others.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from struct import Struct
from typing import Any, Final
from zlib import crc32

import msgpack

from llmspell.errors import LlmSpellError
from llmspell.security.keys.sealed_form import SEALED
from llmspell.security.sensitive.confidential import Confidential
from llmspell.store.compression import MAX_UNPACKED_BYTES, decompress, frame_size
from llmspell.store.compression import compress as compress_
from llmspell.store.problems import (
    UNOPENED,
    corrupt,
    no_key,
    too_large,
    unknown_format,
    why_not,
)

__all__ = [
    "CONFIDENTIAL",
    "SEALED",
    "checksum",
    "confidential",
    "decode",
    "encode",
    "has_confidential_members",
    "is_confidential",
    "is_plain",
    "is_unopened",
    "labels_of",
    "map_members",
    "pack",
    "unpacked_size",
    "wrap",
]

#: The flag of a blob that must be sealed.
CONFIDENTIAL: Final = 0x20

_FORMAT: Final = 0x01
_ZSTD: Final = 0x10
_MEMBERS: Final = 0x40
_LABELLED: Final = 0x80
_VERSION: Final = 0x0F
_SIMPLE: Final = (_FORMAT, _FORMAT | CONFIDENTIAL)
_HEADER: Final = Struct(">BI")
_HEADER_BYTES: Final = _HEADER.size
_LENGTH: Final = Struct(">H")

#: MessagePack extensions: a member that is to be sealed, in memory, and one that is, in a store.
_MEMBER, _SEALED_MEMBER = 2, 1

#: Below this zstd costs more time than the bytes are worth.
_COMPRESS_FROM_BYTES: Final = 4096

# A Packer holds a buffer and serves one thread at a time. List pop and append are atomic,
# which makes this cheaper than thread-local storage; reuse saves a third of an encode.
_packers: list[msgpack.Packer] = []


def encode(
    value: Any,
    *,
    max_bytes: int = MAX_UNPACKED_BYTES,
    best_compression: bool = False,
    compress: bool = True,
    confidential: bool = False,
    confidential_members: bool = False,
    labels: str = "",
) -> bytes:
    """Encode a canonical value. The value must have been validated.

    ``best_compression`` tries harder, and with shorter values, for what is rarely written.
    ``confidential`` blobs must be sealed where they are stored; with ``confidential_members``
    the value may hold ``Confidential`` objects. ``labels``, names with commas, are kept beside
    it. Raises LimitExceeded when it takes more than ``max_bytes`` before compression.
    """
    packed = pack(value, max_bytes)
    if len(packed) < _COMPRESS_FROM_BYTES and not (
        best_compression or confidential_members or labels
    ):
        return _HEADER.pack(_FORMAT | CONFIDENTIAL * confidential, crc32(packed)) + packed
    return wrap(
        packed,
        best_compression=best_compression,
        compress=compress,
        confidential=confidential,
        confidential_members=confidential_members,
        labels=labels,
    )


def pack(value: Any, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """Return the MessagePack of a value: the first half of ``encode``, which see."""
    try:
        packer = _packers.pop()
    except IndexError:
        packer = msgpack.Packer(datetime=True, default=_pack_member)
    # A packer that raised is dropped: half a value may still be in its buffer.
    packed: bytes = packer.pack(value)
    _packers.append(packer)
    if len(packed) > max_bytes:
        raise too_large(len(packed), max_bytes)
    return packed


def wrap(
    packed: bytes,
    *,
    best_compression: bool = False,
    compress: bool = True,
    confidential: bool = False,
    confidential_members: bool = False,
    labels: str = "",
) -> bytes:
    """Return the blob of what ``pack`` returned: the other half of ``encode``, which see."""
    header = _FORMAT
    if confidential:
        header |= CONFIDENTIAL
    if confidential_members:
        header |= _MEMBERS
    if compress and (best_compression or len(packed) >= _COMPRESS_FROM_BYTES):
        compressed = compress_(packed, best=best_compression)
        if len(compressed) < len(packed):
            header |= _ZSTD
            packed = compressed
    if labels:
        names = labels.encode()
        header |= _LABELLED
        packed = _LENGTH.pack(len(names)) + names + packed
    return _HEADER.pack(header, crc32(packed)) + packed


def decode(blob: bytes) -> Any:
    """Decode a blob into a fresh value.

    Raises StorageError: reason ``corrupt`` when the bytes are damaged, ``newer_version`` when
    a later version of llmspell wrote them; and for what is sealed EncryptionError.
    """
    if len(blob) <= _HEADER_BYTES:
        raise corrupt("it is too short")
    header, stored_crc = _HEADER.unpack_from(blob)
    if header in _SIMPLE:
        payload = blob[_HEADER_BYTES:]
        if crc32(payload) != stored_crc:
            raise corrupt("its checksum does not match")
        try:
            return msgpack.unpackb(payload, timestamp=3, ext_hook=_no_member)
        except (ValueError, TypeError, OverflowError) as error:
            raise corrupt("its payload is not well-formed") from error
    payload = _payload(blob)
    return _unpack(payload, _plain_member if header & _MEMBERS else _no_member)


def is_plain(blob: bytes) -> bool:
    """Return whether a blob is in the open: neither sealed, nor something that was not opened."""
    return bool(blob) and blob[0] & _VERSION == _FORMAT


def is_unopened(blob: bytes) -> bool:
    """Return whether a blob stands for one that could not be opened."""
    return bool(blob) and blob[0] == UNOPENED


def is_confidential(blob: bytes) -> bool:
    """Return whether a blob is one that must be sealed where it is stored, or is sealed."""
    return bool(blob) and bool(blob[0] & CONFIDENTIAL)


def confidential(blob: bytes) -> bytes:
    """Return a blob in the open with the flag of what must be sealed."""
    first = blob[0]
    return blob if first & CONFIDENTIAL else bytes((first | CONFIDENTIAL,)) + blob[1:]


def has_confidential_members(blob: bytes) -> bool:
    """Return whether a blob in the open has members that are confidential."""
    return is_plain(blob) and bool(blob[0] & _MEMBERS)


def labels_of(blob: bytes) -> str:
    """Return the labels a blob in the open carries, with commas between them."""
    if not is_plain(blob) or not blob[0] & _LABELLED or len(blob) < _HEADER_BYTES + _LENGTH.size:
        return ""
    start = _HEADER_BYTES + _LENGTH.size
    (length,) = _LENGTH.unpack_from(blob, _HEADER_BYTES)
    return blob[start : start + length].decode(errors="replace")


def map_members(blob: bytes, change: Callable[[int, bytes], bytes], *, sealed: bool) -> bytes:
    """Return a blob with every confidential member changed by ``change(position, bytes)``.

    ``sealed`` tells what they are made: sealed, or in the open. Positions count from 0.
    """
    found, made = (_MEMBER, _SEALED_MEMBER) if sealed else (_SEALED_MEMBER, _MEMBER)
    position = 0

    def member(code: int, data: bytes) -> msgpack.ExtType:
        nonlocal position
        if code != found:
            raise corrupt("it has a member of an unknown kind")
        position += 1
        return msgpack.ExtType(made, change(position - 1, data))

    value = _unpack(_payload(blob), member)
    return encode(
        value,
        compress=bool(blob[0] & _ZSTD),
        confidential=is_confidential(blob),
        confidential_members=True,
        labels=labels_of(blob),
    )


def unpacked_size(blob: bytes) -> int:
    """Return how many bytes a blob decodes from: what it holds once it is decompressed."""
    if len(blob) <= _HEADER_BYTES or not is_plain(blob) or not blob[0] & _ZSTD:
        return len(blob)
    # What does not make sense is told when it is decoded.
    return frame_size(blob[_HEADER_BYTES + _labels_bytes(blob) :], len(blob))


def checksum(blob: bytes) -> str:
    """Return the checksum a blob carries, as eight hexadecimal digits."""
    if len(blob) <= _HEADER_BYTES:
        raise corrupt("it is too short")
    return blob[1:_HEADER_BYTES].hex()


def _payload(blob: bytes) -> bytes:
    """Return the MessagePack of a blob, as ``decode`` does for all but the simplest."""
    if blob and blob[0] == SEALED:
        raise no_key()
    if blob and blob[0] == UNOPENED:
        raise why_not(blob)
    if len(blob) <= _HEADER_BYTES:
        raise corrupt("it is too short")
    header, stored_crc = _HEADER.unpack_from(blob)
    if header & _VERSION != _FORMAT:
        raise unknown_format(header)
    if crc32(blob[_HEADER_BYTES:]) != stored_crc:
        raise corrupt("its checksum does not match")
    try:
        start = _HEADER_BYTES + _labels_bytes(blob)
    except struct.error:
        raise corrupt("its payload is not well-formed") from None
    payload = blob[start:]
    return decompress(payload) if header & _ZSTD else payload


def _labels_bytes(blob: bytes) -> int:
    """Return how much room the labels take, their length included."""
    if not blob[0] & _LABELLED:
        return 0
    return _LENGTH.size + int(_LENGTH.unpack_from(blob, _HEADER_BYTES)[0])


def _unpack(payload: bytes, member: Callable[[int, bytes], Any]) -> Any:
    try:
        return msgpack.unpackb(payload, timestamp=3, ext_hook=member)
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, LlmSpellError):
            raise
        raise corrupt("its payload is not well-formed") from error


def _pack_member(value: Any) -> msgpack.ExtType:
    """Pack what is no canonical value: a ``Confidential`` one."""
    if type(value) is not Confidential:
        raise TypeError(f"a canonical value has no {type(value).__name__}")
    return msgpack.ExtType(_MEMBER, msgpack.packb(value.value, datetime=True))


def _no_member(code: int, data: bytes) -> Any:
    raise ValueError("it has a member that is no value")


def _plain_member(code: int, data: bytes) -> Any:
    if code == _SEALED_MEMBER:
        raise no_key()
    if code != _MEMBER:
        raise corrupt("it has a member of an unknown kind")
    return msgpack.unpackb(data, timestamp=3)
