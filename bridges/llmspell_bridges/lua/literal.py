"""Canonical values as Lua source: ``return <constructor>``, compiled by Lua's own ``load``.

The chunk sees three names and nothing else: ``L`` marks a table as a list, ``T`` makes a
timestamp of milliseconds and microseconds, ``N`` is ``JSON.null``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import orjson

from llmspell_bridges.values import INT_MIN, Value, to_milliseconds

__all__ = ["lua_chunk", "lua_literal"]

_HOIST_EVERY: Final = 40
"""Levels after which an inner table becomes a statement of its own: Lua's parser allows 200
nested constructors and 255 registers, whatever the value's depth."""


def lua_chunk(value: Value) -> bytes:
    """Return Lua source that builds ``value``; a map's null members are left out (nil)."""
    writer = _Writer()
    body = writer.literal(value, 1)
    return b"".join((*writer.statements, b"return ", body))


def lua_literal(scalar: Value) -> bytes:
    """Return Lua source of one scalar."""
    return _SCALARS[type(scalar)](scalar)


def _text(value: str) -> bytes:
    quoted = orjson.dumps(value)
    # orjson escapes the control characters JSON has no letter for as \u00XX; Lua's form differs.
    return quoted if b"\\u" not in quoted else _bytes(value.encode())


def _member(key: str) -> bytes:
    return b"[%b]=" % _text(key)


#: The same few names come in value after value.
_name: Final = lru_cache(maxsize=1024)(_member)
_SHORT: Final = 64


def _escape_table() -> list[bytes]:
    table = [bytes([code]) for code in range(256)]
    for code in (*range(32), 34, 92, *range(127, 256)):
        table[code] = b"\\%03d" % code
    return table


_ESCAPES: Final = _escape_table()


def _bytes(value: bytes) -> bytes:
    return b'"%b"' % b"".join(map(_ESCAPES.__getitem__, value))


def _integer(value: int) -> bytes:
    # Decimal digits of the smallest integer would be read as a negated float; hexadecimal wraps.
    return b"0x8000000000000000" if value == INT_MIN else b"%d" % value


def _timestamp(value: dt.datetime) -> bytes:
    return b"T(%d,%d)" % to_milliseconds(value)


_SCALARS: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _text,
    int: _integer,
    float: lambda value: repr(value).encode(),
    bool: lambda value: b"true" if value else b"false",
    bytes: _bytes,
    dt.datetime: _timestamp,
    type(None): lambda _: b"nil",
}


class _Writer:
    """Writes one chunk; collects the statements that build tables nested very deeply."""

    def __init__(self) -> None:
        self.statements: list[bytes] = []

    def literal(self, value: Value, depth: int) -> bytes:
        scalar = _SCALARS.get(type(value))
        if scalar is not None:
            return scalar(value)
        source = self._map(value, depth) if type(value) is dict else self._list(value, depth)
        return source if depth % _HOIST_EVERY else self._hoist(source)

    def _map(self, value: dict[str, Value], depth: int) -> bytes:
        return b"{%b}" % b",".join(
            [
                (_name(key) if len(key) <= _SHORT else _member(key))
                + self.literal(member, depth + 1)
                for key, member in value.items()
                if member is not None
            ]
        )

    def _list(self, value: list[Value], depth: int) -> bytes:
        return b"L{%b}" % b",".join(
            [b"N" if item is None else self.literal(item, depth + 1) for item in value]
        )

    def _hoist(self, source: bytes) -> bytes:
        if not self.statements:
            self.statements.append(b"local S={} ")
        slot = len(self.statements)
        self.statements.append(b"S[%d]=%b " % (slot, source))
        return b"S[%d]" % slot
