"""Ways out of a sandbox that must stay shut, and tampering that must stay without effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmspell_bridges.errors import ScriptError

from .conftest import Make

Run = Callable[[str], Any]


# Lua -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["", ", 'x', 'b'", ", 'x', 'bt'", ", 'x', 't'"])
def test_bytecode_never_loads(lua: Run, mode: str) -> None:
    assert lua(f"return (load('\\27Lua'{mode}))") is None
    assert lua(f"return (load(function() return nil end, 'x', 'b'))") is None  # noqa: F541


def test_bytecode_cannot_be_made(lua: Run) -> None:
    assert lua("return {type(string.dump), type((('').dump))}") == ["nil", "nil"]


def test_load_sees_only_the_scripts_globals(lua: Run) -> None:
    assert lua("return load('return io, debug, _G == ...')(_G)") is None
    assert lua("return load('return _G == ...')(_G)") is True
    assert lua("return load('return x', 'c', 't', {x = 5})()") == 5
    assert lua("return (pcall(load('return x', 'c', 't', nil)))") is False


def test_finalizers_are_refused(lua: Run) -> None:
    script = "return select(2, pcall(setmetatable, {}, {__gc = function() end}))"
    assert "not available" in lua(script)
    assert lua("local m = {} setmetatable({}, m) m.__gc = print collectgarbage() return 1") == 1


def test_strings_lead_only_to_the_safe_string_table(lua: Run) -> None:
    assert lua("return getmetatable('').__index == string") is True


@pytest.mark.parametrize(
    "thing", ["JSON.null", "JSON.array()", "Time.now()", "select(2, pcall(State.save))"]
)
def test_the_metatables_of_the_bridge_stay_hidden(lua: Run, thing: str) -> None:
    assert lua(f"return getmetatable({thing})") is False


def test_frames_and_locals_are_out_of_reach(lua: Run) -> None:
    assert lua("return {type(debug), type(_ENV.debug), type(_G.package)}") == ["nil"] * 3


LUA_TAMPERING = [
    "string.format = nil string.gsub = nil string.byte = error string.sub = error",
    "table.concat = function() return 'evil' end table.pack = nil table.unpack = nil",
    "next = nil rawget = nil rawlen = nil type = nil select = nil error = nil pcall = nil",
    "setmetatable(_G, {__index = error, __newindex = error})",
    "getmetatable('').__index = function() return 'evil' end",
    "getmetatable('').__eq = error getmetatable('').__concat = error getmetatable('').__lt = error",
    "math.type = nil utf8.len = nil tostring = nil tonumber = nil",
    "JSON.null = nil JSON.array = nil",
]


@pytest.mark.parametrize("tampering", LUA_TAMPERING)
def test_replacing_what_lua_offers_changes_nothing_that_is_stored(
    make: Make, tampering: str
) -> None:
    bench = make("lua")
    save = "local S, J, T = State, JSON, Time\nlocal b = J.array() local t = T.from_micros(7)\n"
    bench.run(
        save
        + tampering
        + "\nS.save('global', 'k', {a = {1, 2.5, 'x\"\\n', '\\255'}, b = b, t = t})"
        "\nS.update('global', 'n', function(v) return 5 end)",
        "",
    )
    stored = bench.state.load("global", "k")
    assert stored["a"] == [1, 2.5, 'x"\n', b"\xff"]
    assert stored["b"] == []
    assert stored["t"].microsecond == 7
    assert bench.state.load("global", "n") == 5


@pytest.mark.parametrize(
    "hostile",
    [
        "setmetatable({}, {__eq = trap})",
        "setmetatable({}, setmetatable({}, {__eq = trap, __index = trap}))",
        "setmetatable({}, {__index = trap, __len = trap, __pairs = trap, __tostring = trap})",
        "{[setmetatable({}, {__tostring = trap, __name = 'x'})] = 1}",
    ],
)
def test_no_metamethod_runs_while_a_value_is_read(make: Make, hostile: str) -> None:
    bench = make("lua")
    error = bench.fail(
        "local function trap() State.save('global', 'trapped', {'z', 'z', 'z'}) return true end\n"
        f"State.save('global', 'k', {{'a', {hostile}, 'b'}})",
        "",
    )
    assert error.code == "invalid_value"
    assert error.details["path"] == "$[2]"
    assert bench.state.list_keys("global") == []


def test_a_list_that_was_tampered_with_is_stored_as_it_is(make: Make) -> None:
    bench = make("lua")
    bench.run(
        """local l = JSON.array{1, 2, 3}
        pcall(function() local m = getmetatable(l) m.__len = error m.__index = error end)
        State.save('global', 'k', l)""",
        "",
    )
    assert bench.state.load("global", "k") == [1, 2, 3]


# JavaScript ------------------------------------------------------------------------------------

JS_TAMPERING = [
    "Object.prototype.toJSON = () => 'evil'",
    "Object.prototype.toJSON = () => undefined",
    "Array.prototype.toJSON = () => 5",
    "Array.prototype.toJSON = function () { return ['~', 'l'] }",
    "String.prototype.toJSON = () => 'evil'",
    "Number.prototype.toJSON = Boolean.prototype.toJSON = BigInt.prototype.toJSON = () => 'evil'",
    "Date.prototype.toJSON = () => 'evil'; Date.prototype.getTime = () => 1",
    "for (const i of [0, 1, 2, 3]) Object.defineProperty(Array.prototype, i, {set() {},"
    " get() { return 'evil' }, configurable: true})",
    "for (const n of ['a', 'path', 'us', 'value']) Object.defineProperty(Object.prototype, n,"
    " {set() {}, get() { return 'evil' }, configurable: true})",
    "Object.prototype.get = Object.prototype.set = () => 'evil'",
    "for (const n of Object.getOwnPropertyNames(Map.prototype)) delete Map.prototype[n]",
    "Map.prototype.forEach = Map.prototype.set = Map.prototype.delete = () => { throw 1 }",
    "Object.defineProperty(Map.prototype, 'size', {get() { throw 1 }})",
    "for (const n of ['get', 'set']) delete WeakMap.prototype[n]",
    "Promise.prototype.then = () => { throw 1 }; Promise.prototype.catch = null",
    "Promise.resolve = Promise.all = () => { throw 1 }",
    "globalThis.Promise = globalThis.Map = globalThis.Date = globalThis.Array = null",
    "globalThis.Object = globalThis.Error = globalThis.String = globalThis.BigInt = null",
    "JSON.stringify = () => 'evil'; JSON.parse = () => 'evil'",
    "for (const n of ['slice', 'isWellFormed', 'replace', 'split', 'indexOf', 'toWellFormed'])"
    " String.prototype[n] = () => { throw 1 }",
    "Reflect.apply = Reflect.ownKeys = () => { throw 1 }",
    "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = null",
    "Object.keys = Object.getPrototypeOf = Object.defineProperty = () => { throw 1 }",
    "Array.isArray = () => true; Array.prototype.join = () => 'evil'",
    "Array.prototype[Symbol.iterator] = () => { throw 1 }",
    "Number.isInteger = Number.isSafeInteger = () => true",
    "RegExp.prototype.exec = RegExp.prototype.test = () => { throw 1 }",
    "Uint8Array.prototype.toBase64 = () => 'evil'; Uint8Array.fromBase64 = () => 'evil'",
    "Error.prepareStackTrace = () => { throw 1 }; Error.stackTraceLimit = 'x'",
    "Error.prepareStackTrace = () => 5",
    "Error.captureStackTrace = null; delete globalThis.Error",
    "Object.setPrototypeOf(Array.prototype, {toJSON: () => 1})",
    "globalThis.eval = globalThis.queueMicrotask = null",
    "Symbol.prototype[Symbol.toPrimitive] = null; delete Promise.prototype.constructor",
    "Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(Function.prototype)",
]


@pytest.mark.parametrize("tampering", JS_TAMPERING)
def test_tampering_with_built_ins_changes_nothing_that_is_stored(
    make: Make, tampering: str
) -> None:
    bench = make("js")
    bench.run(
        "",
        "const plain = {a: [1, 'x', {b: null}]}, late = new Date(5);\n"
        "const exact = {d: late, u: new Uint8Array([255]), n: [-0, 2n ** 60n], m: new Map([['k', 1]])};\n"
        "const S = State.sync, load = State.load;\n"
        f"{tampering};\n"
        "S.save('global', 'plain', plain); S.save('global', 'exact', exact);\n"
        "S.save('global', 'again', S.load('global', 'exact'));\n"
        "S.update('global', 'n', () => 5); load('global', 'plain'); print('x'); 1",
    )
    expected = bench.state.load("global", "exact")
    assert bench.state.load("global", "plain") == {"a": [1, "x", {"b": None}]}
    assert repr(expected["n"]) == f"[-0.0, {2**60}]"
    assert (expected["d"].microsecond, expected["u"], expected["m"]) == (5000, b"\xff", {"k": 1})
    assert bench.state.load("global", "again") == expected
    assert bench.state.load("global", "n") == 5
    assert bench.printed == "x\n"


@pytest.mark.parametrize("tampering", JS_TAMPERING)
def test_tampering_with_built_ins_does_not_hide_an_error(make: Make, tampering: str) -> None:
    bench = make("js")
    with pytest.raises(ScriptError):
        bench.sandbox.run(f"const S = State.sync; {tampering};\nS.save('', '', 1)", name="script")


@pytest.mark.parametrize(
    "hostile",
    [
        "new Proxy({}, {ownKeys() { throw new Error('trap') }})",
        "new Proxy({}, {getPrototypeOf() { throw new Error('trap') }})",
        "new Proxy([], {get() { throw new Error('trap') }})",
        "{get a() { throw new Error('trap') }}",
        "{toJSON() { throw new Error('trap') }}",
        "Object.create(Date.prototype)",
        "Object.create(Uint8Array.prototype)",
        "Object.create(Map.prototype)",
        "Object.create(Promise.prototype)",
        "(() => { const b = new ArrayBuffer(2), u = new Uint8Array(b); b.transfer(); return u })()",
        "new Proxy(() => 1, {})",
        "{[Symbol.toPrimitive]() { throw 1 }}",
        "JSON.rawJSON('1e999')",
    ],
)
def test_a_hostile_value_is_one_error_and_stores_nothing(make: Make, hostile: str) -> None:
    bench = make("js")
    bench.fail("", f"const v = ({hostile}); State.sync.save('global', 'k', {{v}})")
    assert bench.state.list_keys("global") == []


def test_a_getter_is_read_once_and_what_it_said_is_stored(make: Make) -> None:
    bench = make("js")
    bench.run(
        "",
        "let n = 0; State.sync.save('global', 'k', {d: -0, get a() { return ++n > 3 ? 'late' : n }})",
    )
    assert bench.state.load("global", "k")["a"] in (1, 2, 3)


def test_a_value_that_calls_state_while_it_is_read_stays_whole(make: Make) -> None:
    bench = make("js")
    bench.run(
        "",
        "State.sync.save('global', 'k', {a: 1, get b() { State.sync.save('global', 'in', [1, 2]);"
        " return 2 }, c: -0})",
    )
    assert bench.state.load("global", "k") == {"a": 1, "b": 2, "c": 0}
    assert bench.state.load("global", "in") == [1, 2]


def test_call_sites_do_not_hand_out_the_functions_of_the_bridge(make: Make) -> None:
    value = make("js").run(
        "",
        "let sites = null; Error.prepareStackTrace = (_, found) => { sites = found; return '' };"
        "try { State.sync.save() } catch (e) { e.stack } new Error('x').stack; sites",
    )
    assert value is None


def test_polluted_prototypes_do_not_reach_what_is_loaded_as_own_members(make: Make) -> None:
    bench = make("js")
    bench.state.save("global", "k", {"__proto__": {"x": 1}, "a": b"\1"})
    assert bench.run(
        "", "const v = State.sync.load('global', 'k'); [Object.keys(v), v.x === undefined]"
    ) == [["__proto__", "a"], True]
    assert bench.run("", "({}).x === undefined") is True
