"""Attacks by values: what a host may misread, change in silence, or die of."""

from __future__ import annotations

from typing import Final

from .row import BLOATS, CRASHES, HANGS, KEPT, REACHED, Attack, Fails, Gives, Limited, raises, shows

__all__ = ["MARSHALLING"]

# What plain embeddings do with a table: walk it, with the script's metamethods, and build a dict.
_LUA_WALK: Final = (
    "local function walk(value)\n"
    "  if type(value) ~= 'table' then return tostring(value) end\n"
    "  local parts = {}\n"
    "  for key, member in pairs(value) do parts[#parts + 1] = key .. '=' .. walk(member) end\n"
    "  return '{' .. table.concat(parts, ',') .. '}'\n"
    "end\n"
)


def _walked(value: str) -> str:
    return f"{_LUA_WALK}return walk({value})"


def _saved(value: str) -> str:
    return f"State.save('attack', 'k', {value})"


def _lua_refused(name: str, value: str, text: str, bare_script: str, bare: object) -> Attack:
    return Attack(
        name=name,
        language="lua",
        script=_saved(value),
        bare_script=bare_script,
        bare=bare,  # type: ignore[arg-type]
        held=Fails("invalid_value", text),
    )


def _js_refused(name: str, value: str, text: str, changed_to: str) -> Attack:
    """Return a row for a value that JSON would silently turn into something else."""
    return Attack(
        name=name,
        language="js",
        script=f"State.sync.save('attack', 'k', {value})",
        bare_script=(
            f"State.sync.save('attack', 'k', {value});"
            f" JSON.stringify(State.sync.load('attack', 'k')) === '{changed_to}' ? 'reached' : ''"
        ),
        bare=REACHED,
        held=Fails("invalid_value", text),
    )


