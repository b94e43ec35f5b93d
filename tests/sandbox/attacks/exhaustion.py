"""Attacks that use something up: time, memory, stack, output, calls of the host."""

from __future__ import annotations

from typing import Final

from .endless import JS_LOOPS, JS_NEVER_ASKS, LUA_LOOPS, LUA_NEVER_ASKS
from .growth import JS_MEMORY, LUA_MEMORY
from .row import (
    BLOATS,
    HANGS,
    REACHED,
    Attack,
    Bare,
    Fails,
    Held,
    Limited,
    Supervised,
    raises,
)

__all__ = ["EXHAUSTION"]

# What takes ever more time often takes ever more memory too: which limit is met first is a matter
# of the machine.
TIME: Final = Limited("timeout_s", "memory_bytes")
MEMORY: Final = Limited("memory_bytes", "timeout_s")
# Which of the two strikes first is not what the attack is about.
EITHER: Final = TIME
CALLS: Final = Limited("calls", "timeout_s", "output_bytes")


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
            process=EITHER,
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
        script=("State.transaction(function(tx) tx.save('attack', 'k', 1) while true do end end)"),
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
        bare_script=("local t = {} for _ = 1, 100000 do t = {t} end State.keep('k', t)"),
        bare=raises("RecursionError"),
        held=Fails("invalid_value", "depth limit"),
    ),
    Attack(
        name="Lua raises an error that names its own place again and again",
        language="lua",
        script="error(('attack:1: '):rep(400000), 0)",
        bare_script="return #select(2, pcall(error, ('attack:1: '):rep(400000), 0)) > 1e6 and 'reached'",
        bare=REACHED,
        held=Fails("script_error"),
    ),
    Attack(
        name="Lua has the host parse JSON of millions of empty objects",
        language="lua",
        script="JSON.parse('[' .. ('{},'):rep(5000000) .. '1]')",
        bare_script="State.keep_json('k', '[' .. ('{},'):rep(5000000) .. '1]')",
        bare=BLOATS,
        held=Fails("limit_exceeded"),
    ),
    Attack(
        name="Lua has the host write JSON that is mostly indentation",
        language="lua",
        script=(
            "local t = {} for i = 1, 600000 do t[i] = 1 end for _ = 1, 120 do t = {t} end\n"
            "JSON.stringify(t, {pretty = true})"
        ),
        bare_script=(
            "local t = {} for i = 1, 600000 do t[i] = (' '):rep(240 + i % 9) end return #t"
        ),
        bare=BLOATS,
        held=Fails("limit_exceeded"),
    ),
    Attack(
        name="Lua has the host answer with more than there is room for",
        language="lua",
        script=(
            "local names, text = {}, ('x'):rep(4000000)\n"
            "for i = 1, 20 do State.save('many', 'k' .. i, text) names[i] = 'k' .. i end\n"
            "State.load_many('many', names)"
        ),
        bare_script=(
            "local all, text = {}, ('x'):rep(4000000)\n"
            "for i = 1, 40 do State.save('many', 'k' .. i, text .. i)"
            " all[i] = State.load('many', 'k' .. i) .. i end"
        ),
        bare=BLOATS,
        held=Fails("limit_exceeded"),
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
        script=("let a = []; for (let i = 0; i < 12; i++) a = Array(20).fill(a); print(a); 'held'"),
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
    *_rows("lua", LUA_LOOPS, HANGS, TIME),
    *_rows("lua", LUA_MEMORY, BLOATS, EITHER),
    *_never_asks("lua", LUA_NEVER_ASKS),
    *_rows("js", JS_LOOPS, HANGS, TIME),
    *_rows("js", JS_MEMORY, BLOATS, EITHER),
    *_never_asks("js", JS_NEVER_ASKS),
    *_OTHERS,
]
