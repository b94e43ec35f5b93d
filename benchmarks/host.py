"""What a call costs before State does anything: raw host calls from both VMs, and the codec."""

from __future__ import annotations

from typing import Final

from benchmarks.candidate import Candidate, Opened, Setting, Subject
from benchmarks.workload import value
from llmspell.store import codec

__all__ = ["SUBJECTS"]

LUA_LOOP: Final = b"local host, n = ... for i = 1, n do host(1, 'text') end"
JS_LOOP: Final = "(n) => { for (let i = 0; i < n; i++) host(1, 'text'); }"


def _hosts(_: Setting) -> Opened:
    import quickjs
    from lupa.lua54 import LuaRuntime

    lua = LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
    lua_loop = lua.compile(LUA_LOOP)
    context = quickjs.Context()
    context.add_callable("host", lambda index, text: "null")
    yield Candidate("host/lua/call", lambda calls: lua_loop(_answer, calls))
    yield Candidate("host/js-sync/call", context.eval(JS_LOOP))


def _answer(index: int, text: bytes) -> bytes:
    return b"return nil"


def _codec(_: Setting) -> Opened:
    blob, example = codec.encode(value(1)), value(1)

    def encode(calls: int) -> None:
        for _ in range(calls):
            codec.encode(example)

    def decode(calls: int) -> None:
        for _ in range(calls):
            codec.decode(blob)

    yield Candidate("codec/python/encode", encode)
    yield Candidate("codec/python/decode", decode)


SUBJECTS: Final = (
    Subject("host", ("lua/call", "js-sync/call"), _hosts),
    Subject("codec", ("python/encode", "python/decode"), _codec),
)
