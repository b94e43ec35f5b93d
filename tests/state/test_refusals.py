"""What cannot be stored is refused in all three languages, with its path; nothing is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest

from llmspell.errors import LlmSpellError
from llmspell.state.manager import StateLimits

from .conftest import Desk


class Colour(IntEnum):
    RED = 1


def cycle() -> list[Any]:
    looped: list[Any] = []
    looped.append(looped)
    return looped


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def lua_nested(levels: int) -> str:
    return (
        f"(function() local v = JSON.array() for i = 2, {levels} do v = {{v}} end return v end)()"
    )


def js_nested(levels: int) -> str:
    return f"(() => {{ let v = []; for (let i = 2; i <= {levels}; i++) v = [v]; return v }})()"


ANY = "any"
# Lua, JavaScript, Python (ANY where the language has no such thing), path of the offender, code.
REFUSED = {
    "function": ("print", "print", print, "$", "invalid_value"),
    "function in a map": ("{f = print}", "{f: print}", {"f": print}, "$.f", "invalid_value"),
    "function in a list": ("{1, {print}}", "[1, [print]]", [1, [print]], "$[", "invalid_value"),
    "odd key": ("{['a b'] = print}", "{'a b': print}", {"a b": print}, '$["a b"]', "invalid_value"),
    "not a number": ("{a = 0/0}", "{a: NaN}", {"a": float("nan")}, "$.a", "invalid_value"),
    "infinity": ("math.huge", "Infinity", float("inf"), "$", "invalid_value"),
    "minus infinity": ("{-1/0}", "[-Infinity]", [float("-inf")], "$[", "invalid_value"),
    "beyond 64 bits": (ANY, "{a: 2n ** 63n}", {"a": 2**63}, "$.a", "invalid_value"),
    "below 64 bits": (ANY, "[-(2n ** 63n) - 1n]", [-(2**63) - 1], "$[0]", "invalid_value"),
    "a million digits": (ANY, "10n ** 100000n", 10**100000, "$", "invalid_value"),
    "lone surrogate": (ANY, "{a: 'x\\ud800'}", {"a": "x\ud800"}, "$.a", "invalid_value"),
    "surrogate as key": (ANY, "{'\\udc00': 1}", {"\udc00": 1}, "$", "invalid_value"),
    "bytes as key": ("{['\\255'] = 1}", ANY, {b"\xff": 1}, "$", "invalid_value"),
    "boolean as key": ("{[true] = 1}", "new Map([[true, 1]])", {True: 1}, "$", "invalid_value"),
    "number as key": ("{a = {[1.5] = 1}}", "{a: new Map([[1, 2]])}", {"a": {1: 2}}, "$.a",
                      "invalid_value"),
    "set": (ANY, "{s: new Set([1])}", {"s": {1}}, "$.s", "invalid_value"),
    "symbol": (ANY, "{s: Symbol('x')}", ANY, "$.s", "invalid_value"),
    "symbol as key": (ANY, "{a: {[Symbol('x')]: 1}}", ANY, "$.a", "invalid_value"),
    "undefined": (ANY, "undefined", ANY, "$", "invalid_value"),
    "undefined in a list": (ANY, "{a: [1, undefined]}", ANY, "$.a[1]", "invalid_value"),
    "hole in a list": ("{a = {1, nil, 3}}", "{a: [1, , 3]}", ANY, "$.a", "invalid_value"),
    "mixed keys": ("{a = {1, 2, x = 3}}", ANY, ANY, "$.a", "invalid_value"),
    "text key then number": ("{x = 1, [5] = 2}", ANY, ANY, "$", "invalid_value"),
    "list from zero": ("{[0] = 1, 2}", ANY, ANY, "$", "invalid_value"),
    "coroutine": ("{c = coroutine.create(print)}", ANY, ANY, "$.c", "invalid_value"),
    "object": ("{o = setmetatable({}, {})}", "{o: new (class A {})()}", {"o": object()}, "$.o",
               "invalid_value"),
    "promise": (ANY, "{p: Promise.resolve(1)}", ANY, "$.p", "invalid_value"),
    "regexp": (ANY, "{r: /x/}", {"r": ...}, "$.r", "invalid_value"),
    "error": ("select(2, pcall(State.save))", "{e: new Error('x')}", ValueError(), "$",
              "invalid_value"),
    "boxed": (ANY, "{n: new Number(5)}", {"n": Colour.RED}, "$.n", "invalid_value"),
    "year beyond 9999": ("(function() local t = Time.now() t.micros = 1 << 62 return {t = t} end)()",
                         "{t: new Date(8.64e15)}", ANY, "$.t", "invalid_value"),
    "year before 1": ("(function() local t = Time.now() t.micros = -1 << 60 return {t = t} end)()",
                      "{t: new Date(-8.64e15)}", ANY, "$.t", "invalid_value"),
    "no moment": ("(function() local t = Time.now() t.micros = 'x' return {t = t} end)()",
                  "{t: new Date(NaN)}", {"t": dt.datetime(2026, 1, 1)}, "$.t",
                  "invalid_value"),
    "cycle": ("(function() local t = {} t.a = t return t end)()",
              "(() => { const o = {}; o.a = o; return o })()", cycle(), "$", "limit_exceeded"),
    "too deep": (lua_nested(129), js_nested(129), nested(129), "$", "limit_exceeded"),
    "too deep beside a date": (f"{{{lua_nested(128)}, Time.now()}}",
                               f"[{js_nested(128)}, new Date(0)]", [nested(128)], "$",
                               "limit_exceeded"),
    "endlessly deep": (lua_nested(100000), js_nested(100000), ANY, "$", "limit_exceeded"),
    "too large": ("('x'):rep(9 << 20)", "'x'.repeat(9 << 20)", "x" * (9 << 20), ANY,
                  "limit_exceeded"),
}  # fmt: skip


def by_lua(desk: Desk, source: str) -> LlmSpellError:
    return desk.fail("lua", f"\nlocal value = {source}\nState.save('global', 'k', value)", "")


def by_js(desk: Desk, source: str) -> LlmSpellError:
    return desk.fail(
        "js", "", f"\n{{ const value = {source};\nState.sync.save('global', 'k', value) }}"
    )


def by_python(desk: Desk, value: Any) -> LlmSpellError:
    with pytest.raises(LlmSpellError) as caught:
        desk.state.save("global", "k", value)
    return caught.value


CASES = [
    pytest.param(save, case[column], case[3], case[4], id=f"{language}-{name}")
    for name, case in REFUSED.items()
    for column, (language, save) in enumerate(
        [("lua", by_lua), ("js", by_js), ("python", by_python)]
    )
    if case[column] is not ANY
]


@pytest.mark.parametrize(("save", "value", "path", "code"), CASES)
def test_a_value_that_cannot_be_held_is_refused_with_its_path(
    open_desk: Callable[..., Desk],
    save: Callable[[Desk, Any], LlmSpellError],
    value: Any,
    path: str,
    code: str,
) -> None:
    desk = open_desk()
    error = save(desk, value)
    assert error.code == code
    assert path == ANY or path in error.details.get("path", error.message) or path == "$"
    assert error.hint or "timestamp" in error.message or "Date" in error.message
    if save is not by_python:
        assert error.message.startswith("State.save: ")
        assert getattr(error, "line", None) == 3
    assert desk.state.list_keys("global") == []


@pytest.mark.parametrize(
    "name", ["function in a map", "not a number", "number as key", "year beyond 9999"]
)
def test_a_refusal_never_shows_the_value(open_desk: Callable[..., Desk], name: str) -> None:
    desk = open_desk()
    error = desk.fail("lua", f"State.save('global', 'k', {{'secret', {REFUSED[name][0]}}})", "")
    assert "secret" not in str(error.to_dict() | {"source_line": ""})


def test_128_levels_are_fine_in_every_language(desk: Desk) -> None:
    desk.lua(f"State.save('global', 'lua', {lua_nested(128)})")
    desk.js(f"State.sync.save('global', 'js', {js_nested(128)}); 1")
    desk.state.save("global", "python", nested(128))
    for key in ("lua", "js", "python"):
        assert desk.state.load("global", key) == nested(128)
        assert desk.lua(f"return State.load('global', '{key}')") == nested(128)
        assert desk.js(f"return State.sync.load('global', '{key}')") == nested(128)


def test_null_and_timestamps_are_no_level_of_their_own(
    open_desk: Callable[..., Desk], engine: str
) -> None:
    desk = open_desk(limits=StateLimits(depth=2))
    desk.run(
        engine,
        "State.save('global', 'k', {{JSON.null, Time.from_unix(0)}})",
        "State.sync.save('global', 'k', [[null, new Date(0), new Uint8Array(1)]]); 1",
    )
    assert desk.state.load("global", "k")[0][0] is None


@pytest.mark.parametrize("depth", [1, 5, 256])
def test_the_depth_that_is_configured_holds_in_every_language(
    open_desk: Callable[..., Desk], depth: int
) -> None:
    desk = open_desk(limits=StateLimits(depth=depth))
    desk.lua(f"State.save('global', 'a', {lua_nested(depth)})")
    desk.js(f"State.sync.save('global', 'b', State.sync.load('global', 'a')); 1")  # noqa: F541
    desk.state.save("global", "c", nested(depth))
    assert desk.js("return State.sync.load('global', 'c')") == nested(depth)
    assert desk.lua("return State.load('global', 'b')") == nested(depth)
    for error in (
        desk.fail("lua", f"State.save('global', 'x', {lua_nested(depth + 1)})", ""),
        desk.fail("js", "", f"State.sync.save('global', 'x', {js_nested(depth + 1)})"),
        by_python(desk, nested(depth + 1)),
    ):
        assert error.code == "limit_exceeded"
        assert str(depth) in error.message


def test_the_size_that_is_configured_is_named_with_what_to_do(
    open_desk: Callable[..., Desk], engine: str
) -> None:
    desk = open_desk(limits=StateLimits(value_bytes=100))
    desk.state.save("global", "fits", "x" * 95)
    error = desk.fail(
        engine,
        "State.save('global', 'k', ('x'):rep(200))",
        "State.sync.save('global', 'k', 'x'.repeat(200))",
    )
    assert error.details["maximum"] == 100
    assert "limits.value_bytes" in str(error.hint)


def test_one_bad_value_of_many_refuses_all_and_names_its_key(desk: Desk, engine: str) -> None:
    error = desk.fail(
        engine,
        "State.save_many('global', {a = 1, b = print})",
        "State.sync.saveMany('global', {a: 1, b: print})",
    )
    assert error.details["path"] == "$.b"
    with pytest.raises(LlmSpellError, match="key 'b'"):
        desk.state.save_many("global", {"a": 1, "b": object()})
    assert desk.state.list_keys("global") == []
