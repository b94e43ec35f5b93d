"""The Lua chunk that puts the declared functions and their preludes into a fresh VM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from lupa.lua54 import LuaRuntime

from llmspell_bridges.api import Function
from llmspell_bridges.door import BoundGlobal, indexed
from llmspell_bridges.lua.literal import lua_literal
from llmspell_bridges.lua.records import record_unpacker

__all__ = ["compiled", "installation", "part"]

_DUMP: Final = b"""local source, name, strip = ...
return string.dump(assert(load(source, name, "t")), strip)"""
#: What stands in the place of library functions has no lines, so that no message shows them.
_WITHOUT_LINES: Final = (b"environment", b"deadline", b"relay")


@cache
def compiled(source: bytes, *, strip: bool = False) -> bytes:
    """Return the bytecode of a chunk of ours, which loads in half the time.

    Only the host may hand bytecode to a VM; what scripts load has to be text.
    """
    code: bytes = LuaRuntime(encoding=None).compile(_DUMP)(source, b"=llmspell", strip)
    return code


@cache
def part(name: bytes) -> bytes:
    """Return one of the Lua files of this folder, as bytecode."""
    source = Path(__file__).with_name(f"{name.decode()}.lua").read_bytes()
    return compiled(source, strip=name in _WITHOUT_LINES)


def installation(offered: Sequence[BoundGlobal]) -> bytes:
    """Return a chunk that is given the prelude's ``define`` and ``extend``."""
    return compiled("\n".join(_statements(offered)).encode())


def _statements(offered: Sequence[BoundGlobal]) -> Iterator[str]:
    yield "local define, extend = ..."
    functions = indexed(offered, "lua")
    for bound in offered:
        while functions and functions[0][0] is bound:
            _, function, index = functions.pop(0)
            yield _definition(bound, function, index)
        if source := bound.declaration.preludes.get("lua"):
            yield f"extend(function(...)\n{source}\nend)"


def _definition(bound: BoundGlobal, function: Function, index: int) -> str:
    place = function.name
    if not function.internal and bound.declaration.name:
        place = f"{bound.declaration.name}.{place}"
    names = ", ".join(f'"{param.name}"' for param in function.params)
    record = bound.declaration.record(function.result)
    unpacker = f"function(...)\n{record_unpacker(record)}\nend" if record else "nil"
    told = [place, function.call_name(bound.declaration), index]
    literals = ", ".join(lua_literal(each).decode() for each in told)
    flags = [lua_literal(each).decode() for each in (function.internal, function.keeps)]
    return f"define({literals}, {{{names}}}, {flags[0]}, {unpacker}, {flags[1]})"
