"""Attacks by values: what a host may misread, change in silence, or die of."""

from __future__ import annotations

from typing import Final

from .marshalling_js import JS_VALUES
from .row import HANGS, KEPT, REACHED, Attack, Fails, raises, shows

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
    _lua_refused(
        "Lua passes not a number",
        "0/0",
        "NaN",
        "return tostring(echo(0/0)):gsub('-', '')",
        shows("('nan', 1)"),
    ),
    _lua_refused(
        "Lua passes infinity",
        "{-math.huge}",
        "infinite",
        "return echo(math.huge) == math.huge and 'reached'",
        REACHED,
    ),
    _lua_refused(
        "Lua passes a function",
        "print",
        "a function",
        "return State.save('a', 'k', print) == nil and type(State.load('a', 'k')) == 'function' and 'reached'",
        REACHED,
    ),
    _lua_refused(
        "Lua passes a coroutine",
        "coroutine.create(print)",
        "a thread",
        "return type(echo(coroutine.create(print))) ~= 'nil' and 'reached'",
        REACHED,
    ),
    _lua_refused(
        "Lua passes a list with a hole",
        "{1, nil, 3}",
        "hole",
        "local n = 0 for _ in ipairs({1, nil, 3}) do n = n + 1 end return n == 1 and 'reached'",
        REACHED,
    ),
    _lua_refused(
        "Lua passes keys of two kinds",
        "{1, 2, x = 3}",
        "mixes",
        "return #{1, 2, x = 3} == 2 and 'reached'",
        REACHED,
    ),
    _lua_refused(
        "Lua passes a key that is a float",
        "{[1.5] = 1}",
        "of type number",
        _walked("{[1.5] = 1}"),
        shows("{1.5=1}"),
    ),
    _lua_refused(
        "Lua passes a key that is true",
        "{[true] = 1}",
        "of type boolean",
        "return next({[true] = 1}) == true and 'reached'",
        REACHED,
    ),
    _lua_refused(
        "Lua passes a list from minus one",
        "{[-1] = 1, [0] = 0}",
        "mixes",
        _walked("{[0] = 0}"),
        shows("{0=0}"),
    ),
    _lua_refused(
        "Lua passes a list of one item a thousand million away",
        "{[1000000000] = 1}",
        "mixes",
        "local n = 0 for i = 1, 1000000000 do n = n + (({[1000000000] = 1})[i] or 0) end",
        HANGS,
    ),
    _lua_refused(
        "Lua passes a key that is no Unicode",
        "{['\\255'] = 1}",
        "not valid UTF-8",
        "State.save('a', '\\255', 1)",
        raises("UnicodeDecodeError"),
    ),
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
        script=("local l = JSON.array{1} l.x = 2 l[5] = 3 State.save('attack', 'k', l)"),
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
            'local evil = \'" .. string.rep("reached", 1) .. "\'\n'
            "return load('return \"' .. evil .. '\"')()"
        ),
        bare=REACHED,
        held=KEPT,
        stored=("k",),
    ),
]

MARSHALLING: Final = [*_LUA_ROWS, *JS_VALUES]
