"""``require`` in JavaScript."""

from __future__ import annotations

import tracemalloc

import pytest

from llmspell.errors import ScriptError

from .conftest import Failure, Program


def test_names_start_at_the_file_that_requires(program: Program) -> None:
    assert program.js(
        "require('./lib/a')",
        lib__a="module.exports = [require('./b'), require('../c')]",
        lib__b="module.exports = 'b'",
        c="module.exports = 'c'",
    ) == ["b", "c"]


def test_bare_names_start_at_the_module_folders(program: Program) -> None:
    assert program.js(
        "require('lib/a')", lib__a="module.exports = require('lib/b')", lib__b="exports.x = 1"
    ) == {"x": 1}


@pytest.mark.parametrize("name", ["./m", "./m.js", "m", "m.js", "././m", "./lib/../m"])
def test_the_ending_can_be_left_out(program: Program, name: str) -> None:
    assert program.js(f"require('{name}')", m="module.exports = 1") == 1


@pytest.mark.parametrize("name", ["./lib", "./lib/", "./lib/index", "lib"])
def test_a_folder_is_a_module_by_its_index_file(program: Program, name: str) -> None:
    assert program.js(f"require('{name}')", lib__index="module.exports = 'folder'") == "folder"


def test_a_folder_is_meant_by_dots_alone(program: Program) -> None:
    program.write("lib/sub/m.js", "module.exports = [require('.'), require('..')]")
    program.write("lib/sub/index.js", "module.exports = 'here'")
    assert program.js("require('./lib/sub/m')", lib__index="module.exports = 'above'") == [
        "here",
        "above",
    ]


def test_endings_are_tried_in_the_order_of_node(program: Program) -> None:
    program.write("m.json", '"json"')
    program.write("m.cjs", "module.exports = 'cjs'")
    assert program.js("require('./m')") == "cjs"
    assert program.js("require('./m')", m="module.exports = 'js'") == "js"
    assert program.js("require('./m.json')") == "json"


def test_a_module_knows_its_file_and_folder_as_they_are_shown(program: Program) -> None:
    assert program.js(
        "[__filename, __dirname, ...require('./lib/m')]",
        lib__m="module.exports = [__filename, __dirname, module.id, this === module.exports]",
    ) == ["main.js", ".", "lib/m.js", "lib", "lib/m.js", True]


def test_a_module_runs_once_whatever_it_is_called(program: Program) -> None:
    program.write("lib/m.js", "globalThis.runs = (globalThis.runs ?? 0) + 1")
    assert program.js(
        "const all = ['./lib/m', './lib/m.js', 'lib/m', './lib/../lib/m'].map((n) => require(n));"
        "[all.every((each) => each === all[0]), runs]"
    ) == [True, 1]


def test_modules_in_a_circle_see_what_is_exported_so_far(program: Program) -> None:
    assert program.js(
        "const a = require('./a'), b = require('./b'); [a, b]",
        a="exports.done = false; const b = require('./b'); exports.sawB = b.done; exports.done = true",
        b="exports.done = false; const a = require('./a'); exports.sawA = a.done; exports.done = true",
    ) == [{"done": True, "sawB": True}, {"done": True, "sawA": False}]


def test_a_module_may_require_the_script_and_sees_what_it_exports_so_far(program: Program) -> None:
    assert program.js(
        "exports.early = 1; const m = require('./m'); exports.late = 2; m",
        m="module.exports = Object.keys(require('./main'))",
    ) == ["early"]


def test_a_module_that_failed_is_tried_again(program: Program) -> None:
    program.write(
        "m.js", "globalThis.n = (globalThis.n ?? 0) + 1; if (n < 2) throw new Error('no')"
    )
    assert program.js("try { require('./m') } catch {} require('./m'); n") == 2


def test_the_script_knows_that_it_is_the_main_module(program: Program) -> None:
    assert program.js(
        "[require.main === module, require('./m')]",
        m="module.exports = [require.main === module, require.main.id]",
    ) == [True, [False, "."]]


def test_a_script_may_set_its_exports_and_be_a_module_of_others(program: Program) -> None:
    program.write("other.js", "module.exports = require.main === module ? 'main' : 'module'")
    assert program.js("require('./other')") == "module"


@pytest.mark.parametrize("name", ["module", "exports", "require", "__filename", "__dirname"])
@pytest.mark.parametrize("word", ["const", "let", "var"])
def test_a_script_may_use_the_names_for_itself(program: Program, word: str, name: str) -> None:
    assert program.js(f"{word} {name} = 5; {name}") == 5


def test_what_a_module_declares_stays_in_it(program: Program) -> None:
    assert program.js(
        "require('./m'); [typeof inner, typeof fn, typeof Class, typeof made]",
        m="var inner = 1; function fn() {} class Class {} globalThis.made = 1;",
    ) == ["undefined", "undefined", "undefined", "number"]


