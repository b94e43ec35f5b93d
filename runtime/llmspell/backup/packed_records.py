"""Records as MessagePack: one array after the other, each of up to 64 records.

A record is an array of its fields. That no array is longer keeps what claims to be a chunk from
asking for more memory than it is long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgpack

from llmspell.backup.records import Changed, Malformed, Record, Row, checked

__all__ = ["PackedRecords", "count_packed", "read_packed"]

_BATCH: Final = 64
#: So many records are made at a time.
_PAGE: Final = 1000
_WITH_BLOB: Final = (len(Row._fields), len(Changed._fields))


class PackedRecords:
    """Packs records; ``cut_bytes`` is when a chunk is full, and no chunk is twice that.

    Unless a single record is: that has a chunk for itself then, or the end of one.
    """

    def __init__(self, cut_bytes: int) -> None:
        self._cut_bytes = cut_bytes
        self._packer = msgpack.Packer(autoreset=False)

    def add(self, records: Sequence[Record]) -> int:
        """Pack as many of the records as have their place in this chunk, and say how many."""
        done = 0
        while done < len(records) and self.size_bytes < self._cut_bytes:
            batch = records[done : done + _BATCH]
            if _blob_bytes(batch) > self._cut_bytes:
                batch = batch[:1]
            self._packer.pack(batch)
            done += len(batch)
        return done

    @property
    def size_bytes(self) -> int:
        """How much there is."""
        return len(self._packer.getbuffer())

    def take(self) -> bytes:
        """Return what there is, and begin anew."""
        data: bytes = self._packer.bytes()
        self._packer.reset()
        return data


def _blob_bytes(batch: Sequence[Any]) -> int:
    return sum(len(record[-1]) for record in batch if len(record) in _WITH_BLOB)


def read_packed(data: bytes) -> Iterator[list[Record]]:
    """Yield the records of a chunk, page by page. Raises Malformed."""
    unpacker = _unpacker(data)
    records: list[Record] = []
    try:
        # Iterating would stop at an array that is cut off as if it had come to the end.
        while unpacker.tell() < len(data):
            batch = unpacker.unpack()
            if type(batch) is not tuple or not batch:
                raise Malformed("it holds something else than records")
            records += checked(batch)
            if len(records) >= _PAGE:
                yield records
                records = []
    except Malformed:
        raise
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise Malformed("it is no well-formed MessagePack") from error
    if records:
        yield records


def count_packed(data: bytes) -> int:
    """Return how many records a chunk holds, without making any of them. Raises Malformed."""
    unpacker = _unpacker(data)
    read_size, skip, tell = unpacker.read_array_header, unpacker.skip, unpacker.tell
    count, end = 0, len(data)
    try:
        while tell() < end:
            size = read_size()
            if not size:  # millions of them would take no room, and an hour to read
                raise Malformed("it holds something else than records")
            for _ in range(size):
                skip()
            count += size
    except Malformed:
        raise
    except (ValueError, msgpack.UnpackException) as error:
        raise Malformed("it is no well-formed MessagePack") from error
    return count


def _unpacker(data: bytes) -> msgpack.Unpacker:
    unpacker = msgpack.Unpacker(
        use_list=False,
        max_buffer_size=max(len(data), 1),
        max_array_len=_BATCH,
        max_map_len=0,
        max_ext_len=0,
    )
    unpacker.feed(data)
    return unpacker
