"""Text of every kind as values, keys and scopes; ropes; members whose names mean something."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Desk

ODD_TEXTS = [
    "\0",
    "a\0b",
    "😀",
    "e\u0301",
    "\u202eשלום",
    "\u2028\u2029",
    "\x7f\x80\x9f",
    "~",
    "!",
    "=",
    '~["l"]',
    "]]",
    "\\u0000",
    '"\\',
    "\r\n\t\b\f",
    "\ufeff",
    "\U0010ffff",
    "x" * 70000,
]
ODD_NAMES = [
    "__proto__",
    "constructor",
    "prototype",
    "then",
    "toJSON",
    "valueOf",
    "hasOwnProperty",
    "length",
    "0",
    "-1",
    "end",
    'q"uote',
    "back\\slash",
    "new\nline",
    "",
    " ",
    "😀",
    "micros",
    "k" * 1000,
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_every_text_passes_through_scripts_unchanged(desk: Desk, engine: str, text: str) -> None:
    literal = json.dumps(text)
    in_lua = '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'
    desk.run(
        engine,
        f"State.save('global', 'k', {{{in_lua}, State.load('global', 'k')}})",
        f"State.sync.save('global', 'k', [{literal}, State.sync.load('global', 'k')]); 1",
    )
    assert desk.state.load("global", "k")[0] == text
    same = desk.run(
        engine,
        f"return State.load('global', 'k')[1] == {in_lua}",
        f"return State.sync.load('global', 'k')[0] === {literal}",
    )
    assert same is True


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("value", [1, {"x": [1]}, b"\xff"])
def test_every_name_is_an_ordinary_member(desk: Desk, engine: str, name: str, value: Any) -> None:
    desk.state.save("global", "in", {name: value})
    desk.run(
        engine,
        "State.save('global', 'out', State.load('global', 'in'))",
        "State.sync.save('global', 'out', State.sync.load('global', 'in')); 1",
    )
    assert desk.state.load("global", "out") == {name: value}


def test_text_of_eight_mebibytes_fits_in_both_languages(desk: Desk, engine: str) -> None:
    size = 8 * 1024 * 1024 - 5
    desk.run(
        engine,
        f"State.save('global', 'k', ('é'):rep({size // 2}))",
        f"State.sync.save('global', 'k', 'é'.repeat({size // 2})); 1",
    )
    length = desk.run(
        engine, "return #State.load('global', 'k')", "return State.sync.load('global', 'k').length"
    )
    assert length == (size // 2 * 2 if engine == "lua" else size // 2)


def test_large_lists_and_maps_pass(desk: Desk, engine: str) -> None:
    desk.run(
        engine,
        "local l, m = {}, {} for i = 1, 100000 do l[i] = 'v' .. i m['k' .. i] = i end\n"
        "State.save('global', 'list', l) State.save('global', 'map', m)",
        "{ const l = [], m = {}; for (let i = 1; i <= 100000; i++) { l.push('v' + i);"
        " m['k' + i] = i } State.sync.save('global', 'list', l); State.sync.save('global', 'map', m) }"
        " 1",
    )
    count = desk.run(
        engine,
        "local n = 0 for _ in pairs(State.load('global', 'map')) do n = n + 1 end\n"
        "return {#State.load('global', 'list'), n}",
        "return [State.sync.load('global', 'list').length,"
        " Object.keys(State.sync.load('global', 'map')).length]",
    )
    assert count == [100000, 100000]


@pytest.mark.parametrize("length", [10, 300, 9000])
def test_ropes_of_javascript_pass_as_values_members_keys_and_scopes(
    desk: Desk, length: int
) -> None:
    desk.js(
        f"""
        let rope = 'é';
        for (let i = 0; i < {length}; i++) rope = rope + 'x';
        const short = ('s' + rope).slice(0, 100) + 'end', odd = -0;
        State.sync.save('user:' + short, 'key' + short, {{[rope + 'm']: rope + 'v', odd}});
        State.sync.save('user:' + short, 'plain' + short, rope + 'v');
        print(rope + 'printed'); 1"""
    )
    [scope] = desk.state.list_scopes()
    assert scope.startswith("user:s")
    keys = desk.state.list_keys(scope)
    assert [key[:3] for key in keys] == ["key", "pla"]
    rope = "é" + "x" * length
    assert desk.state.load(scope, keys[0])[rope + "m"] == rope + "v"
    assert desk.state.load(scope, keys[1]) == rope + "v"


def test_errors_with_ropes_and_surrogates_arrive(desk: Desk) -> None:
    error = desk.fail(
        "js", "", "let r = 'x'; for (let i = 0; i < 500; i++) r += 'y'; throw Error(r)"
    )
    assert len(error.message) == 501
    error = desk.fail("js", "", "State.sync.save('a' + '\\ud800', 'k', 1)")
    assert error.code == "invalid_value"
    assert error.details["parameter"] == "scope"


def test_bytes_of_lua_that_are_no_text_are_bytes_everywhere(desk: Desk) -> None:
    desk.lua("State.save('global', 'k', {'\\0\\255', '\\237\\160\\128', 'ok'})")
    assert desk.state.load("global", "k") == [b"\x00\xff", b"\xed\xa0\x80", "ok"]
    assert desk.js("State.sync.load('global', 'k').map((v) => v.constructor.name)") == [
        "Uint8Array",
        "Uint8Array",
        "String",
    ]


def test_an_array_buffer_is_bytes(desk: Desk) -> None:
    desk.js("State.sync.save('global', 'k', new Uint8Array([1, 2]).buffer); 1")
    assert desk.state.load("global", "k") == b"\1\2"


def test_an_empty_table_of_lua_is_a_map_unless_marked(desk: Desk) -> None:
    desk.lua("State.save('global', 'k', {{}, JSON.array(), JSON.array{}, {a = {}}})")
    assert desk.state.load("global", "k") == [{}, [], [], {"a": {}}]


def test_null_in_lists_keeps_its_place_in_lua(desk: Desk) -> None:
    desk.state.save("global", "k", [None, 1, None])
    value = desk.lua(
        "local l = State.load('global', 'k') return {#l, l[1] == JSON.null, tostring(l[3])}"
    )
    assert value == [3, True, "null"]
