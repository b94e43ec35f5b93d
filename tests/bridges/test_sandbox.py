"""The Sandbox protocol, the same for both engines."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from llmspell_bridges.api import Global, Param
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.errors import (
    InvalidArgument,
    InvalidValue,
    SandboxClosed,
    ScriptError,
    ScriptSyntaxError,
)
from llmspell_bridges.sandbox import Sandbox, SandboxOptions, create_sandbox

from .conftest import Bench, Make


def test_a_script_returns_its_value(bench: Bench) -> None:
    value = bench.run("return {a = 1, b = {true, 'x'}}", "return {a: 1, b: [true, 'x']}")
    assert value == {"a": 1, "b": [True, "x"]}


def test_a_script_without_a_value_returns_none(bench: Bench) -> None:
    assert bench.run("local x = 1", "const x = 1;") is None


def test_globals_of_one_run_are_there_in_the_next(bench: Bench) -> None:
    bench.run("counter = 41", "var counter = 41;")
    assert bench.run("return counter + 1", "counter + 1") == 42


def test_a_value_that_cannot_leave_is_a_script_error_with_its_path(bench: Bench) -> None:
    error = bench.fail("return {f = print}", "return {f: print}")
    assert error.code == "invalid_value"
    assert "$.f" in error.message


def test_an_accidental_last_expression_of_javascript_is_no_error(make: Make) -> None:
    assert make("js").sandbox.run("(x) => x", name="script") is None


@pytest.mark.parametrize(
    "value", [None, True, 5, 2**60, 1.5, "ä\0", b"\xff", [], {}, [None, [1]], {"a": None, "b": 1}]
)
def test_call_passes_arguments_and_result_by_value(bench: Bench, value: object) -> None:
    bench.run("function same(x) return x end", "function same(x) { return x }")
    expected = {"b": 1} if bench.engine == "lua" and value == {"a": None, "b": 1} else value
    assert bench.sandbox.call("same", value) == expected


def test_call_passes_several_arguments_with_gaps(bench: Bench) -> None:
    bench.run(
        "function count(...) return select('#', ...) end",
        "function count(...items) { return items.length }",
    )
    assert bench.sandbox.call("count", 1, None, None) == 3


def test_call_takes_arguments_as_deep_as_values_may_be(bench: Bench) -> None:
    bench.run("function same(x) return x end", "function same(x) { return x }")
    deep: list[object] = []
    for _ in range(127):
        deep = [deep]
    assert bench.sandbox.call("same", deep) == deep


def test_call_of_a_missing_function_names_it(bench: Bench) -> None:
    with pytest.raises(ScriptError, match="no function 'nope'"):
        bench.sandbox.call("nope")


def test_call_refuses_what_is_no_canonical_value(bench: Bench) -> None:
    bench.run("function same(x) return x end", "function same(x) { return x }")
    with pytest.raises(InvalidValue, match="object"):
        bench.sandbox.call("same", object())


def test_a_sandbox_belongs_to_the_thread_that_made_it(bench: Bench) -> None:
    caught: list[BaseException] = []

    def use() -> None:
        try:
            bench.run("return 1", "1")
        except SandboxClosed as error:
            caught.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert "another thread" in str(caught[0])
    assert bench.run("return 1", "1") == 1


def test_a_closed_sandbox_refuses_everything_and_closes_again(bench: Bench) -> None:
    bench.sandbox.close()
    bench.sandbox.close()
    uses = (
        lambda: bench.run("return 1", "1"),
        lambda: bench.sandbox.call("f"),
        lambda: bench.sandbox.evaluate("1", name="x"),
        lambda: bench.sandbox.is_complete("1"),
    )
    for use in uses:
        with pytest.raises(SandboxClosed, match="closed"):
            use()


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_a_host_function_cannot_run_or_close_the_sandbox_that_calls_it(engine: str) -> None:
    sandboxes: list[Sandbox] = []
    nested = Global("Host", "")

    @nested.function(Param("how", "text"), result="value")
    def enter(_: None, how: str) -> object:
        return sandboxes[0].close() if how == "close" else sandboxes[0].run("return 1", name="in")

    sandboxes.append(create_sandbox(engine, SandboxOptions(globals=[BoundGlobal(nested, None)])))
    call = "Host.enter" if engine == "lua" else "Host.sync.enter"
    for how in ("run", "close"):
        with pytest.raises(ScriptError, match="running a script") as caught:
            sandboxes[0].run(f"{call}('{how}')", name="script")
        assert caught.value.code == "sandbox_closed"
    assert sandboxes[0].run("return 2", name="script") == 2
    sandboxes[0].close()


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_an_interrupt_in_a_host_function_ends_the_run_as_itself(engine: str) -> None:
    hosted = Global("Host", "")

    @hosted.function()
    def interrupt(_: None) -> None:
        raise KeyboardInterrupt

    sandbox = create_sandbox(engine, SandboxOptions(globals=[BoundGlobal(hosted, None)]))
    loop = {
        "lua": "while true do local ok = pcall(Host.interrupt) if not ok then return end end",
        "js": "for (;;) { try { Host.sync.interrupt() } catch { break } }",
    }
    with pytest.raises(KeyboardInterrupt):
        sandbox.run(loop[engine], name="script")
    sandbox.close()


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_a_defect_of_the_host_is_an_error_without_its_insides(engine: str) -> None:
    hosted = Global("Host", "")

    @hosted.function()
    def broken(_: None) -> None:
        raise ZeroDivisionError("a secret")

    sandbox = create_sandbox(engine, SandboxOptions(globals=[BoundGlobal(hosted, None)]))
    with pytest.raises(ScriptError) as caught:
        sandbox.run("Host.broken()" if engine == "lua" else "Host.sync.broken()", name="script")
    assert caught.value.code == "internal_error"
    assert "Host.broken" in caught.value.message
    assert "secret" not in caught.value.message
    assert isinstance(caught.value.__cause__.__cause__, ZeroDivisionError)  # type: ignore[union-attr]
    sandbox.close()


def test_an_unknown_engine_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(InvalidArgument, match="unknown engine") as caught:
        create_sandbox("ruby")
    assert caught.value.hint == "engines: lua, js"


def test_a_shebang_line_is_passed_over_and_counted(bench: Bench) -> None:
    error = bench.fail("#!/usr/bin/llmspell\nerror('x')", "#!/usr/bin/llmspell\nthrow Error('x')")
    assert error.line == 2


def test_text_that_is_not_unicode_is_refused_and_never_run(bench: Bench) -> None:
    with pytest.raises(InvalidArgument, match="line 2"):
        bench.run("ran = 1\n-- \ud800", "var ran = 1\n// \ud800")
    assert bench.run("return ran", "return globalThis.ran ?? null") is None


def test_a_syntax_error_runs_nothing_and_says_where(bench: Bench) -> None:
    with pytest.raises(ScriptSyntaxError) as caught:
        bench.run("print('ran')\nlocal = 5", "print('ran')\nlet = = 5")
    error = caught.value
    assert (error.file, error.line, error.code) == ("script", 2, "syntax_error")
    assert error.source_line == bench.pick("local = 5", "let = = 5")
    assert bench.printed == ""


def test_print_writes_one_line_of_every_value(bench: Bench) -> None:
    bench.run("print('a', 1, nil, true) print()", "print('a', 1, null, true); print()")
    assert bench.printed == bench.pick("a\t1\tnil\ttrue\n\n", "a 1 null true\n\n")


def test_console_writes_like_print_and_shows_structures(make: Make) -> None:
    bench = make("js")
    bench.sandbox.run(
        "console.log({a: [1, 'x'], d: new Date(0)}); console.info(1); console.debug(2);"
        "console.warn(new Map([['k', 1n]])); console.error(new Error('bad'))",
        name="script",
    )
    assert bench.printed.splitlines() == [
        '{ a: [ 1, "x" ], d: 1970-01-01T00:00:00.000Z }',
        "1",
        "2",
        'Map { "k" => 1n }',
        "Error: bad",
    ]


def test_output_that_is_not_unicode_is_shown_with_replacements(bench: Bench) -> None:
    bench.run(r"print('a\255b')", r"print('a\ud800b')")
    assert bench.printed == "a\ufffdb\n"


def test_output_may_hold_nul_and_line_breaks(bench: Bench) -> None:
    bench.run(r"print('a\0b\nc')", r"print('a\0b\nc')")
    assert bench.printed == "a\0b\nc\n"


def test_args_are_the_name_then_positional_and_named_ones(make: Make) -> None:
    args = ("one", "--key", "v", "--k2=v2", "--flag", "--", "--two")
    for engine in ("lua", "js"):
        bench = make(engine, args=args)
        value = bench.run(
            "return {ARGS[0], ARGS[1], ARGS[2], ARGS.key, ARGS.k2, ARGS.flag, #ARGS}",
            "return [ARGS[0], ARGS[1], ARGS[2], ARGS.key, ARGS.k2, ARGS.flag, ARGS.length - 1]",
        )
        assert value == ["test", "one", "--two", "v", "v2", "true", 2]


def test_args_exist_without_arguments(bench: Bench) -> None:
    assert bench.run("return {ARGS[0], #ARGS}", "return [ARGS[0], ARGS.length - 1]") == ["test", 0]


def test_arg_of_lua_is_as_standalone_lua_has_it(make: Make) -> None:
    bench = make("lua", args=("--key", "v"))
    assert bench.run("return {arg[0], arg[1], arg[2]}", "") == ["test", "--key", "v"]


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString"])
def test_argument_names_cannot_reach_prototypes(make: Make, name: str) -> None:
    bench = make("js", args=(f"--{name}", "x"))
    script = f"return [ARGS['{name}'], Array.isArray(ARGS), ({{}}).x]"
    assert bench.sandbox.run(script.replace(", ({}).x", ""), name="script") == ["x", True]


@pytest.mark.parametrize("argument", ["--1=x", "--length=3", "--=x"])
def test_argument_names_that_would_shadow_positions_are_refused(make: Make, argument: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot be used"):
        make("lua", args=(argument,))


def test_arguments_that_are_not_unicode_are_refused(make: Make) -> None:
    with pytest.raises(InvalidArgument, match="argument 2"):
        make("js", args=("a", "\udcff"))


def test_json_reads_and_writes_in_both_languages(bench: Bench) -> None:
    value = bench.run(
        """local v = JSON.parse('{"a":[1,2.5,null],"b":{}}')
        return {JSON.stringify(v), JSON.stringify(JSON.array()), JSON.stringify({JSON.null})}""",
        """const v = JSON.parse('{"a":[1,2.5,null],"b":{}}');
        return [JSON.stringify(v), JSON.stringify(JSON.array()), JSON.stringify([JSON.null])]""",
    )
    assert value == ['{"a":[1,2.5,null],"b":{}}', "[]", "[null]"]


def test_json_writes_pretty(bench: Bench) -> None:
    script = ("return JSON.stringify({a = 1}, {pretty = true})",)
    value = bench.run(script[0], "return JSON.stringify({a: 1}, {pretty: true})")
    assert value == '{\n  "a": 1\n}'


@pytest.mark.parametrize(
    "call", ["JSON.parse('{')", "JSON.parse(5)", "JSON.parse('[1e999]')", "JSON.parse(DEEP)"]
)
def test_json_of_lua_refuses_in_the_name_scripts_know(make: Make, call: str) -> None:
    bench = make("lua")
    script = "DEEP = ('['):rep(900) .. (']'):rep(900)\nlocal x = " + call
    error = bench.fail(script, "")
    assert error.message.startswith("JSON.parse: ")
    assert error.line == 2
    assert error.code != "internal_error"


def test_json_stringify_of_lua_names_itself_and_the_path(make: Make) -> None:
    error = make("lua").fail("local s = JSON.stringify({f = print})", "")
    assert error.message.startswith("JSON.stringify: $.f is a function")


def test_time_of_lua_reads_writes_and_compares(make: Make) -> None:
    value = make("lua").run(
        """local t = Time.parse('2026-01-31T12:00:00.000001+01:00')
        local u = Time.from_unix(0)
        return {t:iso(), u:iso(), u < t, u == Time.from_micros(0), u == {micros = 0},
          tostring(Time.from_unix(1.5)), Time.parse('0001-01-01'):iso(), Time.now() > t}""",
        "",
    )
    assert value == [
        "2026-01-31T11:00:00.000001Z",
        "1970-01-01T00:00:00Z",
        True,
        True,
        False,
        "1970-01-01T00:00:01.500000Z",
        "0001-01-01T00:00:00Z",
        True,
    ]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("Time.parse('soon')", "Time.parse"),
        ("Time.parse(5)", "Time.parse"),
        ("Time.from_unix('x')", "Time.from_unix"),
        ("Time.from_unix(1e300)", "Time.from_unix"),
        ("Time.from_unix(0/0)", "Time.from_unix"),
        ("Time.from_micros(1.5)", "Time.from_micros"),
        ("Time.from_micros(math.maxinteger)", "Time.from_micros"),
        ("local b = Time.now() < 5", "compare a timestamp with a number"),
        ("local b = 'x' >= Time.now()", "compare a timestamp with a string"),
    ],
)
def test_time_of_lua_refuses_with_its_own_name(make: Make, script: str, message: str) -> None:
    error = make("lua").fail(script, "")
    assert message in error.message
    assert (error.file, error.line) == ("script", 1)


def test_lists_of_lua_may_become_objects_of_the_script(make: Make) -> None:
    value = make("lua").run(
        """State.save('global', 'stack', {1, 2})
        local stack = setmetatable(State.load('global', 'stack'), {__index = {top = 'T'}})
        return stack.top""",
        "",
    )
    assert value == "T"


FORGOTTEN = """
import gc
from llmspell_bridges.errors import ScriptError
from llmspell_bridges.sandbox import create_sandbox

for engine, code in (("lua", "error('x')"), ("js", "(async () => { throw new Error('x') })(); 1")) * 5:
    sandbox = create_sandbox(engine)
    try:
        sandbox.run(code, name="script")
    except ScriptError:
        pass
    del sandbox
    gc.collect()
print("alive")
"""


def test_a_sandbox_nobody_closed_goes_without_harm() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGOTTEN], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("alive\n", 0), done.stderr
