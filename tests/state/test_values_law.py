"""The law of values: what one language saves, every other loads, equal as it sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from .conftest import Desk
from .seen import JS, LUA, SAFE, as_seen_by, fingerprint, values

LANGUAGES = ["lua", "js", "python"]
law = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("law")
    desk = Desk(request.param, folder)
    desk.lua(LUA)
    desk.js(JS)
    yield desk
    desk.close()


def carry(desk: Desk, language: str, source: str, target: str) -> None:
    """Load in a language and save again."""
    if language == "python":
        desk.state.save("global", target, desk.state.load("global", source))
    else:
        desk.sandbox(language).call("carry", source, target)


def seen_in(desk: Desk, language: str, key: str) -> str:
    """Return what a language says it loads."""
    if language == "python":
        return fingerprint(desk.state.load("global", key))
    return str(desk.sandbox(language).call("load_print", key))


@pytest.mark.parametrize("reader", LANGUAGES)
@pytest.mark.parametrize("writer", LANGUAGES)
@law
@given(value=values)
@example(value={"a": None, "b": [None, {}, [], b"ok", b"\xff", 1.0, -0.0, SAFE + 1]})
@example(value={"__proto__": {"then": [1]}, "toJSON": "x", "": 0})
def test_what_one_saves_another_loads(desk: Desk, writer: str, reader: str, value: Any) -> None:
    desk.state.save("global", "given", value)
    carry(desk, writer, "given", "written")
    expected = as_seen_by(writer, value)
    assert seen_in(desk, reader, "written") == fingerprint(
        as_seen_by(reader, expected), language=reader
    )
    carry(desk, reader, "written", "back")
    assert fingerprint(desk.state.load("global", "back")) == fingerprint(
        as_seen_by(reader, expected)
    )


@pytest.mark.parametrize(
    "value",
    [
        1,
        1.0,
        -0.0,
        SAFE,
        2**63 - 1,
        -(2**63),
        2.0**53,
        [],
        {},
        [[], {}],
        {"a": [], "b": {}},
        [None, 1, None],
        b"\xff\x00",
        "text",
        1.5e300,
    ],
)
def test_lua_holds_these_exactly(desk: Desk, value: Any) -> None:
    desk.state.save("global", "given", value)
    carry(desk, "lua", "given", "back")
    assert fingerprint(desk.state.load("global", "back")) == fingerprint(value)


@pytest.mark.parametrize(
    "value",
    [
        1,
        -0.0,
        0.5,
        SAFE + 1,
        2**63 - 1,
        -(2**63),
        2.0**53,
        [],
        {},
        {"a": None},
        b"ok",
        "ok",
        [None],
    ],
)
def test_javascript_holds_these_exactly(desk: Desk, value: Any) -> None:
    desk.state.save("global", "given", value)
    carry(desk, "js", "given", "back")
    assert fingerprint(desk.state.load("global", "back")) == fingerprint(value)


def test_numbers_beyond_exact_ones_are_bigints_in_javascript(desk: Desk) -> None:
    desk.state.save("global", "n", [SAFE, SAFE + 1, -SAFE - 1])
    assert desk.js("State.sync.load('global', 'n').map((n) => typeof n)") == [
        "number",
        "bigint",
        "bigint",
    ]


def test_a_date_that_a_script_moved_loses_its_microseconds(desk: Desk) -> None:
    desk.lua("State.save('global', 't', Time.from_micros(1234567))")
    desk.js(
        "const t = State.sync.load('global', 't'); State.sync.save('global', 'same', t);"
        "t.setTime(5); State.sync.save('global', 'moved', t); 1"
    )
    assert desk.state.load("global", "same").microsecond == 234567
    assert desk.state.load("global", "moved").microsecond == 5000


def test_a_list_stays_a_list_when_lua_takes_its_items_away(desk: Desk) -> None:
    desk.state.save("global", "list", [1])
    desk.lua("local l = State.load('global', 'list') l[1] = nil State.save('global', 'list', l)")
    assert desk.state.load("global", "list") == []


def test_javascript_drops_members_that_are_undefined(desk: Desk) -> None:
    desk.js("State.sync.save('global', 'k', {a: undefined, b: 1}); 1")
    assert desk.state.load("global", "k") == {"b": 1}