def test_a_module_is_sloppy_unless_it_says_otherwise(program: Program) -> None:
    program.write("strict.js", "'use strict'; module.exports = (function () { return !this })()")
    assert program.js(
        "[require('./sloppy'), require('./strict')]",
        sloppy="module.exports = (function () { return !this })()",
    ) == [False, True]


def test_a_module_may_return_early(program: Program) -> None:
    assert program.js("require('./m')", m="exports.a = 1; return; exports.b = 2") == {"a": 1}


def test_require_resolve_names_the_file(program: Program) -> None:
    assert program.js("require.resolve('./lib/m')", lib__m="throw 1") == "lib/m.js"


def test_a_module_is_loaded_again_once_it_is_taken_out_of_the_cache(program: Program) -> None:
    assert (
        program.js(
            "require('./m'); delete require.cache[require.resolve('./m')]; require('./m'); n",
            m="globalThis.n = (globalThis.n ?? 0) + 1",
        )
        == 2
    )


def test_the_cache_says_what_is_loaded(program: Program) -> None:
    assert program.js(
        "require('./m'); const kept = require.cache['m.js']; [kept.loaded, kept.exports.a]",
        m="exports.a = module.loaded",
    ) == [True, False]


@pytest.mark.parametrize("name", ["__proto__", "constructor", "hasOwnProperty", "toString"])
def test_no_name_is_special(failing: Failure, name: str) -> None:
    assert failing("js", f"require('{name}')").code == "module_not_found"
    assert failing("js", f"require('./{name}')").code == "module_not_found"


@pytest.mark.parametrize("value", ["", "null", "5", "{}", "Symbol()", "['./m']"])
def test_a_name_that_is_no_text_is_refused(failing: Failure, value: str) -> None:
    error = failing("js", f"require({value})", m="1")
    assert error.code == "invalid_argument"
    assert "must be text" in error.message


def test_modules_can_be_required_later_from_a_function_or_a_promise(program: Program) -> None:
    assert (
        program.js(
            "const late = async () => { await null; return require('./m') }; return await late()",
            m="module.exports = async () => 1; module.exports = 'late'",
        )
        == "late"
    )


def test_a_module_may_start_with_a_line_for_the_shell(program: Program) -> None:
    assert program.js("require('./m')", m="#!/usr/bin/env node\nmodule.exports = 4") == 4


BREAK_OUTS = [
    "}); globalThis.ran = 1; (function () {",
    "}, globalThis.ran = 1, function () {",
    "}(globalThis.ran = 1), function () {",
    "} : (globalThis.ran = 1), 1 ? function () {",
    "}}); globalThis.ran = 1; ({ m() {",
    "}, get [globalThis.ran = 1]() {",
    "}\n[globalThis.ran = 1] = function () {",
    "}`${globalThis.ran = 1}`, function () {",
    "}\nglobalThis.ran = 1\n{",
    "} : 0; globalThis.ran = 1; 1 ? function () {",
]


@pytest.mark.parametrize("text", BREAK_OUTS)
def test_no_text_ends_the_function_it_stands_in(program: Program, text: str) -> None:
    program.write("m.js", text)
    assert program.js(
        "let code; try { require('./m') } catch (e) { code = e.code } [code, typeof ran]"
    ) == ["syntax_error", "undefined"]


@pytest.mark.parametrize("text", BREAK_OUTS)
def test_no_text_ends_the_function_an_awaiting_script_stands_in(
    failing: Failure, text: str
) -> None:
    assert failing("js", f"await 1; {text}").code == "syntax_error"


def test_what_scripts_replace_does_not_change_require(program: Program) -> None:
    assert (
        program.js(
            """
        Object.defineProperty(Object.prototype, "0", { set() { throw 1 }, configurable: true });
        String.prototype.slice = String.prototype.repeat = String.prototype.lastIndexOf = null;
        JSON.parse = Reflect.apply = Object.defineProperty = RegExp.prototype.exec = null;
        Array.prototype[Symbol.iterator] = null; globalThis.eval = null;
        require('./lib/m')""",
            lib__m="module.exports = __dirname",
        )
        == "lib"
    )


def test_a_module_that_fails_time_and_again_costs_the_host_nothing_more(program: Program) -> None:
    program.write("m.js", "\n" * 20_000 + "throw new Error('no')")
    script = """
        let last, failures = 0;
        for (let n = 0; n < 100; n++) {
          try { require('./m') } catch (problem) { failures++; last = problem }
        }
        if (failures === 100) throw last"""
    tracemalloc.start()
    try:
        with pytest.raises(ScriptError) as caught:
            program.js(script)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert (caught.value.file, caught.value.line) == ("m.js", 20_001)
