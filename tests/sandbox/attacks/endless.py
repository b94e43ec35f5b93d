"""Scripts that never end, by the sentence that says how. All of them hang a plain embedding."""

from __future__ import annotations

from typing import Final

__all__ = ["JS_LOOPS", "JS_NEVER_ASKS", "LUA_LOOPS", "LUA_NEVER_ASKS"]

LUA_LOOPS: Final[dict[str, str]] = {
    "Lua loops for ever": "while true do end",
    "Lua loops by goto": "::top:: goto top",
    "Lua loops without an end to its numbers": "for i = 1, math.huge do end",
    "Lua repeats until never": "repeat local x until false",
    "Lua calls itself at its end for ever": "local function f() return f() end f()",
    "Lua loops and catches every error": "while true do pcall(function() while true do end end) end",
    "Lua loops within a hundred protected calls": (
        "local function f(n) if n == 0 then while true do end end\n"
        "while true do pcall(f, n - 1) end end f(100)"
    ),
    "Lua loops in the handler of its errors": (
        "while true do xpcall(error, function() while true do end end) end"
    ),
    "Lua loops in the handler of the error that ends its loop": (
        "xpcall(function() while true do end end, function() while true do end end)"
    ),
    "Lua loops where the stack has no room for a hook": (
        "local spun local function down() if not pcall(down) and not spun then\n"
        "spun = true while true do end end return true end\n"
        "while true do spun = false pcall(down) end"
    ),
    "Lua loops in the handler of what fails for want of stack": (
        "local spun local function loop() if spun then while true do end end end\n"
        "local function down() if not xpcall(down, loop) and not spun then\n"
        "spun = true while true do end end return true end\n"
        "while true do spun = false xpcall(down, loop) end"
    ),
    "Lua loops in a handler that the compiler calls for want of stack": (
        "local spun local function loop(m) if spun then while true do end end return m end\n"
        "local function down() xpcall(function() load(('('):rep(300)) down() end, loop)\n"
        "if not spun then spun = true while true do end end end\n"
        "while true do spun = false down() end"
    ),
    "Lua loops in a reader where the stack has no room for a hook": (
        "local spun local function down() if not load(down) and not spun then\n"
        "spun = true while true do end end end\n"
        "while true do spun = false load(down) end"
    ),
    "Lua closes a coroutine that had no stack left": (
        "local co, closing\n"
        "local function at(n, fn) if n > 0 then return select(-1, pcall(at, n - 1, fn)) end\n"
        "co = coroutine.create(fn) return select(-1, coroutine.resume(co)) end\n"
        "local n = 0 while at(n, function() return 'in' end) == 'in' do n = n + 1 end\n"
        "while true do at(n - 1, function() local x <close> = setmetatable({}, {__close =\n"
        "function() while closing do end end}) while true do end end)\n"
        "closing = true coroutine.close(co) closing = false end"
    ),
    "Lua loops in a coroutine": "coroutine.wrap(function() while true do end end)()",
    "Lua catches the end of a coroutine and starts the next one": (
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end"
    ),
    "Lua loops in a coroutine within a coroutine": (
        "coroutine.wrap(function() coroutine.wrap(function()\n"
        "pcall(coroutine.wrap(function() while true do end end)) while true do end end)() end)()"
    ),
    "Lua hands itself from coroutine to coroutine": (
        "local f = coroutine.wrap(function() while true do coroutine.yield() end end)\n"
        "while true do f() end"
    ),
    "Lua makes coroutines and never ends them": (
        "while true do local f = coroutine.wrap(function() coroutine.yield() end) f() end"
    ),
    "Lua loops in an index metamethod": (
        "return setmetatable({}, {__index = function() while true do end end}).x"
    ),
    "Lua loops in a newindex metamethod": (
        "setmetatable({}, {__newindex = function() while true do end end}).x = 1"
    ),
    "Lua loops in an arithmetic metamethod": (
        "return setmetatable({}, {__add = function() while true do end end}) + 1"
    ),
    "Lua loops in a comparison": (
        "local m = {__lt = function() while true do end end}\n"
        "return setmetatable({}, m) < setmetatable({}, m)"
    ),
    "Lua loops in a call metamethod": "setmetatable({}, {__call = function() while true do end end})()",
    "Lua loops in a length metamethod": (
        "return #setmetatable({}, {__len = function() while true do end end})"
    ),
    "Lua loops while a variable is closed": (
        "do local x <close> = setmetatable({}, {__close = function() while true do end end}) end"
    ),
    "Lua loops while a variable is closed by the end of its loop": (
        "local x <close> = setmetatable({}, {__close = function() while true do end end})\n"
        "while true do end"
    ),
    "Lua loops while a coroutine is closed": (
        "local co = coroutine.create(function()\n"
        "local x <close> = setmetatable({}, {__close = function() while true do end end})\n"
        "coroutine.yield() end) coroutine.resume(co) coroutine.close(co)"
    ),
    "Lua loops in the text of a value that is printed": (
        "tostring(setmetatable({}, {__tostring = function() while true do end end}))"
    ),
    "Lua loops in an iterator": "for _ in function() return 1 end do end",
    "Lua loops in a comparison for sorting": (
        "table.sort({1, 2, 3}, function() while true do end end)"
    ),
    "Lua loops in a replacement": "('x'):gsub('x', function() while true do end end)",
    "Lua loops in the reader of what is compiled": ("load(function() while true do end end)"),
    "Lua reads pieces of source that never end": ("local n = 0 load(function() return ' ' end)"),
    "Lua compiles new source for ever": "while true do load('return 1')() end",
    "Lua makes long texts after many short steps": (
        "for i = 1, 3e5 do end\n"
        "while true do local s = ('x'):rep(900000):gsub('x', 'yy'):gsub('y', 'xx') end"
    ),
    "Lua collects garbage for ever": "while true do collectgarbage() end",
    "Lua walks a chain of metatables that has no end": (
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end})\n"
        "while true do pcall(function() return t[1] end) end"
    ),
}

