"""Functions ``(value, config)`` in Lua and JavaScript files."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from llmspell.errors import SchemaError, ScriptError, ScriptLimitExceeded
from llmspell.script_function import ScriptFunction
from state.seen import SAFE, as_seen_by, fingerprint, values

LANGUAGES = ["lua", "js"]
SEVERAL = {
    "lua": """
      local words = require "words"
      local called = 0
      return {
        same = function(value) return value end,
        both = function(value, config) return { value = value, config = config } end,
        to_level = function(value, config)
          if value then return config.on or words.on end
          return config.off or words.off
        end,
        count = function() called = called + 1 return called end,
        change = function(value, config)
          value.list[1], value.more, config.x = "changed", 1, 2
          return value
        end,
        fail = function() error({ code = "odd", message = "hunter2" }) end,
        number = function() error(42) end,
        maker = function() return function() end end,
        state = function() return State.load("global", "k") end,
        absent = function() return require "none" end,
        forgetful = function(value) value = value end,
        null = function() return nil end,
        limit = 5,
      }
    """,
    "js": """
      const words = require("./words");
      let called = 0;
      module.exports = {
        same: (value) => value,
        both: (value, config) => ({ value, config }),
        to_level(value, { on = this.words().on, off = this.words().off }) { return value ? on : off; },
        words: () => words,
        count: () => ++called,
        change(value, config) {
          value.list[0] = "changed"; value.more = 1; config.x = 2;
          return value;
        },
        fail() { throw Object.assign(new Error("hunter2"), { code: "odd" }); },
        number() { throw 42; },
        maker: () => () => 1,
        state: () => State.load("global", "k"),
        absent: () => require("./none"),
        forgetful(value) { value = value; },
        null: () => null,
        waits: () => Promise.reject(new Error("late")),
        later: async (value) => value,
        limit: 5,
      };
    """,
}


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def file(language: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("functions")
    (folder / "words.json").write_text('{"on": "high", "off": "low"}')
    script = folder / f"levels.{language}"
    script.write_text(SEVERAL[language])
    return script


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


ONE = {
    "lua": "return function(value, config) return value * config.by end",
    "js": "module.exports = (value, config) => value * config.by;",
}


def test_a_file_may_give_one_function(language: str, tmp_path: Path) -> None:
    times = ScriptFunction(write(tmp_path, f"times.{language}", ONE[language]))
    assert times(21, {"by": 2}) == 42


def test_a_file_may_give_several_functions_and_the_name_picks_one(file: Path) -> None:
    to_level = ScriptFunction(file, "to_level")
    assert to_level(True, {"on": "loud"}) == "loud"
    assert to_level(False, {"on": "loud"}) == "low"


def test_what_it_keeps_lasts_from_call_to_call(file: Path) -> None:
    count = ScriptFunction(file, "count")
    assert [count(0, {}), count(0, {}), ScriptFunction(file, "count")(0, {})] == [1, 2, 1]


def test_each_thread_has_a_sandbox_of_its_own(file: Path) -> None:
    count, told = ScriptFunction(file, "count"), []
    count(0, {})
    thread = threading.Thread(target=lambda: told.append(count(0, {})))
    thread.start()
    thread.join()
    assert told == [1]
    assert count(0, {}) == 2


# Values ---------------------------------------------------------------------------------------


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(value=values, other=values)
@example(value=[None, [], {}, [None]], other={"a": [], "b": {}, "c": [None, None]})
@example(value=[SAFE + 1, 2**63 - 1, -(2**63), 2.0**53, -0.0], other=b"\xff\x00")
@example(
    value=dt.datetime(2024, 2, 29, 1, 2, 3, 456789, dt.UTC),
    other=dt.datetime.max.replace(tzinfo=dt.UTC),
)
def test_values_cross_both_ways_as_everywhere_in_the_language(
    both: ScriptFunction, language: str, value: Any, other: Any
) -> None:
    result = both(value, {"config": other})
    expected = {"value": value, "config": {"config": other}}
    assert fingerprint(result) == fingerprint(as_seen_by(language, expected))


@pytest.fixture(scope="module")
def both(file: Path) -> ScriptFunction:
    return ScriptFunction(file, "both")


def test_changing_an_argument_changes_the_function_s_copy_only(file: Path) -> None:
    value, config = {"list": [1, 2]}, {"x": 1}
    assert ScriptFunction(file, "change")(value, config) == {"list": ["changed", 2], "more": 1}
    assert (value, config) == ({"list": [1, 2]}, {"x": 1})


def test_the_value_is_canonical_and_the_caller_s_own(file: Path) -> None:
    given = {"list": [1]}
    result = ScriptFunction(file, "same")(given, {})
    assert result == given
    assert result is not given
    assert result["list"] is not given["list"]


# What goes wrong at a call ----------------------------------------------------------------------


GREEDY = {
    "lua": """
      local calls = 0
      return function(value)
        calls = calls + 1
        while value == "endless" do pcall(error) end
        local kept = {}
        while value == "large" do kept[#kept + 1] = ("x"):rep(1e6) .. #kept end
        return calls
      end
    """,
    "js": """
      let calls = 0;
      module.exports = (value) => {
        calls += 1;
        while (value === "endless") try { throw 1; } catch {}
        const kept = [];
        while (value === "large") kept.push("x".repeat(1e6) + kept.length);
        return calls;
      };
    """,
}


def test_what_a_file_does_to_its_globals_runs_in_no_other_call(tmp_path: Path) -> None:
    body = """
      return function(value)
        __llmspell_function = nil
        setmetatable(_G, { __index = function() while true do end end })
        return value
      end
    """
    function = ScriptFunction(write(tmp_path, "a.lua", body))
    assert function(1, {}) == 1
    with pytest.raises(ScriptError, match="defines no function"):
        function(1, {})


@pytest.mark.parametrize(("value", "limit"), [("endless", "timeout_s"), ("large", "memory_bytes")])
def test_a_call_that_takes_too_much_is_ended_and_the_next_one_starts_anew(
    language: str, tmp_path: Path, value: str, limit: str
) -> None:
    function = ScriptFunction(write(tmp_path, f"a.{language}", GREEDY[language]))
    assert [function(0, {}), function(0, {})] == [1, 2]
    with pytest.raises(ScriptLimitExceeded) as caught:
        function(value, {})
    assert caught.value.details["limit"] == limit
    assert Path(str(caught.value.file)).name == f"a.{language}"
    assert function(0, {}) == 1


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("fail", "odd", "hunter2"),
        ("number", "script_error", "42"),
        ("maker", "invalid_value", "is a function, which cannot be stored"),
        ("state", "script_error", "State"),
        ("absent", "module_not_found", "none"),
    ],
)
def test_a_call_that_fails_is_a_script_error_of_its_file(
    file: Path, name: str, code: str, message: str
) -> None:
    function = ScriptFunction(file, name)
    with pytest.raises(ScriptError) as caught:
        function({"a": 1}, {})
    error = caught.value
    assert error.code == code
    assert message in error.message
    assert Path(str(error.file)).name == file.name
    assert all("<" not in frame.file for frame in error.frames)
    assert ScriptFunction(file, "same")(1, {}) == 1


def test_an_error_tells_the_line_of_the_script(file: Path, language: str) -> None:
    with pytest.raises(ScriptError) as caught:
        ScriptFunction(file, "fail")(1, {})
    line = next(n for n, text in enumerate(SEVERAL[language].split("\n"), 1) if "hunter2" in text)
    assert caught.value.line == line


def test_one_that_reaches_for_state_is_told_what_it_has(file: Path) -> None:
    with pytest.raises(ScriptError) as caught:
        ScriptFunction(file, "state")(1, {})
    assert str(caught.value.hint).startswith("it has JSON, Time and require, and neither State")


def test_one_that_must_return_may_return_null_but_not_nothing(file: Path) -> None:
    assert ScriptFunction(file, "null", must_return=True)(1, {}) is None
    assert ScriptFunction(file, "forgetful")(1, {}) is None
    with pytest.raises(ScriptError, match="returned nothing: end it with `return value`"):
        ScriptFunction(file, "forgetful", must_return=True)(1, {})


@pytest.mark.parametrize("language", ["js"], indirect=True)
def test_a_promise_is_refused_at_the_call_and_an_async_function_at_once(file: Path) -> None:
    waits = ScriptFunction(file, "waits")
    with pytest.raises(ScriptError, match=r"levels.js: the function returned a promise"):
        waits(1, {})
    with pytest.raises(SchemaError, match="is async, and nothing here can wait"):
        ScriptFunction(file, "later")


# What goes wrong at loading ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "function", "message", "hint"),
    [
        ("a.lua", None, None, "there is no script", "folder"),
        ("leves.js", None, None, "there is no script", "did you mean"),
        ("a.lua", "\nretrun 5", None, "a.lua:2: syntax error", None),
        ("a.js", "\n\nlet = = 1", None, "a.js:3: ", None),
        ("a.lua", "return 5", None, "it returns no function", "return function(value, config)"),
        ("a.js", "function f() {}", None, "it exports no function", "module.exports ="),
        ("a.lua", "local x = 1", "f", "it returns no function", "return {to_level"),
        ("a.lua", "return {b = next, a = next}", None, "none is named", "a.lua:a; there are: a, b"),
        ("a.js", "exports.toLevel = (v) => v", "tolevel", "no function 'tolevel'", "there are: toLevel"),
        ("a.js", "exports.f = (v) => v", "toString", "no function 'toString'", "there are: f"),
        ("a.lua", "return {f = next, n = 5}", "n", "no function 'n'", "there are: f"),
        ("a.js", "module.exports = (v) => v", "f", "one function, which has no name", "without 'f'"),
        ("a.js", "module.exports = async (v) => v", None, "is async", "take away `async`"),
        ("a.lua", "\n\nerror('x')", None, "a.lua:3: x", None),
        ("a.js", "\nthrow 42", None, "42", None),
        ("a.lua", 'return require "none"', None, "'none' not found", None),
        ("a.lua", "State.save('global', 'k', 1)", None, "a.lua:1: ", "neither State nor files"),
        ("a.js", "State.save('global', 'k', 1)", None, "a.js:1: ", "neither State nor files"),
        ("a.lua", "while true do end", None, "ran longer than 1 s", "loading it may take a second"),
        ("a.b.lua", "return next", None, "dots stand for folders", "without further dots"),
        ("a.txt", "x", None, "cannot tell the language", "extension"),
        ("a.js", "\0", None, "NUL bytes", None),
    ],
)  # fmt: skip
def test_a_script_that_cannot_serve_is_a_schema_error_at_loading(
    tmp_path: Path,
    name: str,
    text: str | None,
    function: str | None,
    message: str,
    hint: str | None,
) -> None:
    write(tmp_path, "levels.js", "")
    script = tmp_path / ("none/a.lua" if hint == "folder" else name)
    if text is not None:
        script.write_text(text)
    with pytest.raises(SchemaError) as caught:
        ScriptFunction(script, function)
    error = caught.value
    assert message in error.message
    assert str(script) in error.message
    assert error.details["file"] == str(script)
    assert hint is None or hint in str(error.hint)


def test_the_line_of_a_syntax_error_is_among_the_details(tmp_path: Path, language: str) -> None:
    with pytest.raises(SchemaError) as caught:
        ScriptFunction(write(tmp_path, f"a.{language}", "\n\nif if"))
    assert caught.value.details["line"] == 3


def test_a_link_is_as_good_as_the_file_it_leads_to(file: Path, tmp_path: Path) -> None:
    link = tmp_path / f"link{file.suffix}"
    link.symlink_to(file)
    assert ScriptFunction(link, "to_level")(True, {}) == "high"
