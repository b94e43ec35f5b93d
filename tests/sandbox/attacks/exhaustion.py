"""Attacks that use something up: time, memory, stack, output, calls of the host."""

from __future__ import annotations

from typing import Final

from .row import BLOATS, HANGS, REACHED, Attack, Bare, Fails, Held, Limited, Supervised, raises, shows

__all__ = ["EXHAUSTION"]

TIME: Final = Limited("timeout_s")
MEMORY: Final = Limited("memory_bytes")
# Which of the two strikes first is not what the attack is about.
EITHER: Final = Limited("timeout_s", "memory_bytes")
CALLS: Final = Limited("calls", "timeout_s", "output_bytes")

# A sentence, the script, and which limit ends it. All of these hang a plain embedding.
_LUA_LOOPS: Final[dict[str, str]] = {
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
    "Lua loops in the reader of what is compiled": (
        "load(function() while true do end end)"
    ),
    "Lua reads pieces of source that never end": (
        "local n = 0 load(function() return ' ' end)"
    ),
    "Lua compiles new source for ever": "while true do load('return 1')() end",
    "Lua collects garbage for ever": "while true do collectgarbage() end",
    "Lua walks a chain of metatables that has no end": (
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end})\n"
        "while true do pcall(function() return t[1] end) end"
    ),
}

_JS_LOOPS: Final[dict[str, str]] = {
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
        "const again = () => Promise.resolve().then(again); again()"
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
        "const a = [1]; for (const x of a) { a.length = 1; a.push(1); }"
        " let n = 0; for (;;) n++"
    ),
    "JavaScript loops while a name is looked up": (
        "with (new Proxy({}, { has() { for (;;); } })) x"
    ),
    "JavaScript loops in the species of an array": (
        "const a = [1]; a.constructor = { get [Symbol.species]() { for (;;); } }; a.map((x) => x)"
    ),
}

