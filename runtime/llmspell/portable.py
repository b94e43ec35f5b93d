"""Canonical values as JSON and MessagePack that keep them exact.

What JSON cannot hold exactly is written as an object with one member:

    {"$bytes": "AAEC"}                              base64
    {"$timestamp": "2026-01-31T12:00:00.000000Z"}   UTC, microseconds
    {"$int": "9007199254740993"}                    integers beyond 2**53; many readers round them
    {"$float": "1.0"}                               whole floats; many readers make them integers
    {"$map": {"$bytes": "not a tag"}}               a map whose only key begins with $

MessagePack holds all of these itself, timestamps as its extension -1.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from llmspell_bridges.errors import InvalidValue
from llmspell_bridges.values import canonical, member_path

__all__ = ["from_msgpack", "tag", "untag"]

_EXACT_INT = 2**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT = re.compile(r"-?(0|[1-9][0-9]{0,19})\Z")
_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,3})?\Z")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)


def tag(value: Any) -> Any:
    """Return a canonical value as plain JSON data, tagged where JSON would not hold it exactly."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return value if -_EXACT_INT <= value <= _EXACT_INT else {"$int": str(value)}
    if kind is float:
        return {"$float": repr(value)} if value.is_integer() else value
    if kind is list:
        return [tag(member) for member in value]
    if kind is dict:
        tagged = {name: tag(member) for name, member in value.items()}
        return {"$map": tagged} if _looks_tagged(value) else tagged
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    naive: datetime = value.astimezone(UTC).replace(tzinfo=None)
    return {"$timestamp": naive.isoformat(timespec="microseconds") + "Z"}


def _looks_tagged(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("$")


def untag(data: Any) -> Any:
    """Return the canonical value that ``tag`` wrote.

    Raises InvalidValue, naming the path, for unknown tags, malformed content, and everything that
    is no canonical value.
    """
    return canonical(_untag(data, "$"))


def _untag(value: Any, path: str) -> Any:
    if type(value) is list:
        return [_untag(member, f"{path}[{index}]") for index, member in enumerate(value)]
    if type(value) is not dict:
        return value
    if _looks_tagged(value):
        ((name, content),) = value.items()
        if name == "$map" and type(content) is dict:
            value = content
        elif name in _TAGS and isinstance(content, str):
            return _TAGS[name](content, path)
        else:
            raise InvalidValue(
                f"{path} is not a known tag",
                hint=f"known tags: {', '.join(_TAGS)}, $map",
                path=path,
            )
    return {name: _untag(member, member_path(path, name)) for name, member in value.items()}


def from_msgpack(data: Any) -> Any:
    """Return the canonical value of unpacked MessagePack (``timestamp=0``); raise as ``untag``."""
    return canonical(_from_msgpack(data, "$"))


def _from_msgpack(value: Any, path: str) -> Any:
    from msgpack import ExtType, Timestamp

    if type(value) is list:
        return [_from_msgpack(member, f"{path}[{index}]") for index, member in enumerate(value)]
    if type(value) is dict:
        return {
            name: _from_msgpack(member, member_path(path, str(name)))
            for name, member in value.items()
        }
    if isinstance(value, Timestamp):
        if value.nanoseconds % 1000:
            raise InvalidValue(f"{path} is finer than a microsecond", path=path)
        try:
            return _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanoseconds // 1000)
        except OverflowError:
            raise _bad_content("timestamp between the years 1 and 9999", path) from None
    if isinstance(value, ExtType):
        raise InvalidValue(f"{path} is an unknown extension type", path=path)
    return value


def _bytes(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise _bad_content("base64", path) from None


def _timestamp(text: str, path: str) -> datetime:
    try:
        if _TIMESTAMP.match(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _bad_content("timestamp such as 2026-01-31T12:00:00.000000Z", path)


def _int(text: str, path: str) -> int:
    if not _INT.match(text):
        raise _bad_content("integer in decimal", path)
    return int(text)


def _float(text: str, path: str) -> float:
    if not _FLOAT.match(text):
        raise _bad_content("float in decimal", path)
    return float(text)


_TAGS: dict[str, Callable[[str, str], Any]] = {
    "$bytes": _bytes,
    "$timestamp": _timestamp,
    "$int": _int,
    "$float": _float,
}


def _bad_content(wanted: str, path: str) -> InvalidValue:
    return InvalidValue(f"{path} is not a valid {wanted}", path=path)
