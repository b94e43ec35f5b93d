"""The exact set of globals each language sees, and that nothing of the host is behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmspell_stdlib.state import STATE

Run = Callable[[str], Any]

LUA_GLOBALS = [
    "ARGS",
    "Env",
    "Fs",
    "Http",
    "JSON",
    "State",
    "Time",
    "_G",
    "_VERSION",
    "arg",
    "assert",
    "collectgarbage",
    "coroutine",
    "error",
    "getmetatable",
    "ipairs",
    "load",
    "math",
    "next",
    "os",
    "pairs",
    "pcall",
    "print",
    "rawequal",
    "rawget",
    "rawlen",
    "rawset",
    "select",
    "setmetatable",
    "string",
    "table",
    "tonumber",
    "tostring",
    "type",
    "utf8",
    "xpcall",
]
LUA_MEMBERS = {
    "os": "clock date difftime time",
    "string": "byte char find format gmatch gsub len lower match pack packsize rep reverse sub "
    "unpack upper",
    "table": "concat insert move pack remove sort unpack",
    "coroutine": "close create isyieldable resume running status wrap yield",
    "utf8": "char charpattern codepoint codes len offset",
    "JSON": "array null parse stringify",
    "Env": "get",
    "Fs": "exists list read write",
    "Http": "request",
    "Time": "from_micros from_unix now parse",
}
JS_GLOBALS = [
    "ARGS",
    "AggregateError",
    "Array",
    "ArrayBuffer",
    "AsyncDisposableStack",
    "BigInt",
    "BigInt64Array",
    "BigUint64Array",
    "Boolean",
    "DOMException",
    "DataView",
    "Date",
    "DisposableStack",
    "Env",
    "Error",
    "EvalError",
    "Float16Array",
    "Float32Array",
    "Float64Array",
    "Fs",
    "Function",
    "Http",
    "Infinity",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "InternalError",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "Proxy",
    "RangeError",
    "ReferenceError",
    "Reflect",
    "RegExp",
    "Set",
    "State",
    "StateError",
    "String",
    "SuppressedError",
    "Symbol",
    "SyntaxError",
    "TypeError",
    "URIError",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "WeakMap",
    "WeakSet",
    "atob",
    "btoa",
    "console",
    "decodeURI",
    "decodeURIComponent",
    "encodeURI",
    "encodeURIComponent",
    "escape",
    "eval",
    "globalThis",
    "isFinite",
    "isNaN",
    "parseFloat",
    "parseInt",
    "performance",
    "print",
    "queueMicrotask",
    "undefined",
    "unescape",
]
STATE_NAMES = {function.name for function in STATE.functions if not function.internal}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def test_lua_sees_exactly_these_globals(lua: Run) -> None:
    assert sorted(lua("local n = {} for k in pairs(_G) do n[#n + 1] = k end return n")) == sorted(
        LUA_GLOBALS
    )


@pytest.mark.parametrize("table", LUA_MEMBERS)
def test_the_libraries_of_lua_hold_exactly_these_functions(lua: Run, table: str) -> None:
    names = lua(f"local n = {{}} for k in pairs({table}) do n[#n + 1] = k end return n")
    assert sorted(names) == LUA_MEMBERS[table].split()


def test_javascript_sees_exactly_these_globals(js: Run) -> None:
    assert js("Object.getOwnPropertyNames(globalThis).sort()") == JS_GLOBALS


def test_state_is_the_same_table_in_both_languages(lua: Run, js: Run) -> None:
    in_lua = lua("local n = {} for k in pairs(State) do n[#n + 1] = k end return n")
    assert set(in_lua) == STATE_NAMES
    both = STATE_NAMES | {camel(name) for name in STATE_NAMES}
    assert set(js("Object.getOwnPropertyNames(State)")) == both | {"sync"}
    assert set(js("Object.getOwnPropertyNames(State.sync)")) == both


def test_everything_reachable_in_lua_is_luas_own(lua: Run) -> None:
    kinds = lua(
        """
        State.save('global', 'k', {1, {a = Time.now()}})
        local _, failure = pcall(State.save)
        local roots = {_G, State.load('global', 'k'), State.get_metadata('global', 'k'), failure,
          Time.now(), JSON.null, JSON.array(), getmetatable('')}
        local seen, kinds = {}, {}
        local function walk(value)
          kinds[type(value)] = true
          if type(value) ~= 'table' or seen[value] then return end
          seen[value] = true
          local mark = getmetatable(value)
          if mark then walk(mark) end
          for key, member in next, value do walk(key) walk(member) end
        end
        walk(roots)
        local names = {}
        for kind in pairs(kinds) do names[#names + 1] = kind end
        table.sort(names)
        return names"""
    )
    assert kinds == ["boolean", "function", "number", "string", "table"]


def test_everything_reachable_in_javascript_is_javascripts_own(js: Run) -> None:
    strange = js(
        """
        State.sync.save('global', 'k', [1, {a: new Date(0), b: new Uint8Array(2)}]);
        let failure;
        try { State.sync.save() } catch (e) { failure = e }
        const seen = new Set(), strange = [];
        const queue = [['globalThis', globalThis], ['value', State.sync.load('global', 'k')],
          ['metadata', State.sync.getMetadata('global', 'k')], ['failure', failure],
          ['promise', State.load('global', 'k').catch(print)],
          ['async', (async () => 1).constructor], ['generator', (function* () {}).constructor],
          ['regexp', /x/], ['iterator', [][Symbol.iterator]()]];
        while (queue.length) {
          const [path, value] = queue.pop();
          if ((typeof value !== 'object' && typeof value !== 'function') || value === null) continue;
          if (seen.has(value)) continue;
          seen.add(value);
          const text = typeof value === 'function' ? Function.prototype.toString.call(value) : '';
          if (/__door|python/i.test(text) || /python/i.test(Object.prototype.toString.call(value))) {
            strange.push(path);
          }
          for (const key of Reflect.ownKeys(value)) {
            const found = Object.getOwnPropertyDescriptor(value, key);
            const at = path + '.' + String(key);
            queue.push([at, found.value], [at + ':get', found.get], [at + ':set', found.set]);
          }
          queue.push([path + '.__proto__', Object.getPrototypeOf(value)]);
        }
        [strange, seen.size > 500]"""
    )
    assert strange == [[], True]


@pytest.mark.parametrize(
    "name",
    ["io", "debug", "package", "require", "dofile", "loadfile", "python", "loadstring", "setfenv"],
)
def test_lua_has_no_way_out_by_name(lua: Run, name: str) -> None:
    assert lua(f"return type({name})") == "nil"


@pytest.mark.parametrize(
    "name", ["execute", "getenv", "remove", "rename", "exit", "tmpname", "setlocale"]
)
def test_os_of_lua_cannot_touch_the_system(lua: Run, name: str) -> None:
    assert lua(f"return type(os.{name})") == "nil"


@pytest.mark.parametrize(
    "name",
    [
        "WeakRef",
        "FinalizationRegistry",
        "SharedArrayBuffer",
        "Atomics",
        "__door",
        "__host",
        "__track",
        "require",
        "process",
        "std",
        "os",
        "bjson",
        "Worker",
        "setTimeout",
        "fetch",
        "gc",
    ],
)
def test_javascript_has_no_way_out_by_name(js: Run, name: str) -> None:
    assert js(f"typeof {name}") == "undefined"
