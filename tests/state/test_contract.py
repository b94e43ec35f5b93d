"""Every function of the State table, in both languages, over both stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmspell_stdlib.state import STATE

from .conftest import Desk

# Function: Lua arguments, JavaScript arguments, what it returns. Run in order over SETUP.
SETUP: dict[str, dict[str, Any]] = {
    "global": {"a": 1, "b": [1, 2], "n": 5},
    "agent:x": {"mood": "good"},
    "workflow:w": {"step": 2},
    "tool:t": {"calls": 3},
}
RESULTS: dict[str, tuple[str, str, Any]] = {
    "load": ("'global', 'b'", "'global', 'b'", [1, 2]),
    "get": ("'a'", "'a'", 1),
    "load_many": (
        "'global', {'a', 'zz', 'b'}",
        "'global', ['a', 'zz', 'b']",
        {"a": 1, "b": [1, 2]},
    ),
    "key_exists": ("'global', 'a'", "'global', 'a'", True),
    "scope_exists": ("'agent:y'", "'agent:y'", False),
    "list_keys": ("'global', {prefix = 'a'}", "'global', {prefix: 'a'}", ["a"]),
    "list": ("{after = 'a', limit = 1}", "{after: 'a', limit: 1}", ["b"]),
    "list_scopes": ("'agent'", "'agent'", ["agent:x"]),
    "agent_get": ("'x', 'mood'", "'x', 'mood'", "good"),
    "workflow_get": ("'w', 'none', 7", "'w', 'none', 7", 7),
    "workflow_list": ("'w'", "'w'", ["step"]),
    "tool_get": ("'t', 'calls'", "'t', 'calls'", 3),
    "increment": ("'global', 'n', 2.5", "'global', 'n', 2.5", 7.5),
    "update": ("'global', 'n', function(v) return v + 1 end", "'global', 'n', (v) => v + 1", 8.5),
    "delete": ("'global', 'a'", "'global', 'a'", True),
    "clear": ("'global'", "'global'", 2),
    "transaction": (
        "function(tx) return tx.load('global', 'n') end",
        "(tx) => tx.load('global', 'n')",
        5,
    ),
    "lock": (
        "'global', 'n', {wait = 0}, function() return 'held' end",
        "'global', 'n', {wait: 0}, () => 'held'",
        "held",
    ),
    "list_checkpoints": ("", "", []),
    "delete_checkpoint": ("'none'", "'none'", False),
    "unwatch": ("99", "99", False),
    "poll": ("0", "", 0),
}
# What these return depends on what was done before; they have files of their own.
ELSEWHERE = ["history", "load_version", "revert", "diff", "checkpoint", "rollback", "watch"]
ELSEWHERE += ["migrate", "get_migration_status", "get_schema_versions"]
ELSEWHERE += ["create_backup", "list_backups", "validate_backup", "restore_backup"]
ELSEWHERE += ["cleanup_backups", "get_storage_usage"]
METADATA = ["save", "save_fast", "set", "agent_set", "tool_set", "get_metadata"]
SAVES = {
    "save": ("'global', 'k', 1", "global", "standard"),
    "save_fast": ("'global', 'k', 1", "global", "trusted"),
    "set": ("'k', 1", "global", "standard"),
    "agent_set": ("'x', 'k', 1", "agent:x", "standard"),
    "tool_set": ("'x', 'k', 1", "tool:x", "standard"),
}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def forms(engine: str, name: str) -> list[str]:
    """Return every way a script of that language writes a call of the function."""
    if engine == "lua":
        return [f"return State.{name}(%s)"]
    names = dict.fromkeys([camel(name), name])
    return [f"return {how}.{each}(%s)" for each in names for how in ("State.sync", "await State")]


def prepare(desk: Desk) -> None:
    for scope in desk.state.list_scopes():
        desk.state.clear(scope)
    for scope, members in SETUP.items():
        desk.state.save_many(scope, members)


def test_every_function_is_tried_here() -> None:
    declared = {function.name for function in STATE.functions if not function.internal}
    assert declared == {*RESULTS, *METADATA, *ELSEWHERE, "save_many", "get_stats"}


@pytest.mark.parametrize("name", RESULTS)
def test_a_function_returns_what_it_says_in_every_form(desk: Desk, engine: str, name: str) -> None:
    in_lua, in_js, expected = RESULTS[name]
    for form in forms(engine, name):
        prepare(desk)
        if name == "update":
            desk.state.save("global", "n", 7.5)
        elif name == "clear":
            desk.state.delete("global", "a")
        assert desk.run(engine, form % in_lua, form % in_js) == expected


@pytest.mark.parametrize("name", SAVES)
def test_a_save_returns_metadata_and_stores(desk: Desk, engine: str, name: str) -> None:
    arguments, scope, state_class = SAVES[name]
    for version, form in enumerate(forms(engine, name), 1):
        found = desk.run(engine, form % arguments, form % arguments)
        assert found["version"] == version
        assert found["class"] == state_class
        assert found["encrypted"] is False
        assert desk.state.load(scope, "k") == 1


def test_metadata_is_the_same_from_every_side(desk: Desk, engine: str) -> None:
    saved = desk.run(
        engine,
        "return State.save('global', 'k', 'v', {schema_version = 3, class = 'trusted'})",
        "return State.sync.save('global', 'k', 'v', {schema_version: 3, class: 'trusted'})",
    )
    loaded = desk.run(
        engine,
        "return State.get_metadata('global', 'k')",
        "return State.sync.getMetadata('global', 'k')",
    )
    known = desk.state.get_metadata("global", "k")
    assert known is not None
    expected = known.to_dict()
    if engine == "js":
        # A Date made of a record holds milliseconds.
        for name in ("created_at", "updated_at"):
            moment = expected[name]
            expected[name] = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    else:
        expected = {name: value for name, value in expected.items() if value is not None}
    assert saved == loaded == expected
    assert (saved["schema_version"], saved["class"], saved["version"]) == (3, "trusted", 1)


def test_metadata_of_nothing_is_nothing(desk: Desk, engine: str) -> None:
    script = "State.get_metadata('global', 'none')"
    assert desk.run(engine, f"return {script}", f"return await {script}") is None


def test_save_many_returns_metadata_by_key(desk: Desk, engine: str) -> None:
    found = desk.run(
        engine,
        "return State.save_many('global', {a = 1, b = {2}})",
        "return await State.saveMany('global', {a: 1, b: [2]})",
    )
    assert {key: facts["version"] for key, facts in found.items()} == {"a": 1, "b": 1}
    assert desk.state.load_many("global", ["a", "b"]) == {"a": 1, "b": [2]}
    empty = desk.run(
        engine, "return State.save_many('global', {})", "return State.sync.saveMany('global', {})"
    )
    assert empty == {}


def test_load_many_of_nothing_is_an_empty_map(desk: Desk, engine: str) -> None:
    script = ("return State.load_many('global', {})", "return State.sync.loadMany('global', [])")
    assert desk.run(engine, *script) == {}


def test_get_stats_tells_backend_entries_and_cache(desk: Desk, engine: str) -> None:
    desk.state.save("global", "k", 1)
    stats = desk.run(engine, "return State.get_stats()", "return State.sync.getStats()")
    assert stats["backend"] == desk.backend
    assert stats["entries"] == 1
    assert {"hits", "misses", "bytes"} <= set(stats["cache"])


def test_the_default_is_for_what_is_not_there_not_for_null(desk: Desk, engine: str) -> None:
    desk.state.save("global", "null", None)
    value = desk.run(
        engine,
        "return {State.load('global', 'none', 'd'), tostring(State.load('global', 'null', 'd')),"
        " State.load('global', 'none') == nil, State.load('global', 'none', {a = {1}})}",
        "return [State.sync.load('global', 'none', 'd'), String(State.sync.load('global', 'null',"
        " 'd')), State.sync.load('global', 'none') === null,"
        " State.sync.load('global', 'none', {a: [1]})]",
    )
    assert value == ["d", "nil" if engine == "lua" else "null", True, {"a": [1]}]


def test_if_version_saves_only_on_the_version_it_names(desk: Desk, engine: str) -> None:
    def save(version: int) -> tuple[str, str]:
        return (
            f"State.save('global', 'k', {version}, {{if_version = {version}}})",
            f"State.sync.save('global', 'k', {version}, {{if_version: {version}}})",
        )

    desk.run(engine, *save(0))
    desk.run(engine, *save(1))
    error = desk.fail(engine, *save(1))
    assert error.code == "version_conflict"
    assert (error.details["expected"], error.details["actual"]) == (1, 2)
    assert desk.fail(engine, *save(0)).code == "version_conflict"
    assert desk.state.load("global", "k") == 1


def test_scopes_may_be_written_in_either_form(desk: Desk, engine: str) -> None:
    desk.run(
        engine,
        "State.save('step:w:one', 'k', 1) State.save('custom:user:42', 'k', 2)",
        "State.sync.save('step:w:one', 'k', 1); State.sync.save('custom:user:42', 'k', 2); 1",
    )
    assert desk.state.load("workflow:w:step:one", "k") == 1
    assert desk.state.load("user:42", "k") == 2
    assert desk.state.list_scopes() == ["user:42", "workflow:w:step:one"]


def test_pages_of_keys_cover_all_in_code_point_order(desk: Desk, engine: str) -> None:
    keys = ["Z", "a", "a%b", "a_b", "aab", "é", "😀", "\uffee"]
    desk.state.save_many("global", dict.fromkeys(keys, 1))
    pages = desk.run(
        engine,
        "local all, after = {}, nil repeat local page = State.list_keys('global', {after = after,"
        " limit = 3}) for _, k in ipairs(page) do all[#all + 1] = k end after = page[#page]"
        " until #page < 3 return all",
        "const all = []; let after, page; do { page = State.sync.listKeys('global', {after,"
        " limit: 3}); all.push(...page); after = page[page.length - 1] } while (page.length === 3);"
        " return all",
    )
    assert pages == sorted(keys)
    assert desk.run(
        engine,
        "return State.list_keys('global', {prefix = 'a_'})",
        "return State.sync.listKeys('global', {prefix: 'a_'})",
    ) == ["a_b"]


def test_what_a_script_loads_is_its_own_copy(desk: Desk, engine: str) -> None:
    value = desk.run(
        engine,
        "State.save('global', 'k', {a = {1}}) local v = State.load('global', 'k') v.a[1] = 'changed'"
        " return {State.load('global', 'k').a[1], State.load('global', 'k').a[1]}",
        "State.sync.save('global', 'k', {a: [1]}); const v = State.sync.load('global', 'k');"
        " v.a[0] = 'changed'; return [State.sync.load('global', 'k').a[0],"
        " State.sync.load('global', 'k').a[0]]",
    )
    assert value == [1, 1]


def test_a_script_changing_what_it_saved_changes_nothing_stored(desk: Desk, engine: str) -> None:
    desk.run(
        engine,
        "local v = {1} State.save('global', 'k', v) v[1] = 2",
        "const v = [1]; State.sync.save('global', 'k', v); v[0] = 2",
    )
    assert desk.state.load("global", "k") == [1]


# Misuse ------------------------------------------------------------------------------------------

MISUSE: dict[str, list[tuple[str, str, str]]] = {
    # function: (Lua arguments, JavaScript arguments, what the message must contain)
    "save": [
        ("", "", "argument 'scope' is missing"),
        ("'g'", "'g'", "argument 'key' is missing"),
        ("'g', 'k'", "'g', 'k'", "argument 'value' is missing"),
        ("5, 'k', 1", "5, 'k', 1", "'scope' must be text, not an integer"),
        ("'g', {}, 1", "'g', {}, 1", "'key' must be text, not a map"),
        ("nil, 'k', 1", "null, 'k', 1", "'scope' must be text, not null"),
        ("'g', 'k', 1, 5", "'g', 'k', 1, 5", "'options' must be a map, not an integer"),
        ("'g', 'k', 1, {ttll = 5}", "'g', 'k', 1, {ttll: 5}", "unknown option 'ttll'"),
        ("'g', 'k', 1, {if_version = 'x'}", "'g', 'k', 1, {if_version: 'x'}",
         "'if_version' must be an integer, not text"),
        ("'g', 'k', 1, {if_version = 1.5}", "'g', 'k', 1, {if_version: 1.5}",
         "'if_version' must be an integer, not a float"),
        ("'g', 'k', 1, {if_version = -1}", "'g', 'k', 1, {if_version: -1}", "'if_version'"),
        ("'g', 'k', 1, {schema_version = 0}", "'g', 'k', 1, {schema_version: 0}",
         "'schema_version'"),
        ("'g', 'k', 1, {class = 'standrad'}", "'g', 'k', 1, {class: 'standrad'}",
         "unknown state class 'standrad'"),
        ("'g', 'k', 1, {}, 6", "'g', 'k', 1, {}, 6", "5 arguments, but it takes at most 4"),
        ("'', 'k', 1", "'', 'k', 1", "the scope is empty"),
        ("'agent:', 'k', 1", "'agent:', 'k', 1", "no id after the colon"),
        ("'g', '', 1", "'g', '', 1", "the key is empty"),
        ("'g', 'a\\nb', 1", "'g', 'a\\nb', 1", "control character at position 2"),
        ("'g', ('k'):rep(1025), 1", "'g', 'k'.repeat(1025), 1", "1025 bytes"),
        ("('s'):rep(257), 'k', 1", "'s'.repeat(257), 'k', 1", "257 bytes"),
        ("print, 'k', 1", "print, 'k', 1", "'scope' is a function"),
    ],
    "load": [
        ("", "", "argument 'scope' is missing"),
        ("'g'", "'g'", "argument 'key' is missing"),
        ("true, 'k'", "true, 'k'", "'scope' must be text, not a boolean"),
        ("'g', 1", "'g', 1", "'key' must be text, not an integer"),
        ("'g', 1.5", "'g', 1.5", "'key' must be text, not a float"),
        ("'g', nil", "'g', null", "'key' must be text, not null"),
        ("'g', 'k', 1, 2", "'g', 'k', 1, 2", "4 arguments, but it takes at most 3"),
        ("'g', 'k', print", "'g', 'k', print", "'default' is a function"),
        ("'workflow:', 'k'", "'workflow:', 'k'", "no id after the colon"),
        ("'g', {1, 2}", "'g', [1, 2]", "'key' must be text, not a list"),
        ("'g', ('é'):rep(600)", "'g', 'é'.repeat(600)", "1200 bytes"),
    ],
    "update": [
        ("", "", "'fn' must be a function"),
        ("'g', 'k'", "'g', 'k'", "'fn' must be a function"),
        ("'g', 'k', 5", "'g', 'k', 5", "'fn' must be a function"),
        ("5, 'k', f", "5, 'k', f", "'scope' must be text, not an integer"),
        ("'g', nil, f", "'g', null, f", "'key' must be text"),
        ("'g', '', f", "'g', '', f", "the key is empty"),
        ("'agent:', 'k', f", "'agent:', 'k', f", "no id after the colon"),
        ("'g', 'k', f, 1, 2", "'g', 'k', f, 1, 2", "5 arguments, but it takes at most 4"),
        ("'g', 'k', function() end", "'g', 'k', () => {}", "returned nothing"),
        ("'g', 'k', function() return print end", "'g', 'k', () => print", "is a function"),
        ("'g', 'k', function() return 0/0 end", "'g', 'k', () => NaN", "NaN"),
        ("f, 'g', 'k'", "f, 'g', 'k'", "'fn' must be a function"),
    ],
    "increment": [
        ("", "", "argument 'scope' is missing"),
        ("'g'", "'g'", "argument 'key' is missing"),
        ("'g', 'n', '1'", "'g', 'n', '1'", "'by' must be a number, not text"),
        ("'g', 'n', true", "'g', 'n', true", "'by' must be a number, not a boolean"),
        ("'g', 'n', {}", "'g', 'n', {}", "'by' must be a number, not a map"),
        ("'g', 'n', 0/0", "'g', 'n', NaN", "NaN"),
        ("'g', 'n', 1/0", "'g', 'n', Infinity", "infinite"),
        ("'g', 'text'", "'g', 'text'", "is not a number"),
        ("'g', 'big'", "'g', 'big'", "beyond 64 bits"),
        ("'g', 'n', 1, 2", "'g', 'n', 1, 2", "4 arguments, but it takes at most 3"),
        ("'g', 'bool'", "'g', 'bool'", "is not a number"),
        ("'g', 'huge', 1.7e308", "'g', 'huge', 1.7e308", "finite"),
    ],
    "list_keys": [
        ("", "", "argument 'scope' is missing"),
        ("5", "5", "'scope' must be text"),
        ("'g', 'prefix'", "'g', 'prefix'", "'options' must be a map, not text"),
        ("'g', {limt = 1}", "'g', {limt: 1}", "unknown option 'limt'"),
        ("'g', {limit = 'x'}", "'g', {limit: 'x'}", "'limit' must be an integer, not text"),
        ("'g', {limit = 1.5}", "'g', {limit: 1.5}", "'limit' must be an integer, not a float"),
        ("'g', {limit = -1}", "'g', {limit: -1}", "'limit'"),
        ("'g', {prefix = 5}", "'g', {prefix: 5}", "'prefix' must be text, not an integer"),
        ("'g', {after = {}}", "'g', {after: {}}", "'after' must be text, not a map"),
        ("'g', {}, 1", "'g', {}, 1", "3 arguments, but it takes at most 2"),
        ("'agent:'", "'agent:'", "no id after the colon"),
        ("'g', {prefix = print}", "'g', {prefix: print}", "is a function"),
    ],
    "save_many": [
        ("", "", "argument 'scope' is missing"),
        ("'g'", "'g'", "argument 'values' is missing"),
        ("'g', 5", "'g', 5", "'values' must be a map, not an integer"),
        ("'g', {1, 2}", "'g', [1, 2]", "'values' must be a map, not a list"),
        ("'g', 'x'", "'g', 'x'", "'values' must be a map, not text"),
        ("'g', {[''] = 1}", "'g', {'': 1}", "the key is empty"),
        ("'g', {a = 1, ['b\\n'] = 2}", "'g', {a: 1, 'b\\n': 2}", "control character"),
        ("'g', {a = print}", "'g', {a: print}", "$.a is a function"),
        ("'g', {a = {b = 0/0}}", "'g', {a: {b: NaN}}", "$.a.b is NaN"),
        ("'g', {a = ('x'):rep(9 << 20)}", "'g', {a: 'x'.repeat(9 << 20)}", "key 'a': the value"),
        ("'g', {a = 1}, 2", "'g', {a: 1}, 2", "3 arguments, but it takes at most 2"),
        ("'agent:', {a = 1}", "'agent:', {a: 1}", "no id after the colon"),
    ],
    "load_many": [
        ("'g', 'k'", "'g', 'k'", "'keys' must be a list of text, not text"),
        ("'g', {1}", "'g', [1]", "every item of 'keys' must be text"),
        ("'g', {''}", "'g', ['']", "the key is empty"),
        ("'g', {a = 1}", "'g', {a: 1}", "'keys' must be a list of text, not a map"),
    ],
    "list_scopes": [("5", "5", "'prefix' must be text"), ("'a', 'b'", "'a', 'b'", "2 arguments")],
    "agent_get": [("", "", "argument 'id' is missing"), ("'', 'k'", "'', 'k'", "no id")],
    "get_stats": [("1", "1", "1 argument, but it takes at most 0")],
    "delete": [("'g'", "'g'", "argument 'key' is missing")],
    "clear": [("", "", "argument 'scope' is missing"), ("'agent:'", "'agent:'", "no id")],
}  # fmt: skip
CASES = [(name, *case) for name, cases in MISUSE.items() for case in cases]


@pytest.mark.parametrize(("name", "in_lua", "in_js", "message"), CASES)
def test_misuse_names_function_and_parameter_and_stores_nothing(
    open_desk: Callable[..., Desk], engine: str, name: str, in_lua: str, in_js: str, message: str
) -> None:
    desk = open_desk()
    before = {"text": "t", "big": 2**63 - 1, "bool": True, "huge": 1.7e308}
    desk.state.save_many("g", before)
    error = desk.fail(
        engine,
        f"local f = function() return 1 end\nState.{name}({in_lua})",
        f"const f = () => 1;\nState.sync.{camel(name)}({in_js})",
    )
    assert message in error.message
    assert error.message.startswith((f"State.{name}", f"State.{camel(name)}"))
    assert error.line == 2
    assert error.code in ("invalid_argument", "invalid_value", "invalid_scope", "invalid_key",
                          "limit_exceeded")  # fmt: skip
    assert {key: desk.state.load("g", key) for key in desk.state.list_keys("g")} == before


def test_a_mistyped_option_is_told_the_right_one(desk: Desk, engine: str) -> None:
    error = desk.fail(
        engine,
        "State.list_keys('g', {prefx = 'a'})",
        "State.sync.listKeys('g', {prefx: 'a'})",
    )
    assert error.hint == "did you mean 'prefix'?"


def test_very_many_arguments_are_refused_quickly(desk: Desk, engine: str) -> None:
    error = desk.fail(
        engine,
        "State.save(table.unpack({}, 1, 100000))",
        "State.sync.save(...new Array(20000).fill(1))",
    )
    assert error.code == "invalid_argument"
    assert "arguments" in error.message


def test_promised_calls_reject_with_the_same_error(desk: Desk) -> None:
    for form in ("await State.save('g')", "State.save('g')"):
        error = desk.fail("js", "", f"1;\n{form}")
        assert "argument 'key' is missing" in error.message
        assert error.line == 2
