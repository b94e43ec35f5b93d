"""Attacks on what a script shares with the bridge: replaced built-ins, prototypes, lying errors."""

from __future__ import annotations

from typing import Final

from .row import CRASHES, HANGS, KEPT, REACHED, Attack, Fails, Gives, Limited, raises, shows

__all__ = ["POISONING"]

# How a plain embedding reads a Lua value: by Lua functions or operators that a script may have
# replaced. This is the part of such a host that is written in Lua.
_LUA_WRAPPER: Final = (
    "local function save(value)\n"
    "  local parts = {}\n"
    "  for key, member in pairs(value) do\n"
    "    parts[#parts + 1] = tostring(key) .. '=' .. string.format('%s', member)\n"
    "  end\n"
    "  return table.concat(parts, ',')\n"
    "end\n"
)
_LUA_SAVE: Final = (
    "local S = State\nTAMPERING\nS.save('attack', 'k', {a = 'x'})\n"
    "return S.load('attack', 'k').a == 'x' and 'held' or 'reached'"
)
_LUA_BARE: Final = (
    _LUA_WRAPPER + "TAMPERING\nlocal ok, text = pcall(save, {a = 'x'})\n"
    "if ok and text == 'a=x' then return 'held' end return 'reached'"
)

_LUA_TAMPERING: Final = {
    "Lua replaces the functions that make text": (
        "string.format = function() return 'evil' end tostring = function() return 'evil' end"
    ),
    "Lua replaces the functions that walk a table": (
        "pairs = function() return function() end end next = pairs"
    ),
    "Lua replaces the functions that join text": "table.concat = function() return 'evil' end",
    "Lua lets every string concatenate to something else": (
        "getmetatable('').__index = {format = 1} string.format = error"
    ),
    "Lua makes the globals answer with something of its own": (
        "local real = _G tostring, string, pairs, table = nil, nil, nil, nil "
        "setmetatable(_G, {__index = function() return function() return 'evil' end end})"
    ),
    "Lua removes everything there is": (
        "for name in next, _G do if name ~= 'pcall' and name ~= '_G' then _G[name] = nil end end"
    ),
    "Lua replaces how errors are raised and caught": (
        "error = function() end pairs = error select = error type = error"
    ),
}

_JS_BARE: Final = (
    "TAMPERING;\nlet got; try { State.sync.save('attack', 'k', {a: 'x', list: [1, 2]});"
    " got = State.sync.load('attack', 'k') } catch {}\n"
    "globalThis.verdict = got && got.a === 'x' && got.list && got.list.length === 2"
    " && got.list[1] === 2 && got.list[0] === 1 ? 'held' : 'reached'"
)
_JS_SAVE: Final = "const S = State.sync;\n" + _JS_BARE.replace("State.sync", "S").replace(
    "globalThis.verdict = ", ""
)

_JS_TAMPERING: Final = {
    "JavaScript puts toJSON on every object": "Object.prototype.toJSON = () => 'evil'",
    "JavaScript puts toJSON on every array": "Array.prototype.toJSON = () => 'evil'",
    "JavaScript replaces JSON.stringify": 'JSON.stringify = () => \'["a","k",{}]\'',
    "JavaScript replaces JSON.parse": "JSON.parse = () => ({ a: 'evil' })",
    "JavaScript replaces JSON": "globalThis.JSON = { stringify: () => '[1,2,3]', parse: () => 5 }",
    "JavaScript makes the iterator of arrays lie": (
        "Array.prototype[Symbol.iterator] = function* () { yield 'attack'; yield 'k'; yield 5 };"
        " const stringify = JSON.stringify; JSON.stringify = (v) => stringify([...v])"
    ),
    "JavaScript replaces the functions it can be called by": (
        "Function.prototype.call = Function.prototype.apply = () => 'evil';"
        " JSON.stringify = Function.prototype.apply"
    ),
    "JavaScript replaces Reflect": (
        "Reflect.apply = Reflect.ownKeys = () => { throw 1 }; JSON.parse = Reflect.apply"
    ),
    "JavaScript makes every array report another length of itself": (
        "Array.isArray = () => false; JSON.stringify = () => 'null'"
    ),
    "JavaScript replaces State itself": (
        "globalThis.State = { sync: { save() {}, load: () => 'evil' } }"
    ),
    "JavaScript freezes what the bridge may still have to change": (
        "for (const C of [Object, Array, Function, Promise, Map, WeakMap]) {"
        " Object.freeze(C); Object.freeze(C.prototype) } JSON.parse = () => 5"
    ),
    "JavaScript puts setters where members are made": (
        "for (const n of ['a', 'list', 'length', '0', '1']) try {"
        " Object.defineProperty(Object.prototype, n, { set() {}, get() { return 'evil' },"
        " configurable: true }) } catch {} JSON.parse = () => Object.create(null)"
    ),
}

