"""Scripts that take memory until there is none, by the sentence that says how."""

from __future__ import annotations

from typing import Final

__all__ = ["JS_MEMORY", "LUA_MEMORY"]

LUA_MEMORY: Final[dict[str, str]] = {
    "Lua repeats text to hundreds of millions of bytes": "return #('x'):rep(300000000)",
    "Lua doubles text": "local s = 'xxxxxxxx' while true do s = s .. s end",
    "Lua grows a table": "local t = {} for i = 1, math.huge do t[i] = i end",
    "Lua grows a map of texts": "local t = {} for i = 1, math.huge do t['k' .. i] = i end",
    "Lua joins what it cannot hold": (
        "local t = {} for i = 1, 100 do t[i] = ('x'):rep(9000000) end return #table.concat(t)"
    ),
    "Lua replaces each character by a long text": (
        "return #('x'):rep(10000):gsub('x', ('y'):rep(100000))"
    ),
    "Lua formats text into longer text": (
        "local s = 'x' while true do s = ('%s%s'):format(s, s) end"
    ),
    "Lua catches that memory is gone and goes on": (
        "local kept = {} while true do pcall(function()\n"
        "while true do kept[#kept + 1] = ('x'):rep(100000) .. #kept end end) end"
    ),
    "Lua grows the stack of its calls": (
        "local t = {} local function f(n) t[n] = {} return 1 + f(n + 1) end\n"
        "while true do pcall(f, 1) t[#t + 1] = ('x'):rep(1000000) .. #t end"
    ),
    "Lua keeps coroutines without end": (
        "local t = {} while true do t[#t + 1] = coroutine.wrap(function() coroutine.yield() end)"
        " t[#t]() end"
    ),
    "Lua keeps closures without end": (
        "local t = {} while true do t[#t + 1] = function() return t end end"
    ),
    "Lua compiles source of many millions of characters": (
        "local s = ('x = 1 '):rep(10000000) return load(s)"
    ),
    "Lua packs text with padding without end": (
        "local s = '' while true do s = s .. string.pack('!16 s8', ('x'):rep(1000000)) end"
    ),
    "Lua unpacks into more values than there is room for": (
        "local t = {} for i = 1, 900000 do t[i] = i end\n"
        "local u = {} for i = 1, 1000 do u[i] = {table.unpack(t)} end"
    ),
}

JS_MEMORY: Final[dict[str, str]] = {
    "JavaScript repeats text to its longest": "'x'.repeat(2 ** 29).length",
    "JavaScript doubles text": "let s = 'xxxx'; for (;;) { s += s; s.length; s = [s].join('') }",
    "JavaScript grows an array": "const a = []; for (;;) a.push({})",
    "JavaScript fills an array of its longest length": "new Array(2 ** 30).fill(1).length",
    "JavaScript makes a buffer of hundreds of millions of bytes": (
        "new Uint8Array(3e8).fill(1).length"
    ),
    "JavaScript grows a map": "const m = new Map(); for (let i = 0; ; i++) m.set(i, 'k' + i)",
    "JavaScript keeps closures without end": "const a = []; for (;;) a.push(() => a)",
    "JavaScript catches that memory is gone and goes on": (
        "const kept = []; for (;;) { try { for (;;) kept.push('x'.repeat(1e5) + kept.length) }"
        " catch {} }"
    ),
    "JavaScript pads text without end": "const a = []; for (;;) a.push(''.padEnd(1e6, 'xy'))",
    "JavaScript splits a long text into letters": "'x'.repeat(3e7).split('').length",
    "JavaScript resolves promises faster than they are collected": (
        "const a = []; for (;;) a.push(Promise.resolve(a.length).then(() => 1))"
    ),
    "JavaScript makes an array of numbers out of a long iterable": (
        "Array.from({ length: 5e7 }, (_, i) => i).length"
    ),
    "JavaScript makes JSON that is longer than memory": (
        "const s = 'x'.repeat(1e6); JSON.stringify(Array(500).fill(s)).length"
    ),
}