def _js_exact(name: str, value: str, test: str, stored: bool = True) -> Attack:
    """Return a row for a value that comes back exactly here, and is changed by JSON."""
    return Attack(
        name=name,
        language="js",
        script=(
            f"State.sync.save('attack', 'k', {value}); const v = State.sync.load('attack', 'k');"
            f" {test} ? 'held' : 'reached'"
        ),
        bare_script=(
            f"State.sync.save('attack', 'k', {value}); const v = State.sync.load('attack', 'k');"
            f" let same; try {{ same = {test} }} catch {{}} same ? 'held' : 'reached'"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",) if stored else (),
    )


_CYCLE: Final = "(function() local t = {} t.t = t return t end)()"
_WIDE: Final = "(function() local t = {} for i = 1, 200 do t = {t} end return t end)()"
_TRAP: Final = "setmetatable({}, {__index = error, __len = error, __pairs = function() return next, {x = 'evil'} end})"

_LUA_ROWS: Final = [
    Attack(
        name="Lua passes a table that contains itself",
        language="lua",
        script=_saved(_CYCLE),
        bare_script=f"State.keep('k', {_CYCLE})",
        bare=raises("RecursionError"),
        held=Fails("limit_exceeded", "contains itself"),
    ),
    Attack(
        name="Lua passes two tables that contain each other",
        language="lua",
        script="local a, b = {}, {} a.b, b.a = b, a State.save('attack', 'k', {a})",
        bare_script="local a, b = {}, {} a.b, b.a = b, a State.keep('k', a)",
        bare=raises("RecursionError"),
        held=Fails("limit_exceeded", "contains itself"),
    ),
    _lua_refused(
        "Lua passes a table whose pairs lie",
        _TRAP,
        "metatable",
        _walked("setmetatable({}, {__pairs = function() return next, {x = 'evil'} end})"),
        shows("{x=evil}"),
    ),
    _lua_refused(
        "Lua passes a table whose pairs never end",
        "setmetatable({}, {__pairs = function() return function() return 1, 1 end end})",
        "metatable",
        _walked("setmetatable({}, {__pairs = function() return function() return 1, 1 end end})"),
        HANGS,
    ),
    _lua_refused(
        "Lua passes a list whose length lies",
        "setmetatable({1, 2}, {__len = function() return 2^40 end})",
        "metatable",
        "local l = setmetatable({1}, {__len = function() return math.maxinteger end,"
        " __index = function() return 1 end}) for i = 1, #l do local _ = l[i] end",
        HANGS,
    ),
    _lua_refused(
        "Lua passes a table whose text never ends",
        "{[setmetatable({}, {__tostring = function() while true do end end})] = 1}",
        "",
        "return tostring(setmetatable({}, {__tostring = function() while true do end end}))",
        HANGS,
    ),
    _lua_refused("Lua passes not a number", "0/0", "NaN", "return tostring(echo(0/0)):gsub('-', '')", shows("('nan', 1)")),
    _lua_refused("Lua passes infinity", "{-math.huge}", "infinite", "return echo(math.huge) == math.huge and 'reached'", REACHED),
    _lua_refused("Lua passes a function", "print", "a function", "return State.save('a', 'k', print) == nil and type(State.load('a', 'k')) == 'function' and 'reached'", REACHED),
    _lua_refused("Lua passes a coroutine", "coroutine.create(print)", "a thread", "return type(echo(coroutine.create(print))) ~= 'nil' and 'reached'", REACHED),
    _lua_refused("Lua passes a list with a hole", "{1, nil, 3}", "hole", "local n = 0 for _ in ipairs({1, nil, 3}) do n = n + 1 end return n == 1 and 'reached'", REACHED),
    _lua_refused("Lua passes keys of two kinds", "{1, 2, x = 3}", "mixes", "return #{1, 2, x = 3} == 2 and 'reached'", REACHED),
    _lua_refused("Lua passes a key that is a float", "{[1.5] = 1}", "of type number", _walked("{[1.5] = 1}"), shows("{1.5=1}")),
    _lua_refused("Lua passes a key that is true", "{[true] = 1}", "of type boolean", "return next({[true] = 1}) == true and 'reached'", REACHED),
    _lua_refused("Lua passes a list from minus one", "{[-1] = 1, [0] = 0}", "mixes", _walked("{[0] = 0}"), shows("{0=0}")),
    _lua_refused("Lua passes a list of one item a thousand million away", "{[1000000000] = 1}", "mixes", "local n = 0 for i = 1, 1000000000 do n = n + (({[1000000000] = 1})[i] or 0) end", HANGS),
    _lua_refused("Lua passes a key that is no Unicode", "{['\\255'] = 1}", "not valid UTF-8", "State.save('a', '\\255', 1)", raises("UnicodeDecodeError")),
    Attack(
        name="Lua passes bytes that are no Unicode and gets them back",
        language="lua",
        script="State.save('attack', 'k', '\\255\\0x') return State.load('attack', 'k') == '\\255\\0x' and 'held'",
        bare_script="State.save('attack', 'k', '\\255\\0x')",
        bare=raises("UnicodeDecodeError"),
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="Lua names a scope by bytes that are no Unicode",
        language="lua",
        script="State.save('\\255', 'k', 1)",
        bare=raises("UnicodeDecodeError"),
        held=Fails("invalid_argument"),
    ),
    Attack(
        name="Lua puts a NUL into a key",
        language="lua",
        script="State.save('attack', 'a\\0b', 1)",
        bare_script="State.save('a', 'a\\0b', 1) return State.load('a', 'a\\0b') == 1 and 'reached'",
        bare=REACHED,
        held=Fails("invalid_key"),
    ),
    Attack(
        name="Lua passes a table as the name of a key",
        language="lua",
        script="State.save('attack', {}, 1)",
        bare_script="State.save('attack', {}, 1) return 'reached'",
        bare=REACHED,
        held=Fails("invalid_argument", "key"),
    ),
    Attack(
        name="Lua passes two hundred arguments",
        language="lua",
        script="State.save(table.unpack({}, 1, 200))",
        bare_script="State.save(table.unpack({}, 1, 200))",
        bare=raises("TypeError"),
        held=Fails("invalid_argument", "too many"),
    ),
    Attack(
        name="Lua passes nothing at all",
        language="lua",
        script="State.save()",
        bare=raises("TypeError"),
        held=Fails("invalid_argument"),
    ),
    Attack(
        name="Lua nests a table ten thousand levels deep",
        language="lua",
        script="local t = {} for _ = 1, 10000 do t = {t} end State.save('attack', 'k', t)",
        bare_script="local t = {} for _ = 1, 10000 do t = {t} end State.keep('k', t)",
        bare=raises("RecursionError"),
        held=Fails("limit_exceeded", "levels deep"),
    ),
    Attack(
        name="Lua nests a table a little deeper than is allowed",
        language="lua",
        script=_saved(_WIDE),
        bare_script=f"return type({_WIDE}) == 'table' and 'reached'",
        bare=REACHED,
        held=Fails("limit_exceeded", "128"),
    ),
    Attack(
        name="Lua returns a table that contains itself",
        language="lua",
        script=f"return {_CYCLE}",
        bare_script=f"return {_CYCLE}.t.t.t ~= nil and 'reached'",
        bare=REACHED,
        held=Fails("limit_exceeded", "contains itself"),
    ),
    Attack(
        name="Lua forges a list of the bridge that is none",
        language="lua",
        script=(
            "local l = JSON.array{1} l.x = 2 l[5] = 3 State.save('attack', 'k', l)"
        ),
        bare_script="local l = {1} l.x = 2 l[5] = 3 return #l == 1 and l.x == 2 and 'reached'",
        bare=REACHED,
        held=Fails("invalid_value", "mixes"),
    ),
    Attack(
        name="Lua changes the microseconds of a timestamp to text",
        language="lua",
        script="local t = Time.now() t.micros = 'x' State.save('attack', 'k', t)",
        bare_script="local t = {micros = 1} t.micros = 'x' return t.micros == 'x' and 'reached'",
        bare=REACHED,
        held=Fails("invalid_value", "micros"),
    ),
    Attack(
        name="Lua makes a timestamp of the year three hundred thousand",
        language="lua",
        script="local t = Time.now() t.micros = math.maxinteger State.save('attack', 'k', t)",
        bare_script="return os.date('!%Y', 9223372036854775) and 'reached'",
        bare=REACHED,
        held=Fails("invalid_value", "years 1 to 9999"),
    ),
    Attack(
        name="Lua loses the end of an integer",
        language="lua",
        script=(
            "State.save('attack', 'k', {math.maxinteger, math.mininteger, 2^53, -0.0})\n"
            "local v = State.load('attack', 'k')\n"
            "return v[1] == math.maxinteger and v[2] == math.mininteger and math.type(v[3]) == 'float'"
            " and 1 / v[4] < 0 and 'held'"
        ),
        bare_script=(
            "local text = string.format('%.14g', math.maxinteger)\n"
            "return tonumber(text) ~= math.maxinteger and 'reached'"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="Lua loads text that would compile to more than a value",
        language="lua",
        script=(
            "local evil = '\"} .. os.exit() .. {\"\\n]] return 1 --'\n"
            "State.save('attack', 'k', {[evil] = evil}) return State.load('attack', 'k')[evil] == evil"
            " and 'held'"
        ),
        bare_script=(
            "local evil = '\" .. string.rep(\"reached\", 1) .. \"'\n"
            "return load('return \"' .. evil .. '\"')()"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
]

_JS_ROWS: Final = [
    _js_refused("JavaScript passes not a number", "NaN", "NaN", "null"),
    _js_refused("JavaScript passes infinity", "[-Infinity]", "infinite", "[null]"),
    _js_refused("JavaScript passes undefined in an array", "[1, undefined]", "undefined in an array", "[1,null]"),
    _js_refused("JavaScript passes a sparse array", "[1, , 3]", "undefined in an array", "[1,null,3]"),
    _js_refused("JavaScript passes a function as a member", "{ f() {} }", "a function", "{}"),
    _js_refused("JavaScript passes a symbol as a member", "{ s: Symbol() }", "a symbol", "{}"),
    _js_refused("JavaScript passes a symbol as a key", "{ [Symbol()]: 1 }", "symbol as a key", "{}"),
    _js_refused("JavaScript passes a Set", "new Set([1])", "a Set", "{}"),
    _js_refused("JavaScript passes a promise", "Promise.resolve(1)", "a promise", "{}"),
    _js_refused("JavaScript passes an object of its own class", "new (class A { x = 1 })", "instance of A", '{"x":1}'),
    _js_refused("JavaScript passes a regular expression", "/x/", "instance of RegExp", "{}"),
    _js_refused("JavaScript passes an error", "new Error('x')", "instance of Error", "{}"),
    _js_refused("JavaScript passes a boxed number", "Object(5)", "instance of Number", "5"),
    _js_refused("JavaScript passes a typed array of another kind", "new Float64Array([1])", "instance of Float64Array", '{"0":1}'),
    _js_refused("JavaScript passes a Map with keys that are no text", "new Map([[1, 2]])", "key of type number", "{}"),
    _js_refused("JavaScript passes an invalid Date", "new Date(NaN)", "invalid Date", "null"),
    _js_refused("JavaScript passes a Date beyond the host's years", "new Date(8.64e15)", "years 1 to 9999", '"+275760-09-13T00:00:00.000Z"'),
    _js_refused("JavaScript passes what only pretends to be a Date", "Object.create(Date.prototype, { toJSON: { value: () => 1 } })", "no usable instance", "1"),
    _js_exact("JavaScript loses the sign of zero", "-0", "Object.is(v, -0)"),
    _js_exact("JavaScript loses what a Map holds", "new Map([['a', 1]])", "v.a === 1"),
    _js_exact("JavaScript loses bytes", "new Uint8Array([0, 255])", "v instanceof Uint8Array && v[1] === 255 && v.length === 2"),
    _js_exact("JavaScript loses that a Date is one", "new Date(5)", "v instanceof Date && v.getTime() === 5"),
    _js_exact(
        "JavaScript stores what a hidden toJSON says instead of what is there",
        "Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'evil' })",
        "v.a === 1",
    ),
    Attack(
        name="JavaScript passes an integer beyond 64 bits",
        language="js",
        script="State.sync.save('attack', 'k', 2n ** 64n)",
        bare_script="String(echo(9007199254740993n)) === '9007199254740993' ? '' : 'reached'",
        bare=REACHED,
        held=Fails("invalid_value", "beyond 64 bits"),
    ),
    Attack(
        name="JavaScript loses the end of text after a NUL",
        language="js",
        script=(
            "State.sync.save('attack', 'k', 'a\\0b');"
            " State.sync.load('attack', 'k') === 'a\\0b' ? 'held' : 'reached'"
        ),
        bare_script="echo('a\\0b') === 'a\\0b' ? 'held' : 'reached'",
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript passes half of a character",
        language="js",
        script="State.sync.save('attack', 'k', { text: 'x\\ud83d' })",
        bare_script="try { echo('x\\ud83d') } catch {}",
        bare=raises("SystemError"),
        held=Fails("invalid_value", "lone surrogate"),
    ),
    Attack(
        name="JavaScript passes half of a character as a key",
        language="js",
        script="State.sync.save('attack', 'k', { '\\ud83d': 1 })",
        bare_script="try { echo('\\ud83d') } catch {}",
        bare=raises("SystemError"),
        held=Fails("invalid_value", "lone surrogate"),
    ),
    Attack(
        name="JavaScript passes an object that contains itself",
        language="js",
        script="const o = {}; o.o = o; State.sync.save('attack', 'k', o)",
        bare_script=(
            "const o = {}; o.o = o; const walk = (v) => typeof v === 'object' ? Object.values(v).map(walk)"
            " : v; try { walk(o) } catch (e) { e instanceof RangeError ? 'reached' : '' }"
        ),
        bare=REACHED,
        held=Fails("limit_exceeded", "contains itself"),
    ),
    Attack(
        name="JavaScript returns an object that contains itself",
        language="js",
        script="const o = {}; o.o = o; await 0; return o",
        bare_script="const o = {}; o.o = o; o.o.o.o === o ? 'reached' : ''",
        bare=REACHED,
        held=Fails("limit_exceeded", "contains itself"),
    ),
    Attack(
        name="JavaScript nests arrays a hundred thousand levels deep",
        language="js",
        script="let a = []; for (let i = 0; i < 1e5; i++) a = [a]; State.sync.save('attack', 'k', a)",
        bare_script=(
            "let a = []; for (let i = 0; i < 1e5; i++) a = [a];"
            " try { JSON.stringify(a); '' } catch (e) { e instanceof RangeError ? 'reached' : '' }"
        ),
        bare=REACHED,
        held=Fails("limit_exceeded", "levels deep"),
    ),
    Attack(
        name="JavaScript passes a getter that tells another value each time",
        language="js",
        script=(
            "let n = 0; State.sync.save('attack', 'k', { get a() { return ++n % 2 ? 1 : () => 1 } });"
            " const v = State.sync.load('attack', 'k').a; v === 1 ? 'held' : 'reached'"
        ),
        bare_script=(
            "let n = 0; const o = { get a() { return ++n % 2 ? 1 : 'evil' } };"
            " const check = (v) => { if (typeof v.a !== 'number') throw 1; return v };"
            " check(o).a === 'evil' ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript passes a proxy that tells of endless keys",
        language="js",
        script=(
            "State.sync.save('attack', 'k', new Proxy({}, { ownKeys() {"
            " return Array.from({ length: 1e9 }, (_, i) => 'k' + i) } }))"
        ),
        bare_script=(
            "JSON.stringify(new Proxy({}, { ownKeys() { return Array.from({ length: 1e9 },"
            " (_, i) => 'k' + i) } }))"
        ),
        bare=HANGS,
        held=Limited("timeout_s", "memory_bytes", "stack_bytes"),
    ),
    Attack(
        name="JavaScript passes a proxy of an array with a lying length",
        language="js",
        script=(
            "State.sync.save('attack', 'k', new Proxy([], { get: (t, n) => n === 'length' ? 2 ** 53 - 1"
            " : n === 'toJSON' ? undefined : 1 }))"
        ),
        bare_script=(
            "JSON.stringify(new Proxy([], { get: (t, n) => n === 'length' ? 2 ** 53 - 1"
            " : n === 'toJSON' ? undefined : 1 }))"
        ),
        bare=HANGS,
        held=Limited("timeout_s", "memory_bytes", "stack_bytes"),
    ),
    Attack(
        name="JavaScript passes a proxy that is revoked while it is read",
        language="js",
        script=(
            "const { proxy, revoke } = Proxy.revocable({}, {});"
            " State.sync.save('attack', 'k', { get a() { revoke(); return 1 }, b: proxy })"
        ),
        bare_script=(
            "const { proxy, revoke } = Proxy.revocable({}, {}); revoke();"
            " try { JSON.stringify(proxy); '' } catch (e) { e instanceof TypeError ? 'reached' : '' }"
        ),
        bare=REACHED,
        held=Fails("script_error"),
    ),
    Attack(
        name="JavaScript passes bytes whose buffer is gone",
        language="js",
        script=(
            "const b = new ArrayBuffer(8), u = new Uint8Array(b); b.transfer();"
            " State.sync.save('attack', 'k', u)"
        ),
        bare_script=(
            "const b = new ArrayBuffer(8), u = new Uint8Array(b); b.transfer();"
            " u.length === 0 ? 'reached' : ''"
        ),
        bare=REACHED,
        held=Fails("invalid_value", "no usable instance"),
    ),
    Attack(
        name="JavaScript takes bytes away while they are read",
        language="js",
        script=(
            "const b = new ArrayBuffer(8), u = new Uint8Array(b).fill(7);"
            " let gone = false; const take = () => { if (!gone) b.transfer(); gone = true; return -0 };"
            " try { State.sync.save('attack', 'k', { get a() { return take() }, u }) }"
            " catch (e) { e.code === 'invalid_value' ? 'held' : 'reached' }"
        ),
        bare_script=(
            "const b = new ArrayBuffer(8), u = new Uint8Array(b).fill(7); const length = u.length;"
            " b.transfer(); u[length - 1] === undefined ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
    ),
    Attack(
        name="JavaScript makes JSON text by itself that is none",
        language="js",
        script="State.sync.save('attack', 'k', JSON.rawJSON('1e999'))",
        bare_script="JSON.stringify({ a: JSON.rawJSON('1e999') }) === '{\"a\":1e999}' ? 'reached' : ''",
        bare=REACHED,
        held=Fails("invalid_value"),
    ),
    Attack(
        name="JavaScript stores text that looks like the bridge's own marks",
        language="js",
        script=(
            "const evil = ['l', 'b', 't', '~', ['t', 1, 2], ['b', 'AA=='], { '~': 1 }];"
            " State.sync.save('attack', 'k', [evil, -0]);"
            " JSON.stringify(State.sync.load('attack', 'k')[0]) === JSON.stringify(evil)"
            " ? 'held' : 'reached'"
        ),
        bare_script=(
            "const revive = (k, v) => Array.isArray(v) && v[0] === 't' ? new Date(v[1]) : v;"
            " JSON.parse('[\"t\", 1]', revive) instanceof Date ? 'reached' : ''"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
    Attack(
        name="JavaScript returns a value that dies while the host reads it",
        language="js",
        script="({ get a() { throw new Error('x') } })",
        bare_script="({ toJSON() { State.sync.save('a', 'b', 1); throw 1 } })",
        bare=CRASHES,
        held=Gives(None),
    ),
    Attack(
        name="JavaScript passes an array as the name of a key",
        language="js",
        script="State.sync.save('attack', ['k'], 1)",
        bare_script="State.sync.save('a', ['k'], 1); const o = {}; o[['k']] = 1; o.k ? 'reached' : ''",
        bare=REACHED,
        held=Fails("invalid_argument", "key"),
    ),
    Attack(
        name="JavaScript passes text objects that change between two looks",
        language="js",
        script=(
            "let n = 0; State.sync.save('attack', { toString: () => n++ ? 'evil' : 'k' }, 1)"
        ),
        bare_script=(
            "let n = 0; const key = { toString: () => n++ ? 'reached' : 'k' };"
            " if (String(key) === 'k') String(key)"
        ),
        bare=REACHED,
        held=Fails("invalid_value", "$.toString is a function"),
    ),
]

MARSHALLING: Final = [*_LUA_ROWS, *_JS_ROWS]