_LUA_MEMORY: Final[dict[str, str]] = {
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

_JS_MEMORY: Final[dict[str, str]] = {
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

# C functions that never ask whether they should stop: only another process can end them.
_LUA_NEVER_ASKS: Final[dict[str, str]] = {
    "Lua repeats nothing for ever": "return ('').rep('', math.maxinteger)",
    "Lua matches a pattern that backtracks": (
        "return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))"
    ),
    "Lua matches a pattern that is tried everywhere": (
        "return ('a'):rep(300000):find('.-.-.-b')"
    ),
    "Lua moves the items of a table that has none": (
        "table.move({}, 1, math.maxinteger - 1, 2)"
    ),
    "Lua inserts into a table whose length lies": (
        "table.insert(setmetatable({}, {__len = function() return math.maxinteger - 1 end}), 1, 'x')"
    ),
    "Lua replaces by a pattern that backtracks": (
        "return ('a'):rep(40):gsub(('a?'):rep(40) .. ('a'):rep(40) .. 'b', '')"
    ),
}

_JS_NEVER_ASKS: Final[dict[str, str]] = {
    "JavaScript joins an object whose length lies": (
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
    "JavaScript searches a long text in a long text": (
        "const s = 'a'.repeat(4e6); (s + s).includes(s + 'b')"
    ),
}


def _rows(language: str, scripts: dict[str, str], bare: Bare, held: Held) -> list[Attack]:
    return [
        Attack(name=name, language=language, script=script, bare=bare, held=held)  # type: ignore[arg-type]
        for name, script in scripts.items()
    ]


def _never_asks(language: str, scripts: dict[str, str]) -> list[Attack]:
    return [
        Attack(
            name=name,
            language=language,  # type: ignore[arg-type]
            script=script,
            bare=HANGS,
            held=Supervised(),
            process=TIME,
        )
        for name, script in scripts.items()
    ]


# Deep calls meet whichever comes first: the stack's own bound, or the memory that it grows in.
_DEEP_LUA: Final = Limited("stack_bytes", "memory_bytes")
_DEEP_JS: Final = Limited("stack_bytes")

_OTHERS: Final = [
    Attack(
        name="Lua recurses without end",
        language="lua",
        script="local function f() return 1 + f() end f()",
        bare_script="local function f() return 1 + f() end return pcall(f) == false and 'reached'",
        bare=REACHED,
        held=_DEEP_LUA,
    ),
    Attack(
        name="Lua recurses through C functions",
        language="lua",
        script="local function f(s) return (s:gsub('.', f)) end return f('x')",
        bare_script=(
            "local function f(s) return (s:gsub('.', f)) end return pcall(f, 'x') == false and 'reached'"
        ),
        bare=REACHED,
        held=_DEEP_LUA,
    ),
    Attack(
        name="Lua recurses through sorting",
        language="lua",
        script="local function f() table.sort({1, 2, 3}, f) return true end f()",
        bare_script=(
            "local function f() table.sort({1, 2, 3}, f) return true end"
            " return pcall(f) == false and 'reached'"
        ),
        bare=REACHED,
        held=_DEEP_LUA,
    ),
    Attack(
        name="Lua recurses through coroutines",
        language="lua",
        script="local function f() return coroutine.wrap(f)() end f()",
        bare_script=(
            "local function f() return coroutine.wrap(f)() end return pcall(f) == false and 'reached'"
        ),
        bare=REACHED,
        held=Fails("", "stack"),
    ),
    Attack(
        name="Lua nests brackets deeper than the compiler can go",
        language="lua",
        script="local f, why = load('return ' .. ('('):rep(100000) .. '1') error(why, 0)",
        bare_script="return load('return ' .. ('('):rep(100000) .. '1') == nil and 'reached'",
        bare=REACHED,
        held=_DEEP_LUA,
    ),
    Attack(
        name="Lua recurses through a chain of index tables",
        language="lua",
        script="local t = {} setmetatable(t, {__index = t}) return t.x",
        bare_script=(
            "local t = {} setmetatable(t, {__index = t})"
            " return not pcall(function() return t.x end) and 'reached'"
        ),
        bare=REACHED,
        held=Fails("script_error", "loop"),
    ),
    Attack(
        name="Lua prints without end",
        language="lua",
        script="while true do print(('x'):rep(1000)) end",
        bare=HANGS,
        held=CALLS,
    ),
    Attack(
        name="Lua saves without end",
        language="lua",
        script="while true do State.save('attack', 'k', 1) end",
        bare=HANGS,
        held=CALLS,
        stored=("k",),
    ),
    Attack(
        name="Lua calls the host without end and catches every refusal",
        language="lua",
        script="while true do pcall(State.load, 'attack', 'k') end",
        bare=HANGS,
        held=CALLS,
    ),
    Attack(
        name="Lua updates a value by a function that never ends",
        language="lua",
        script="State.update('attack', 'k', function() while true do end end, 0)",
        bare_script="State.save('attack', 'k', (function() while true do end end)())",
        bare=HANGS,
        held=TIME,
    ),
    Attack(
        name="Lua never comes to the end of a transaction",
        language="lua",
        script=(
            "State.transaction(function(tx) tx.save('attack', 'k', 1) while true do end end)"
        ),
        bare_script="State.save('attack', 'k', 1) while true do end",
        bare=HANGS,
        held=TIME,
    ),
    Attack(
        name="Lua waits for a lock that it holds itself",
        language="lua",
        script=(
            "State.lock('attack', 'k', function() State.lock('attack', 'k', {wait = 60}, print) end)"
        ),
        bare_script="repeat until State.load('lock', 'k')",
        bare=HANGS,
        held=TIME,
    ),
    Attack(
        name="Lua waits for a change that never comes",
        language="lua",
        script="State.watch('attack', '', print) State.poll(60)",
        bare_script="repeat until State.load('change', 'k')",
        bare=HANGS,
        held=TIME,
    ),
    Attack(
        name="Lua saves a value of many millions of bytes",
        language="lua",
        script="State.save('attack', 'k', ('x'):rep(20000000))",
        bare_script="for i = 1, 8 do State.save('attack', 'k' .. i, ('x'):rep(20000000)) end",
        bare=BLOATS,
        held=Limited("value_bytes", "call_bytes", "memory_bytes"),
    ),
    Attack(
        name="Lua returns a value of many millions of bytes",
        language="lua",
        script="return ('x'):rep(30000000)",
        bare_script="return #('x'):rep(120000000) and 'reached'",
        bare=REACHED,
        held=Limited("call_bytes", "memory_bytes"),
    ),
    Attack(
        name="Lua names a key by a million bytes",
        language="lua",
        script="State.save('attack', ('x'):rep(1000000), 1)",
        bare_script="State.save('a', ('x'):rep(1000000), 1) return 'reached'",
        bare=REACHED,
        held=Fails("invalid_key", "1024"),
    ),
    Attack(
        name="Lua prints one line of many millions of bytes",
        language="lua",
        script="print(('x'):rep(30000000))",
        bare_script="return #('x'):rep(120000000) and 'reached'",
        bare=REACHED,
        held=Limited("call_bytes", "memory_bytes", "output_bytes"),
    ),
    Attack(
        name="Lua parses JSON that is nested beyond any stack",
        language="lua",
        script="JSON.parse(('['):rep(200000) .. (']'):rep(200000))",
        bare_script=(
            "local t = {} for _ = 1, 100000 do t = {t} end State.keep('k', t)"
        ),
        bare=raises("RecursionError"),
        held=Fails("invalid_value", "depth limit"),
    ),
    Attack(
        name="Lua raises an error of many millions of bytes",
        language="lua",
        script="error(('x'):rep(12000000), 0)",
        bare_script="return select(2, pcall(error, ('x'):rep(120000000), 0)) ~= nil and 'reached'",
        bare=REACHED,
        held=Fails(""),
    ),
    Attack(
        name="JavaScript recurses without end",
        language="js",
        script="(function f() { return 1 + f() })()",
        bare_script="try { (function f() { return 1 + f() })() } catch { 'reached' }",
        bare=REACHED,
        held=_DEEP_JS,
    ),
    Attack(
        name="JavaScript recurses and catches every overflow",
        language="js",
        script="(function f() { try { f() } finally { f() } })()",
        bare=HANGS,
        held=Limited("timeout_s", "memory_bytes", "stack_bytes"),
    ),
    Attack(
        name="JavaScript recurses through a proxy of a proxy",
        language="js",
        script="let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
        bare_script=(
            "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {});"
            " try { p.x } catch { 'reached' }"
        ),
        bare=REACHED,
        held=_DEEP_JS,
    ),
    Attack(
        name="JavaScript recurses through toString",
        language="js",
        script="const o = { toString() { return '' + o } }; '' + o",
        bare_script="const o = { toString() { return '' + o } }; try { '' + o } catch { 'reached' }",
        bare=REACHED,
        held=_DEEP_JS,
    ),
    Attack(
        name="JavaScript parses JSON that is nested beyond any stack",
        language="js",
        script="JSON.parse('['.repeat(1e6))",
        bare_script="try { JSON.parse('['.repeat(1e6)) } catch { 'reached' }",
        bare=REACHED,
        held=_DEEP_JS,
    ),
    Attack(
        name="JavaScript nests brackets deeper than the compiler can go",
        language="js",
        script="eval('('.repeat(1e5) + '1' + ')'.repeat(1e5))",
        bare_script="try { eval('('.repeat(1e5)) } catch { 'reached' }",
        bare=REACHED,
        held=_DEEP_JS,
    ),
    Attack(
        name="JavaScript nests a regular expression beyond any stack",
        language="js",
        script="new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('')",
        bare_script="try { new RegExp('('.repeat(1e5) + ')'.repeat(1e5)) } catch { 'reached' }",
        bare=REACHED,
        held=Fails("script_error"),
    ),
    Attack(
        name="JavaScript has a stack of calls while it has no memory",
        language="js",
        script=(
            "const kept = []; const f = () => { kept.push(new Array(1000).fill(kept.length)); f() };"
            " for (;;) try { f() } catch {}"
        ),
        bare=BLOATS,
        held=EITHER,
    ),
    Attack(
        name="JavaScript prints without end",
        language="js",
        script="for (;;) print('x'.repeat(1000))",
        bare_script="for (;;) echo('x')",
        bare=HANGS,
        held=CALLS,
    ),
    Attack(
        name="JavaScript saves without end",
        language="js",
        script="for (;;) State.sync.save('attack', 'k', 1)",
        bare=HANGS,
        held=CALLS,
        stored=("k",),
    ),
    Attack(
        name="JavaScript calls the host without end and catches every refusal",
        language="js",
        script="for (;;) { try { State.sync.load('attack', 'k') } catch {} }",
        bare=HANGS,
        held=CALLS,
    ),
    Attack(
        name="JavaScript saves without end and looks at no promise",
        language="js",
        script="for (let i = 0; ; i++) State.save('attack', 'k', i)",
        bare_script="for (;;) State.sync.save('attack', 'k', 1)",
        bare=HANGS,
        held=CALLS,
        stored=("k",),
    ),
    Attack(
        name="JavaScript updates a value by a function that never ends",
        language="js",
        script="State.sync.update('attack', 'k', () => { for (;;); }, 0)",
        bare_script="State.sync.save('attack', 'k', (() => { for (;;); })())",
        bare=HANGS,
        held=TIME,
    ),
    Attack(
        name="JavaScript never comes to the end of a transaction",
        language="js",
        script=(
            "await State.transaction(async (tx) => { await tx.save('attack', 'k', 1); for (;;); })"
        ),
        bare_script="State.sync.save('attack', 'k', 1); for (;;);",
        bare=HANGS,
        held=TIME,
    ),
    Attack(
        name="JavaScript waits for a change that never comes",
        language="js",
        script="State.sync.watch('attack', '', () => {}); State.sync.poll(60)",
        bare_script="while (!State.sync.load('change', 'k'));",
        bare=HANGS,
        held=TIME,
    ),
    Attack(
        name="JavaScript saves a value of many millions of characters",
        language="js",
        script="State.sync.save('attack', 'k', 'x'.repeat(2e7))",
        bare_script="for (let i = 0; i < 8; i++) State.sync.save('a', 'k' + i, 'x'.repeat(2e7))",
        bare=BLOATS,
        held=Limited("value_bytes", "call_bytes", "memory_bytes"),
    ),
    Attack(
        name="JavaScript returns a value of many millions of characters",
        language="js",
        script="await 0; return 'x'.repeat(2e7)",
        bare_script="'x'.repeat(2e7).length === 2e7 ? 'reached' : ''",
        bare=REACHED,
        held=Limited("call_bytes", "memory_bytes"),
    ),
    Attack(
        name="JavaScript throws an error of many millions of characters",
        language="js",
        script="throw new Error('x'.repeat(1e7))",
        bare_script=(
            "try { throw new Error('x'.repeat(1e7)) } catch (e) { e.message.length === 1e7 ? 'reached' : '' }"
        ),
        bare=REACHED,
        held=Fails(""),
    ),
    Attack(
        name="JavaScript shows a value that is wide and deep",
        language="js",
        script=(
            "let a = []; for (let i = 0; i < 12; i++) a = Array(20).fill(a); print(a); 'held'"
        ),
        bare_script="let a = []; for (let i = 0; i < 12; i++) a = Array(20).fill(a); JSON.stringify(a)",
        bare=HANGS,
        held=Limited("timeout_s", "memory_bytes", "stack_bytes"),
    ),
    Attack(
        name="JavaScript passes an array of a thousand million holes",
        language="js",
        script="State.sync.save('attack', 'k', new Array(2 ** 30))",
        bare_script="JSON.stringify(new Array(2 ** 30))",
        bare=HANGS,
        held=Fails("invalid_value", "undefined in an array"),
    ),
    Attack(
        name="JavaScript makes an integer of a thousand million bits",
        language="js",
        script="2n ** (2n ** 29n)",
        bare_script="try { 2n ** (2n ** 31n); '' } catch { 'reached' }",
        bare=REACHED,
        held=Fails("script_error"),
    ),
]

EXHAUSTION: Final = [
    *_rows("lua", _LUA_LOOPS, HANGS, TIME),
    *_rows("lua", _LUA_MEMORY, BLOATS, EITHER),
    *_never_asks("lua", _LUA_NEVER_ASKS),
    *_rows("js", _JS_LOOPS, HANGS, TIME),
    *_rows("js", _JS_MEMORY, BLOATS, EITHER),
    *_never_asks("js", _JS_NEVER_ASKS),
    *_OTHERS,
]
