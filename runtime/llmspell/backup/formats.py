"""The forms a chunk can have, as a table by configuration name, and what its file is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from llmspell.backup.json_lines import JsonLines, count_lines, read_lines
from llmspell.backup.packed_records import PackedRecords, count_packed, read_packed
from llmspell.backup.records import Record

__all__ = ["FORMATS", "MAX_CHUNK_BYTES", "Encoder", "Format", "chunk_name"]

#: No chunk is longer before compression: a value has one GiB at most, a third more in base64.
MAX_CHUNK_BYTES: Final = (2 << 30) - 1


class Encoder(Protocol):
    """Makes the bytes of one chunk after the other."""

    def add(self, records: Sequence[Record]) -> int:
        """Take as many records as have their place in this chunk; say how many, 0 when full."""
        ...

    @property
    def size_bytes(self) -> int:
        """How much there is."""
        ...

    def take(self) -> bytes:
        """Return what there is, and begin anew."""
        ...


class Format(NamedTuple):
    """How records are written and read; ``count`` is cheaper than reading. Both raise Malformed.

    ``encoder`` is made with the size at which a chunk is full.
    """

    encoder: Callable[[int], Encoder]
    read: Callable[[bytes], Iterator[list[Record]]]
    count: Callable[[bytes], int]


FORMATS: Final[dict[str, Format]] = {
    "msgpack": Format(PackedRecords, read_packed, count_packed),
    "jsonl": Format(JsonLines, read_lines, count_lines),
}


def chunk_name(number: int, *, format: str, compression: str, sealed: bool) -> str:  # noqa: A002
    """Return what the file of a chunk is called; numbers count from 1."""
    ends = (".zst" if compression == "zstd" else "") + (".sealed" if sealed else "")
    return f"chunk-{number:06}.{format}{ends}"