JS_LOOPS: Final[dict[str, str]] = {
    "JavaScript loops for ever": "for (;;);",
    "JavaScript loops and catches every error": "for (;;) { try { for (;;); } catch {} }",
    "JavaScript loops in finally": "try { throw 1 } finally { for (;;); }",
    "JavaScript goes on in finally when its loop was ended": (
        "try { for (;;); } finally { for (;;); }"
    ),
    "JavaScript comes back from finally into its loop": (
        "for (;;) { try { for (;;); } finally { continue; } }"
    ),
    "JavaScript loops in a getter": "({ get a() { for (;;); } }).a",
    "JavaScript loops in a setter": "({ set a(v) { for (;;); } }).a = 1",
    "JavaScript loops in a proxy": "new Proxy({}, { get() { for (;;); } }).a",
    "JavaScript loops in the text of a value": "String({ toString() { for (;;); } })",
    "JavaScript loops in the value of an object": "+{ valueOf() { for (;;); } }",
    "JavaScript loops while JSON is made": "JSON.stringify({ toJSON() { for (;;); } })",
    "JavaScript loops while JSON is read": "JSON.parse('[1]', () => { for (;;); })",
    "JavaScript loops in a generator": "(function* () { for (;;); })().next()",
    "JavaScript spreads an iterator that never ends": (
        "const it = { [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) };"
        " for (const x of it);"
    ),
    "JavaScript loops in the return of an iterator": (
        "for (const x of { [Symbol.iterator]: () => ({ next: () => ({ value: 1 }),"
        " return() { for (;;); } }) }) break"
    ),
    "JavaScript loops in an async function": "(async () => { for (;;); })()",
    "JavaScript loops after an await": "(async () => { await 0; for (;;); })()",
    "JavaScript awaits in a loop that never ends": "(async () => { for (;;) await 0; })()",
    "JavaScript has each job queue the next one": (
        "const again = () => { Promise.resolve().then(again) }; again()"
    ),
    "JavaScript has each microtask queue the next one": (
        "const again = () => queueMicrotask(again); again()"
    ),
    "JavaScript queues jobs that each take a part of the time": (
        "const again = () => { for (let i = 0; i < 1e5; i++); Promise.resolve().then(again) };"
        " again()"
    ),
    "JavaScript loops in a thenable": "(async () => { await { then() { for (;;); } } })()",
    "JavaScript resolves a promise with itself through thenables": (
        "const t = { then(f) { f(t) } }; Promise.resolve(t)"
    ),
    "JavaScript loops in an async generator": (
        "(async () => { for await (const x of (async function* () { for (;;) yield 1 })()); })()"
    ),
    "JavaScript loops in a comparison for sorting": "[2, 1].sort(() => { for (;;); })",
    "JavaScript loops in a replacement": "'x'.replace(/x/, () => { for (;;); })",
    "JavaScript backtracks in a regular expression": "/^(a+)+$/.test('a'.repeat(60) + 'b')",
    "JavaScript backtracks in a look-behind": "/(?<=^(a+)+)$/.test('b' + 'a'.repeat(60))",
    "JavaScript backtracks in a regular expression that it made": (
        "new RegExp('(x+x+)+y').test('x'.repeat(80))"
    ),
    "JavaScript splits by a regular expression that backtracks": (
        "'a'.repeat(60).concat('b').split(/^(a|a)+$/)"
    ),
    "JavaScript evaluates text that loops": "eval('for (;;);')",
    "JavaScript loops in a new function": "Function('for (;;);')()",
    "JavaScript loops in a class while it is made": "class A { static { for (;;); } }",
    "JavaScript walks an array that grows as it is walked": (
        "const a = [1]; for (const x of a) { a.length = 1; a.push(1); } let n = 0; for (;;) n++"
    ),
    "JavaScript loops while a name is looked up": (
        "with (new Proxy({}, { has() { for (;;); } })) x"
    ),
    "JavaScript loops in the species of an array": (
        "const a = [1]; a.constructor = { get [Symbol.species]() { for (;;); } }; a.map((x) => x)"
    ),
}

