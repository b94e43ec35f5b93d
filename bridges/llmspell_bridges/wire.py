"""The text that crosses between a VM and the host: JSON, tagged only where JSON falls short.

Untagged text is plain JSON and the common case. Text that starts with ``~`` is JSON in which
every list is tagged by its first element, so nothing a script stores can look like a tag:

======================= ==================================================
``["l", a, b, ...]``    the list a, b, ...
``["b", text]``         bytes, base64
``["x", text]``         bytes, one character per byte (Latin-1)
``["t", ms, us]``       timestamp: milliseconds since 1970, microseconds 0..999
``["i", digits]``       integer beyond what a JavaScript Number holds exactly
``["f", digits]``       float that JSON would turn into an integer
======================= ==================================================

To JavaScript values travel as the same JSON; to Lua as a chunk that Lua's ``load`` compiles.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from math import isfinite
from typing import Any, Final

from orjson import (
    OPT_INDENT_2,
    OPT_PASSTHROUGH_DATETIME,
    OPT_SORT_KEYS,
    OPT_STRICT_INTEGER,
    OPT_UTC_Z,
    JSONDecodeError,
    JSONEncodeError,
    dumps,
    loads,
)

from llmspell_bridges.errors import InvalidValue
from llmspell_bridges.values import (
    INT_MAX,
    INT_MIN,
    MAX_DEPTH,
    Value,
    canonical,
    depth_of,
    from_milliseconds,
    to_milliseconds,
    too_deep,
)

__all__ = ["TAGGED", "check_depth", "decode", "encode_js", "plain_json"]

TAGGED: Final = "~"
_TAGGED_FIRST: Final = (TAGGED, TAGGED.encode())
_JS_OPTIONS: Final = OPT_STRICT_INTEGER | OPT_PASSTHROUGH_DATETIME
_JS_SAFE: Final = 2**53 - 1


def decode(text: str | bytes, *, max_depth: int = MAX_DEPTH, envelope: int = 0) -> Value:
    """Decode text that a prelude encoded. Raises ``InvalidValue`` or ``LimitExceeded``.

    ``envelope`` counts the lists around the value itself, which are not part of its depth: 1 for
    a list of arguments.
    """
    tagged = text[:1] in _TAGGED_FIRST
    body = text[1:] if tagged else text
    try:
        value = loads(body)
    except JSONDecodeError as error:
        return _explain(body, error, max_depth + envelope)
    if tagged:
        try:
            value = _untag(value)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, InvalidValue):
                raise
            raise InvalidValue("the value is not valid tagged text") from error
    check_depth(body, value, max_depth, envelope)
    return value


def check_depth(text: str | bytes, value: Value, max_depth: int, envelope: int = 0) -> None:
    """Raise ``LimitExceeded`` if the value that ``text`` was decoded to is nested too deeply."""
    allowed = max_depth + envelope
    if _brackets(text) > allowed and depth_of(value) > allowed:
        raise too_deep("$", max_depth)


def _brackets(text: str | bytes) -> int:
    """Count opening brackets: a bound on the depth that is far cheaper than walking the value."""
    if isinstance(text, bytes):
        return text.count(b"[") + text.count(b"{")
    return text.count("[") + text.count("{")


def _explain(body: str | bytes, error: JSONDecodeError, max_depth: int) -> Value:
    """Find the path of what made the strict decoder refuse: lone surrogates, or endless depth."""
    try:
        lenient = json.loads(body)
    except RecursionError:
        raise too_deep("$", max_depth) from None
    except ValueError:
        raise InvalidValue("the value is not valid JSON text") from error
    return canonical(lenient, max_depth=max_depth)


def _untag(item: Any) -> Value:
    kind = type(item)
    if kind is list:
        return _TAGS[item[0]](item)
    if kind is dict:
        for key, member in item.items():
            item[key] = _untag(member)
    return item


def _integer(item: list[Any]) -> int:
    # A script may hold an integer of a million digits; 64 bits never need more than 20.
    number = int(item[1]) if len(item[1]) <= 20 else INT_MAX + 1
    if not INT_MIN <= number <= INT_MAX:
        raise InvalidValue("the value holds an integer beyond 64 bits", hint="store it as text")
    return number


def _float(item: list[Any]) -> float:
    number = float(item[1])
    if not isfinite(number):
        raise InvalidValue("the value holds a number that is not finite")
    return number


def _timestamp(item: list[Any]) -> dt.datetime:
    try:
        return from_milliseconds(item[1], item[2])
    except OverflowError:
        raise InvalidValue("the value holds a timestamp outside the years 1 to 9999") from None


_TAGS: Final[dict[str, Callable[[list[Any]], Value]]] = {
    "l": lambda item: [_untag(member) for member in item[1:]],
    "b": lambda item: base64.b64decode(item[1], validate=True),
    "x": lambda item: item[1].encode("latin-1"),
    "t": _timestamp,
    "i": _integer,
    "f": _float,
}


def encode_js(value: Value) -> str:
    """Encode a canonical value as the JSON text the JavaScript prelude reads."""
    try:
        return dumps(value, option=_JS_OPTIONS).decode()
    except JSONEncodeError:
        return TAGGED + _dumps_deep(_tag(value))


def _dumps_deep(value: Value) -> str:
    """Encode what may be nested beyond the 254 levels at which the fast encoder stops."""
    try:
        return dumps(value).decode()
    except JSONEncodeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _tag(value: Value) -> Any:
    kind = type(value)
    if kind is dict:
        return {key: _tag(member) for key, member in value.items()}
    if kind is list:
        return ["l", *map(_tag, value)]
    if kind is bytes:
        return ["b", base64.b64encode(value).decode()]
    if kind is dt.datetime:
        return ["t", *to_milliseconds(value)]
    if kind is int and not -_JS_SAFE <= value <= _JS_SAFE:
        return ["i", str(value)]
    return value


def plain_json(value: Value, *, pretty: bool = False, sort_keys: bool = True) -> str:
    """Return ordinary JSON text for people and other programs: timestamps as ISO 8601 text.

    Bytes have no JSON form and are refused with their path.
    """
    option = (OPT_INDENT_2 if pretty else 0) | (OPT_SORT_KEYS if sort_keys else 0)
    try:
        return dumps(value, option=option | OPT_UTC_Z).decode()
    except JSONEncodeError:
        path = _path_of_bytes(value, "$") or "$"
        raise InvalidValue(
            f"{path} is bytes, which JSON cannot hold", hint="encode it as text first", path=path
        ) from None


def _path_of_bytes(value: Value, path: str) -> str | None:
    from llmspell_bridges.values import member_path

    if type(value) is bytes:
        return path
    if type(value) is dict:
        members = [(member_path(path, key), member) for key, member in value.items()]
    elif type(value) is list:
        members = [(f"{path}[{index}]", member) for index, member in enumerate(value)]
    else:
        return None
    return next((hit for at, member in members if (hit := _path_of_bytes(member, at))), None)