_SPECIES: Final = (
    "const evil = { toString() { State.sync.save('attack', 'p', 1); return 'x' } };"
    " class P { constructor(executor) { executor(() => { throw evil }, () => { throw evil }) } }"
    " const promise = Promise.resolve(1); promise.constructor = { [Symbol.species]: P };"
    " promise.then((x) => x); 'held'"
)

_ROWS: Final = [
    Attack(
        name="Lua raises an error whose text raises an error",
        language="lua",
        script="error(setmetatable({}, {__tostring = function() error('again') end}))",
        bare_script=(
            "local thing = setmetatable({}, {__tostring = function() error('again') end})\n"
            "return not pcall(tostring, thing) and 'reached'"
        ),
        bare=REACHED,
        held=Fails("script_error", "cannot be shown"),
    ),
    Attack(
        name="Lua raises an error whose text never ends",
        language="lua",
        script=(
            "error(setmetatable({}, {__tostring = function() while true do end end,"
            " __index = function(_, key) while true do end end}))"
        ),
        bare_script="return setmetatable({}, {__tostring = function() while true do end end})",
        bare=HANGS,
        held=Limited("timeout_s", "memory_bytes", "stack_bytes"),
    ),
    Attack(
        name="Lua raises an error that pretends to be one of the host",
        language="lua",
        script="error({code = 'storage_error', message = 'disk full', details = {path = '/etc'}})",
        bare_script=(
            "local ok, e = pcall(error, {code = 'storage_error'}) return e.code and 'reached'"
        ),
        bare=REACHED,
        held=Fails("storage_error", "disk full"),
    ),
    Attack(
        name="Lua raises an error with a code and a place that it made up",
        language="lua",
        script="error({code = ('x\\n'):rep(50), message = '/etc/passwd:1: root\\0\\27[2J'}, 0)",
        bare_script="error('/etc/passwd:1: root', 0)",
        bare=shows(None),
        held=Fails("script_error", "/etc/passwd:1: root"),
    ),
    Attack(
        name="Lua raises text that is no Unicode",
        language="lua",
        script="error('\\255\\254')",
        bare=raises("UnicodeDecodeError"),
        held=Fails("script_error", "\ufffd"),
    ),
    Attack(
        name="Lua names itself by bytes that are no Unicode",
        language="lua",
        script="load('error(1)', '=\\255\\0x')()",
        bare=raises("UnicodeDecodeError"),
        held=Fails("script_error"),
    ),
    Attack(
        name="Lua catches the error of the host and lets it say something else",
        language="lua",
        script=(
            "local ok, e = pcall(State.save, '', '', 1)\n"
            "e.message, e.code, e.details = nil, {}, 5 error(e, 0)"
        ),
        bare_script="local ok, e = pcall(State.save, '') e.args = 5",
        bare=raises("TypeError"),
        held=Fails("script_error"),
    ),
    Attack(
        name="Lua changes the metatable of what the bridge hands out",
        language="lua",
        script=(
            "local ok = pcall(function() getmetatable(JSON.null).__tostring = 1 end)\n"
            "return not ok and tostring(JSON.null) == 'null' and 'held'"
        ),
        bare_script="getmetatable(State).__index = function() return 'reached' end return State.load",
        bare=REACHED,
        held=KEPT,
    ),
    Attack(
        name="Lua makes every comparison of strings run its code",
        language="lua",
        script=(
            "local m = getmetatable('') m.__lt, m.__eq, m.__call = error, error, error\n"
            "m.__index = function() return 'evil' end\n"
            "State.save('attack', 'k', 'x') return State.load('attack', 'k') == 'x' and 'held'"
        ),
        bare_script=(
            "getmetatable('').__index = function() return function() return 'reached' end end\n"
            "return ('x'):format()"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript throws an object whose message never ends",
        language="js",
        script="throw { get message() { for (;;); }, toString() { for (;;); } }",
        bare=HANGS,
        held=Limited("timeout_s", "memory_bytes", "stack_bytes"),
    ),
    Attack(
        name="JavaScript throws an object whose stack is of another kind",
        language="js",
        script="const e = new Error('x'); Object.defineProperty(e, 'stack', { value: Symbol() }); throw e",
        bare_script=(
            "const e = new Error('x'); e.toString = () => { throw e };"
            " try { String(e) } catch { 'reached' }"
        ),
        bare=REACHED,
        held=Fails("script_error", "x"),
    ),
    Attack(
        name="JavaScript throws an error with the stack of another file",
        language="js",
        script=("const e = new Error('x'); e.stack = '    at root (/etc/passwd:1:1)'; throw e"),
        bare_script=(
            "const e = new Error('x'); e.stack = 'at root (/etc/passwd:1:1)'; e.stack.slice(9, 20)"
        ),
        bare=shows("/etc/passwd"),
        held=Fails("script_error", "x"),
    ),
    Attack(
        name="JavaScript throws a proxy that fails at every touch",
        language="js",
        script=("throw new Proxy({}, new Proxy({}, { get() { return () => { throw 1 } } }))"),
        bare_script=(
            "try { throw new Proxy({}, { get() { throw 1 } }) } catch (e) {"
            " try { e.message } catch { 'reached' } }"
        ),
        bare=REACHED,
        held=Fails("script_error"),
    ),
    Attack(
        name="JavaScript throws something that is no error at all",
        language="js",
        script="throw null",
        bare_script="try { throw null } catch (e) { try { e.message } catch { 'reached' } }",
        bare=REACHED,
        held=Fails("script_error"),
    ),
    Attack(
        name="JavaScript has a job that throws what calls the host",
        language="js",
        script=_SPECIES,
        bare=CRASHES,
        held=Gives("held"),
    ),
    Attack(
        name="JavaScript makes promises that never settle",
        language="js",
        script="await new Promise(() => {})",
        bare_script="new Promise(() => {}); 'reached'",
        bare=REACHED,
        held=Fails("script_error", "ever settle"),
    ),
    Attack(
        name="JavaScript loses an error in a promise that nobody handles",
        language="js",
        script="Promise.reject(new Error('lost')); 'fine'",
        bare_script="Promise.reject(new Error('lost')); 'fine'",
        bare=shows("fine"),
        held=Fails("script_error", "lost"),
    ),
    Attack(
        name="JavaScript replaces then for what the host awaits",
        language="js",
        script=(
            "Promise.prototype.then = function () { return 'evil' };"
            " State.sync.save('attack', 'k', 1); 'held'"
        ),
        bare_script=("Promise.prototype.then = () => 'reached'; Promise.resolve(1).then((x) => x)"),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript lets a thenable call back twice",
        language="js",
        script=("await { then(yes, no) { yes('held'); yes('twice'); no(new Error('no')) } }"),
        bare_script=(
            "let n = 0; const wait = (t, f) => t.then(f, f);"
            " wait({ then(y, x) { y(1); y(2); x(3) } }, () => n++); n === 3 ? 'reached' : ''"
        ),
        bare=REACHED,
        held=Gives(None),
    ),
    Attack(
        name="JavaScript leaves setters for what the bridge makes of an answer",
        language="js",
        script=(
            "let seen = 0; for (const n of ['message', 'code', 'details', 'hint', 'value', 'key'])"
            " Object.defineProperty(Object.prototype, n,"
            " { __proto__: null, set() { seen++ }, configurable: true });"
            " State.sync.save('attack', 'k', { value: 1, key: 2 });"
            " const v = State.sync.load('attack', 'k'); seen === 0 && v.value === 1 ? 'held' : seen"
        ),
        bare_script=(
            "let seen = 0; Object.defineProperty(Object.prototype, 'value', { set() { seen++ } });"
            " const copy = {}; for (const [k, v] of Object.entries(JSON.parse('{\"value\":1}')))"
            " copy[k] = v; seen ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript pollutes the prototype of everything with a stored key",
        language="js",
        script=(
            'const v = JSON.parse(\'{"__proto__": {"admin": true}}\');'
            " State.sync.save('attack', 'k', v); const w = State.sync.load('attack', 'k');"
            " ({}).admin === undefined && w.admin === undefined ? 'held' : 'reached'"
        ),
        bare_script=(
            'const into = {}; const from = JSON.parse(\'{"__proto__": {"admin": true}}\');'
            " for (const k in from) for (const m in from[k]) into[k][m] = from[k][m];"
            " ({}).admin ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
]

POISONING: Final = [
    *(
        Attack(
            name=name,
            language="lua",
            script=_LUA_SAVE.replace("TAMPERING", tampering),
            bare_script=_LUA_BARE.replace("TAMPERING", tampering),
            bare=REACHED,
            held=KEPT,
            stored=("k",),
        )
        for name, tampering in _LUA_TAMPERING.items()
    ),
    *(
        Attack(
            name=name,
            language="js",
            script=_JS_SAVE.replace("TAMPERING", tampering),
            bare_script=_JS_BARE.replace("TAMPERING", tampering),
            bare=REACHED,
            held=KEPT,
            stored=("k",),
        )
        for name, tampering in _JS_TAMPERING.items()
    ),
    *_ROWS,
]
