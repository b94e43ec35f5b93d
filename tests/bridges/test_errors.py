"""Errors: what a script can read of one, and what the host gets when it goes uncaught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmspell.errors import InvalidKey

from .conftest import Bench, Make

READ = (
    "local ok, e = pcall({lua}) return {{e.code, e.message, e.details, e.hint, tostring(e)}}",
    "try {{ {js} }} catch (e) {{ return [e.code, e.message, e.details, e.hint, String(e.message),"
    " e instanceof StateError, e instanceof Error, e.name] }}",
)


def test_a_caught_error_has_code_message_details_and_hint(bench: Bench) -> None:
    value = bench.run(
        READ[0].format(lua="State.save, 'global', 'k', {a = {print}}"),
        READ[1].format(js="State.sync.save('global', 'k', {a: [print]})"),
    )
    path = bench.pick("$.a[1]", "$.a[0]")
    assert value[0] == "invalid_value"
    assert value[1] == value[4] == f"State.save: {path} is a function, which cannot be stored"
    assert value[2] == {"path": path, "parameter": "value"}
    assert value[3].startswith("store ")
    assert bench.engine == "lua" or value[5:] == [True, True, "StateError"]


def test_errors_of_the_host_keep_their_code_and_name_the_function(bench: Bench) -> None:
    value = bench.run(
        READ[0].format(lua="State.save, 'global', '', 1"),
        READ[1].format(js="State.sync.save('global', '', 1)"),
    )
    assert value[:2] == ["invalid_key", "State.save: the key is empty"]
    assert value[3] == "use 1 to 1024 bytes of text"


def test_an_uncaught_error_tells_file_line_source_line_and_frames(bench: Bench) -> None:
    error = bench.fail(
        "local function inner()\n  error('boom')\nend\nlocal function outer()\n  inner()\nend\n"
        "outer()",
        "function inner() {\n  throw new Error('boom')\n}\nfunction outer() {\n  inner()\n}\nouter()",
    )
    assert (error.message, error.file, error.line) == ("boom", "script", 2)
    assert error.source_line == bench.pick("  error('boom')", "  throw new Error('boom')")
    assert [frame.line for frame in error.frames] == [2, 5, 7]
    assert [frame.function for frame in error.frames] == [
        "inner",
        "outer",
        bench.pick("main chunk", "main script"),
    ]
    assert error.language == bench.engine
    assert str(error) == "script:2: boom"


def test_no_frame_shows_the_host_or_the_prelude(bench: Bench) -> None:
    error = bench.fail("State.save('', '', 1)", "State.sync.save('', '', 1)")
    assert [frame.file for frame in error.frames] == ["script"]
    assert "llmspell:" not in str(error)
    assert ".py" not in str(error.to_dict())


def test_the_cause_of_a_refusal_is_the_error_of_the_host(bench: Bench) -> None:
    error = bench.fail("State.save('global', '', 1)", "State.sync.save('global', '', 1)")
    assert isinstance(error.__cause__, InvalidKey)
    assert error.code == "invalid_key"


def test_an_error_that_was_caught_is_no_cause_of_a_later_one(bench: Bench) -> None:
    error = bench.fail(
        "pcall(State.save, 'global', '', 1) error('other')",
        "try { State.sync.save('global', '', 1) } catch {} throw Error('other')",
    )
    assert error.__cause__ is None


def test_a_host_error_raised_again_is_still_itself(bench: Bench) -> None:
    error = bench.fail(
        "local ok, e = pcall(State.save, 'global', '', 1) error(e)",
        "try { State.sync.save('global', '', 1) } catch (e) { throw e }",
    )
    assert (error.code, error.hint) == ("invalid_key", "use 1 to 1024 bytes of text")


def test_a_script_may_raise_errors_with_a_code_of_its_own(bench: Bench) -> None:
    error = bench.fail(
        "error({code = 'no_funds', message = 'not enough'})",
        "throw new StateError('not enough', 'no_funds', {missing: 5}, 'earn some')",
    )
    assert (error.code, error.message) == ("no_funds", "not enough")
    if bench.engine == "js":
        assert error.details == {"missing": 5}
        assert error.hint == "earn some"


@pytest.mark.parametrize("name", ["message", "hint", "self", "code", "language", "path"])
def test_details_may_have_any_name(bench: Bench, name: str) -> None:
    error = bench.fail(
        f"local ok, e = pcall(State.save) e.details = {{{name} = 'x'}} error(e)",
        f"throw new StateError('m', 'c', {{{name}: 'x'}})",
    )
    assert error.details == {name: "x"}


@pytest.mark.parametrize("member", ["code", "hint", "message", "details", "stack", "name"])
@pytest.mark.parametrize("value", ["5", "{}", "print", "'\\xff'"])
def test_a_host_error_that_the_script_spoilt_is_still_an_error(
    bench: Bench, member: str, value: str
) -> None:
    error = bench.fail(
        f"local ok, e = pcall(State.save) e.{member} = {value} error(e)",
        f"try {{ State.sync.save() }} catch (e) {{ e.{member} = {value}; throw e }}",
    )
    assert error.language == bench.engine


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("error({})", "raised a table"),
        ("error(nil)", "raised nil"),
        ("error()", "raised nil"),
        ("error(42)", "42"),
        ("error(true)", "true"),
        ("error(print)", "function"),
        ("error('plain', 0)", "plain"),
        ("error(setmetatable({}, {__tostring = function() return 'told' end}))", "told"),
        ("error(setmetatable({}, {__tostring = function() error('x') end}))", "cannot be shown"),
        ("error(setmetatable({}, {__tostring = function() return {} end}))", "cannot be shown"),
        ("error(setmetatable({}, {__index = function() error('x') end}))", "raised a table"),
        ("error(setmetatable({}, {__eq = function() error('x') end}))", "raised a table"),
        ("error('not utf-8 \\255')", "not utf-8"),
        ("error('nul \\0 in it')", "nul \0 in it"),
        ("local function f() return 1 + f() end f()", "too deeply"),
        ("local x = nil + 1", "arithmetic on a nil value"),
        ("undefined_function()", "undefined_function"),
        ("coroutine.wrap(function() error('inside') end)()", "inside"),
        ("coroutine.wrap(function() State.save('', '', 1) end)()", "State.save: the scope"),
        ("assert(false, 'asserted')", "asserted"),
        ("assert(nil)", "assertion failed"),
        ("local t = setmetatable({}, {__close = function() error('closing') end})\n"
         "do local c <close> = t end", "closing"),
        ("xpcall(error, function() error('handler') end) error('after')", "after"),
        ("load('error(1)', '@a\\0b\\nc')()", "1"),
        ("local t = {['a\\nb\\0c'] = function() error('odd name') end} t['a\\nb\\0c']()", "odd name"),
        ("load('x x')()", "attempt to call a nil value"),
    ],
)  # fmt: skip
def test_whatever_lua_raises_is_one_clear_error(make: Make, script: str, message: str) -> None:
    error = make("lua").fail(script, "")
    assert message in error.message
    assert "llmspell:" not in error.message
    assert error.file is not None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("throw 42", "threw 42"),
        ("throw 'text'", 'threw "text"'),
        ("throw null", "null"),
        ("throw undefined", "threw undefined"),
        ("throw Symbol('s')", "Symbol(s)"),
        ("throw 5n", "threw 5"),
        ("throw () => 1", "not an Error"),
        ("throw {}", "an object that is not an Error"),
        ("throw Object.create(null)", "an object that is not an Error"),
        ("throw {message: 'told'}", "told"),
        ("throw '\\ud800'", "ud800"),
        ("throw new Error('a\\0b\\ud800')", "a\0b\ufffd"),
        ("throw {get message() { throw 1 }, toString() { throw 2 }}", "not an Error"),
        ("throw {get stack() { throw 1 }, get name() { throw 2 }, message: 'm'}", "m"),
        ("throw Object.assign(() => 1, {toString() { throw 1 }})", "[function"),
        ("throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }})", "not an Error"),
        ("throw new Proxy(new Error('x'), {getPrototypeOf() { throw 2 }})", "x"),
        ("const e = new Error('made up'); e.stack = ' at f (<input>:' + '9'.repeat(6000) + ':1)';"
         "throw e", "made up"),
        ("const e = new Error('made up'); e.stack = '\\n'.repeat(1e6); throw e", "made up"),
        ("throw Object.defineProperty(new Error('deep'), 'stack', {value: {}})", "deep"),
        ("const f = () => f() + 1; f()", "too deeply"),
        ("null.x", "TypeError"),
        ("nowhere()", "ReferenceError: nowhere is not defined"),
        ("throw new AggregateError([1], 'several')", "several"),
        ("Error.prepareStackTrace = () => { throw 1 }; throw new Error('x')", "x"),
        ("Error.stackTraceLimit = 0; throw new Error('x')", "x"),
    ],
)  # fmt: skip
def test_whatever_javascript_throws_is_one_clear_error(
    make: Make, script: str, message: str
) -> None:
    error = make("js").fail("", script)
    assert message in error.message
    assert error.file == "script"


def test_errors_pass_through_coroutines_without_doubled_places(
    lua: Callable[[str], Any], make: Make
) -> None:
    error = make("lua").fail(
        "local function deep() coroutine.wrap(function() error('once') end)() end\n"
        "coroutine.wrap(deep)()",
        "",
    )
    assert (error.message, error.line) == ("once", 1)


def test_state_works_inside_coroutines(lua: Callable[[str], Any]) -> None:
    value = lua(
        """local step = coroutine.wrap(function()
          State.save('global', 'a', {1, 2})
          local found = coroutine.yield(State.load('global', 'a'))
          return State.update('global', 'a', function(v) v[3] = coroutine.yield(v) return v end)
        end)
        step() step() return step(9)"""
    )
    assert value == [1, 2, 9]


def test_long_file_names_are_told_in_full(make: Make) -> None:
    for engine in ("lua", "js"):
        bench = make(engine)
        name = "folder/" * 20 + "script"
        with pytest.raises(Exception, match="boom") as caught:
            bench.sandbox.run(bench.pick("\nerror('boom')", "\nthrow Error('boom')"), name=name)
        assert (caught.value.file, caught.value.line) == (name, 2)  # type: ignore[attr-defined]


def test_an_error_survives_being_a_plain_dictionary(bench: Bench) -> None:
    told = bench.fail("\nerror('x')", "\nthrow Error('x')").to_dict()
    assert told["file"] == "script"
    assert told["line"] == 2
    assert told["traceback"][0].startswith("script:2 in ")


def test_running_out_of_memory_is_not_the_end_of_the_host(make: Make) -> None:
    bench = make("lua")
    error = bench.fail("local s = ('x'):rep(1 << 62)", "")
    assert "too large" in error.message or "memory" in error.message
    assert bench.run("return 1", "") == 1
