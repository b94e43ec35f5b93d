"""Records on their way to Lua: packed bytes that ``string.unpack`` reads in one call.

A record crosses as ``=``, then its numbers, times (microseconds) and booleans as 64-bit integers,
then its texts, each ended by a zero byte. An absent number is the smallest integer, an absent text
is empty. Compared with a chunk for ``load`` this takes a third of the time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final

from llmspell_bridges.api import Param, Record
from llmspell_bridges.values import INT_MIN

__all__ = ["record_packer", "record_unpacker"]

_TEXT: Final = "text"
_NIL: Final = b""
_MARK: Final = ord("=")
_END: Final = b"\0"


def record_packer(record: Record) -> Callable[[tuple[Any, ...] | None], bytes]:
    """Return what packs the record's members, given in their declared order."""
    numbers = [i for i, member in enumerate(record.fields) if member.type != _TEXT]
    texts = [i for i, member in enumerate(record.fields) if member.type == _TEXT]
    pack_numbers = struct.Struct(f"<B{len(numbers)}q").pack
    pick_numbers, pick_texts = itemgetter(*numbers), itemgetter(*texts)

    def pack(members: tuple[Any, ...] | None) -> bytes:
        if members is None:
            return _NIL
        picked = pick_numbers(members)
        if None in picked:
            picked = [INT_MIN if number is None else number for number in picked]
        ended = "\0".join([text or "" for text in pick_texts(members)])
        return pack_numbers(_MARK, *picked) + ended.encode() + _END

    return pack


def record_unpacker(record: Record) -> bytes:
    """Return Lua source of a function that makes the record's table of a reply.

    The source is a chunk that is given ``unpack`` (``string.unpack``) and ``time``, which makes
    a timestamp of microseconds.
    """
    numbers = [member for member in record.fields if member.type != _TEXT]
    texts = [member for member in record.fields if member.type == _TEXT]
    names = ", ".join(f"v_{member.name}" for member in (*numbers, *texts))
    members = ", ".join(f'["{member.name}"] = {_expression(member)}' for member in record.fields)
    layout = "<" + "i8" * len(numbers) + "z" * len(texts)
    return (
        "local unpack, time, absent = ...\n"
        f"return function(reply) local {names} = unpack('{layout}', reply, 2)\n"
        f"return {{ {members} }} end"
    ).encode()


def _expression(member: Param) -> str:
    variable = f"v_{member.name}"
    if member.type == "boolean":
        return f"{variable} ~= 0"
    made = f"time({variable})" if member.type == "timestamp" else variable
    if not member.optional:
        return made
    absent = '""' if member.type == _TEXT else "absent"
    return f"{variable} ~= {absent} and {made} or nil"
