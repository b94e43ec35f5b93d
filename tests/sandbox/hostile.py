"""Random values of both languages as source text, hostile ones among them."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

__all__ = ["EXPRESSIONS"]

_NUMBERS: Final = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
_TRAP: Final = "function() error('trap') end"
_LOOK: Final = "function() State.save('attack', 'trap', {1, {2}}) return 'x' end"

_LUA_LEAVES: Final = st.one_of(
    _NUMBERS,
    st.sampled_from(
        [
            "nil",
            "true",
            "0/0",
            "math.huge",
            "math.mininteger",
            "print",
            "JSON.null",
            "JSON.array()",
            "Time.now()",
            "coroutine.create(print)",
            "'\\0'",
            "'\\255\\254'",
            "('x'):rep(5000)",
            "_G",
            "string",
            "getmetatable('')",
            "select(2, pcall(State.save))",
            "(function() end)()",
            "setmetatable({}, {__index = error, __len = error, __pairs = error, __tostring = error})",
            f"setmetatable({{}}, {{__tostring = {_TRAP}, __name = 'list'}})",
            f"setmetatable({{}}, {{__eq = {_LOOK}, __index = {_LOOK}, __concat = {_LOOK}}})",
            "setmetatable({message = 'm', code = 'c'}, {__metatable = 'locked'})",
            "(function() local t = {} t[1] = t return t end)()",
            "(function() local t = JSON.array{1} t.x = 1 return t end)()",
            "(function() local t = Time.now() t.micros = 1.5 return t end)()",
            "setmetatable({}, {__mode = 'kv'})",
        ]
    ),
    st.binary(max_size=6).map(lambda data: "'" + "".join(f"\\{byte:03d}" for byte in data) + "'"),
)
_LUA_KEYS: Final = st.sampled_from(
    ["a", "['']", "[1]", "[2]", "[0]", "[1.5]", "[true]", "['\\255']", "[{}]", "[print]", "__index",
     "message", "code", "details", "hint", "['a\\0b']", "[math.mininteger]", "[2^53]"]
)  # fmt: skip


def _lua_tables(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(_LUA_KEYS, members).map(lambda pair: f"{pair[0]} = {pair[1]}")
    return st.one_of(
        st.lists(st.one_of(members, pairs), max_size=4).map(
            lambda parts: "{" + ", ".join(parts) + "}"
        ),
        members.map(lambda member: f"JSON.array{{{member}}}"),
        members.map(lambda member: f"setmetatable({{{member}}}, {{__index = {{{member}}}}})"),
    )


_JS_LEAVES: Final = st.one_of(
    _NUMBERS.map(lambda text: f"({text})"),
    st.integers(-(2**70), 2**70).map(lambda number: f"({number}n)"),
    st.sampled_from(
        [
            "null", "undefined", "true", "NaN", "-0", "-Infinity", "print", "Symbol()", "Symbol.iterator",
            "'\\ud800'", "'\\0'", "'x'.repeat(5000)", "new Date(NaN)", "new Date(8.64e15)", "new Date(5)",
            "new Set([1])", "new Map([[1, 2]])", "new Map([['\\ud800', 1]])", "Promise.resolve(1)", "/x/g",
            "new Uint8Array(3)", "new Float64Array(2)", "new ArrayBuffer(2)", "new DataView(new ArrayBuffer(1))",
            "Object.create(Date.prototype)", "Object.create(Uint8Array.prototype)", "Object(1n)", "globalThis",
            "Object.create({ a: 1 })", "new (class A { #p = 1 })", "JSON.rawJSON('1e999')", "[, 1]", "new Array(3)",
            "{ get a() { throw 1 } }", "{ get a() { return this } }", "{ toJSON() { throw this } }",
            "{ toJSON: 1, valueOf: 2, toString: 3 }", "{ get then() { throw 2 } }", "{ then(a, b) { b(3) } }",
            "new Proxy({}, {})", "new Proxy([], {})", "new Proxy(class {}, {})",
            "new Proxy({}, { ownKeys() { throw 3 } })", "new Proxy({ a: 1 }, { get() { return () => 1 } })",
            "new Proxy({}, { getPrototypeOf() { return Array.prototype } })",
            "(() => { const o = {}; o.o = [o]; return o })()",
            "(() => { const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy })()",
            "(() => { const b = new ArrayBuffer(4), u = new Uint8Array(b); b.transfer(); return u })()",
            "Object.assign(new Error('e'), { code: {}, details: 1, hint: [] })",
            "Object.defineProperty(new Error('e'), 'message', { get() { throw 4 } })",
            "Object.assign(() => 1, { message: 5 })", "Object.setPrototypeOf(function () {}, null)",
            "{ get a() { State.sync.save('attack', 'trap', [1]); return -0 } }",
        ]
    ),
    st.text(max_size=6).map(lambda text: ascii(text).replace("\\U", "\\u{").replace("\\x", "\\x") if text.isascii() else "'é'"),
)  # fmt: skip
_JS_KEYS: Final = st.sampled_from(
    ["a", "''", "0", "'1'", "['__proto__']", "'\\ud800'", "[Symbol()]", "constructor", "then", "toJSON",
     "length", "'a\\0b'", "message", "stack", "code", "'~'"]
)  # fmt: skip


def _js_objects(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(_JS_KEYS, members).map(lambda pair: f"{pair[0]}: {pair[1]}")
    return st.one_of(
        st.lists(pairs, max_size=4).map(lambda parts: "{" + ", ".join(parts) + "}"),
        st.lists(members, max_size=4).map(lambda parts: "[" + ", ".join(parts) + "]"),
        members.map(lambda member: f"new Map([['k', {member}]])"),
        members.map(lambda member: f"new Proxy([{member}], {{}})"),
        members.map(lambda member: f"{{ get g() {{ return {member} }} }}"),
    )


EXPRESSIONS: Final = {
    "lua": st.recursive(_LUA_LEAVES, _lua_tables, max_leaves=6),
    "js": st.recursive(_JS_LEAVES, _js_objects, max_leaves=6),
}
