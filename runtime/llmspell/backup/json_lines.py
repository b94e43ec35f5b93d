"""Records as JSON lines, for people and other programs: one object a line.

    {"scope":"global","key":"theme","version":3,...,"value":"dark"}

The ``value`` is as in an export (llmspell.portable). Where that would not give the very same
stored bytes again, which a compressed, confidential or labelled value never does, ``blob`` has
these in base64. Members that are null are left out; those of a Row, a Gone and a Changed differ,
which tells them apart: ``seq`` is of a Changed alone, ``at`` without it of a Gone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import Any, Final

import orjson

from llmspell.backup.records import FIELDS, Changed, Gone, Malformed, Record, Row, checked
from llmspell.errors import LlmSpellError
from llmspell.portable import tag, untag
from llmspell.store import codec
from llmspell_bridges.values import canonical

__all__ = ["JsonLines", "count_lines", "read_lines"]

_BATCH: Final = 256
_MISSING: Final = object()
_OPTIONAL: Final = frozenset({"expires_at", "actor", "run_id", "correlation_id"})


class JsonLines:
    """Writes records as lines; a chunk is full at ``cut_bytes``, its last line may be beyond."""

    def __init__(self, cut_bytes: int) -> None:
        self._cut_bytes = cut_bytes
        self._lines = bytearray()

    def add(self, records: Sequence[Record]) -> int:
        """Write as many of the records as have their place in this chunk, and say how many."""
        done = 0
        while done < len(records) and len(self._lines) < self._cut_bytes:
            self._lines += _line(records[done])
            done += 1
        return done

    @property
    def size_bytes(self) -> int:
        """How much there is."""
        return len(self._lines)

    def take(self) -> bytes:
        """Return what there is, and begin anew."""
        data = bytes(self._lines)
        self._lines = bytearray()
        return data


def read_lines(data: bytes) -> Iterator[list[Record]]:
    """Yield the records of a chunk, page by page. Raises Malformed."""
    count_lines(data)
    lines = BytesIO(
        data
    )  # not all of them at a time: empty ones take no room, until they are split
    while batch := [_fields(line) for line in islice(lines, _BATCH)]:
        yield checked(batch)


def count_lines(data: bytes) -> int:
    """Return how many lines a chunk holds. Raises Malformed."""
    if data and not data.endswith(b"\n"):
        raise Malformed("its end is missing")
    return data.count(b"\n")


def _line(record: Record) -> bytes:
    data = {name: value for name, value in record._asdict().items() if value is not None}
    blob = data.pop("blob", None)
    if blob is None:
        return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)
    exact = _with_value(data, blob)
    if exact is not None:
        return exact
    data["blob"] = base64.b64encode(blob).decode("ascii")
    return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)


def _with_value(data: dict[str, Any], blob: bytes) -> bytes | None:
    """Return the line with the value itself; None where that would lose anything."""
    if not codec.is_plain(blob) or codec.is_confidential(blob):
        return None
    try:
        # Only canonical values are sure to come back from their tagged form.
        value = canonical(codec.decode(blob))
        if _encoded(value) != blob:
            return None
        return orjson.dumps(data | {"value": tag(value)}, option=orjson.OPT_APPEND_NEWLINE)
    except (LlmSpellError, ValueError, TypeError, RecursionError):
        return None


def _encoded(value: Any) -> bytes:
    # Never compressed: another version of zstd would make other bytes of the same value.
    return codec.encode(value, compress=False)


def _fields(line: bytes) -> tuple[Any, ...]:
    """Return the fields of a record in their order."""
    try:
        data = orjson.loads(line)
    except ValueError:
        raise Malformed("a line of it is no well-formed JSON") from None
    if type(data) is not dict:
        raise Malformed("a line of it is no record")
    names = FIELDS[len(_kind_of(data)._fields)]
    if names[-1] == "blob":
        data["blob"] = _blob(data)
    fields = tuple(data.pop(name, None if name in _OPTIONAL else _MISSING) for name in names)
    if data or _MISSING in fields:
        raise Malformed("a record has members that none has, or lacks some")
    return fields


def _kind_of(data: dict[str, Any]) -> Any:
    if "seq" in data:
        return Changed
    return Gone if "at" in data else Row


def _blob(data: dict[str, Any]) -> bytes:
    value, blob = data.pop("value", _MISSING), data.pop("blob", _MISSING)
    if (value is _MISSING) == (blob is _MISSING):
        raise Malformed("a record has neither value nor blob, or both")
    try:
        if value is _MISSING:
            return base64.b64decode(blob, validate=True)
        return _encoded(untag(value))
    except LlmSpellError as error:
        raise Malformed("the value of a record cannot be read") from error
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise Malformed("the blob of a record is no base64") from None
