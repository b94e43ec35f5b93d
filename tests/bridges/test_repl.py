"""What a REPL asks of a sandbox: showing values and knowing when an input is whole."""

from __future__ import annotations

import pytest

from llmspell_bridges.errors import ScriptError

from .conftest import Bench, Make


def show(bench: Bench, lua: str, js: str) -> str | None:
    return bench.sandbox.evaluate(bench.pick(lua, js), name="<repl>")


def test_an_expression_is_shown_without_a_return(bench: Bench) -> None:
    assert show(bench, "1 + 1", "1 + 1") == "2"
    assert show(bench, "'a\\nb'", "'a\\nb'") == '"a\\nb"'
    assert show(bench, "{a = 1}", "{a: 1}") == bench.pick("{a = 1}", "{ a: 1 }")


def test_what_has_no_value_shows_nothing(bench: Bench) -> None:
    assert show(bench, "x = 5", "var x = 5") is None
    assert show(bench, "print('p')", "print('p')") is None


def test_what_an_input_defines_stays(bench: Bench) -> None:
    show(bench, "function f() return 7 end", "const f = () => 7")
    assert show(bench, "f()", "f()") == "7"


def test_javascript_declarations_and_awaits_work_line_by_line(make: Make) -> None:
    bench = make("js")
    for line in ("let y = 3", "const {p, q} = {p: 1, q: 2}", "class A {}"):
        assert bench.sandbox.evaluate(line, name="<repl>") is None
    assert bench.sandbox.evaluate("y + p + q", name="<repl>") == "6"
    assert bench.sandbox.evaluate("new A()", name="<repl>") == "A {}"
    assert bench.sandbox.evaluate("await Promise.resolve(5)", name="<repl>") == "5"


def test_an_error_leaves_the_session_usable_and_shows_its_own_line(bench: Bench) -> None:
    show(bench, "function bad()\n  error('x')\nend", "function bad() {\n  throw Error('x')\n}")
    show(bench, "a = 1", "var a = 1")
    with pytest.raises(ScriptError) as caught:
        show(bench, "bad()", "bad()")
    assert caught.value.line == 2
    if bench.engine == "js":
        assert caught.value.source_line == "  throw Error('x')"
    assert show(bench, "a", "a") == "1"


@pytest.mark.parametrize(
    ("lua", "js"),
    [
        ("f(", "f("),
        ("{a = 1,", "({a: 1,"),
        ("1 +", "1 +"),
        ("function f()", "function f() {"),
        ("if x then\n  y()", "if (x) {\n  y()"),
        ("[[text", "`text"),
        ("--[[ note", "/* note"),
        ("x =", "await f("),
    ],
)
def test_an_input_without_its_end_asks_for_more(bench: Bench, lua: str, js: str) -> None:
    assert not bench.sandbox.is_complete(bench.pick(lua, js))


@pytest.mark.parametrize(
    ("lua", "js"),
    [("1", "1"), ("x = 1", "let x = 1"), ("foo bar", "foo bar"), ("return 1", "await 1"), ("", "")],
)
def test_a_whole_or_hopeless_input_does_not(bench: Bench, lua: str, js: str) -> None:
    assert bench.sandbox.is_complete(bench.pick(lua, js))


def test_showing_a_hostile_value_neither_fails_nor_hangs(bench: Bench) -> None:
    shown = show(
        bench,
        "setmetatable({}, {__tostring = function() error('no') end})",
        "({get a() { throw 1 }, [Symbol('s')]: new Proxy({}, {ownKeys() { throw 2 }})})",
    )
    assert shown is not None
    cyclic = show(bench, "(function() local t = {} t.t = t return t end)()", "var c = {}; c.c = c")
    assert cyclic is not None
    assert "c" in cyclic