# C functions that never ask whether they should stop: only another process can end them.
LUA_NEVER_ASKS: Final[dict[str, str]] = {
    "Lua repeats nothing for ever": "return ('').rep('', math.maxinteger)",
    "Lua matches a pattern that backtracks": (
        "return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))"
    ),
    "Lua matches a pattern that is tried everywhere": ("return ('a'):rep(300000):find('.-.-.-b')"),
    "Lua moves the items of a table that has none": ("table.move({}, 1, math.maxinteger - 1, 2)"),
    "Lua inserts into a table whose length lies": (
        "table.insert(setmetatable({}, {__len = function() return math.maxinteger - 1 end}), 1, 'x')"
    ),
    "Lua sorts a table whose length lies": (
        "table.sort(setmetatable({}, {__len = function() return 2^31 - 2 | 0 end}), rawequal)"
    ),
    "Lua replaces by a pattern that backtracks": (
        "return ('a'):rep(40):gsub(('a?'):rep(40) .. ('a'):rep(40) .. 'b', '')"
    ),
}

JS_NEVER_ASKS: Final[dict[str, str]] = {
    "JavaScript fills an object whose length lies": (
        "Array.prototype.fill.call({ length: 2 ** 53 - 1 }, 1, 2 ** 53 - 2 ** 40)"
    ),
    "JavaScript searches an object whose length lies": (
        "Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)"
    ),
    "JavaScript reverses an object whose length lies": (
        "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })"
    ),
    "JavaScript looks for what no array includes": (
        "Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)"
    ),
    "JavaScript takes items from an object whose length lies": (
        "Array.prototype.shift.call({ length: 2 ** 53 - 1 })"
    ),
    "JavaScript replaces each letter of a long text by a long text": (
        "'a'.repeat(2e5).replaceAll('a', 'b'.repeat(2e5)).length"
    ),
    "JavaScript writes out an integer of a quarter of a million digits": (
        "(7n ** 300000n).toString().length"
    ),
    "JavaScript searches a long text in a long text": (
        "const s = 'a'.repeat(4e6); (s + s).includes(s + 'b')"
    ),
}
