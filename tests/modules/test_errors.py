"""What is said when a module cannot be had: which, for whom, where was looked, what may be meant."""

from __future__ import annotations

from textwrap import dedent

import pytest

from llmspell import Runtime
from llmspell.cli.report import render
from llmspell.errors import LimitExceeded, ScriptError
from llmspell_bridges.limits import Limits
from llmspell_bridges.modules.contents import MOST_BYTES

from .conftest import Failure, Program


def shown(text: str) -> str:
    return dedent(text).strip("\n")


def report(error: ScriptError) -> str:
    """Return the report of an error of Lua without its column, which is a guess of where to look."""
    error.column = None
    return render(error)


def test_a_missing_module_of_lua_is_reported_with_all_that_helps(failing: Failure) -> None:
    error = failing(
        "lua",
        "\nlocal a = require 'lib.a'",
        lib__a="local M = {}\nlocal text = require 'lib.strng'\nreturn M",
        lib__string="return {}",
    )
    assert report(error) == shown(
        """
        error[module_not_found]: require: module 'lib.strng' not found, required by lib/a.lua
          looked for
            lib/strng.lua
            lib/strng/init.lua
            lib/strng.json
          --> lib/a.lua:2
          |
        2 | local text = require 'lib.strng'
          = help: did you mean 'lib.string'?
        traceback (innermost first):
          lib/a.lua:2 in main chunk
          main.lua:2 in main chunk
        """
    )


def test_a_missing_module_of_javascript_is_reported_with_all_that_helps(failing: Failure) -> None:
    error = failing(
        "js",
        "const a = require('./lib/a')",
        lib__a="\nconst text = require('./strng')",
        lib__string="",
    )
    assert render(error) == shown(
        """
        error[module_not_found]: require: module './strng' not found, required by lib/a.js
          looked for
            lib/strng.js
            lib/strng.cjs
            lib/strng.json
            lib/strng/index.js
            lib/strng/index.cjs
            lib/strng/index.json
          --> lib/a.js:2:14
          |
        2 | const text = require('./strng')
          |              ^
          = help: did you mean './string'?
        traceback (innermost first):
          lib/a.js:2 in module
          main.js:1 in main script
        """
    )


def test_a_syntax_error_names_the_modules_line_and_who_required_it(failing: Failure) -> None:
    error = failing("lua", "\n\nlocal m = require 'lib.m'", lib__m="local x = 1\nlocal y = = 2")
    assert report(error) == shown(
        """
        error[syntax_error]: unexpected symbol near '='
          --> lib/m.lua:2
          |
        2 | local y = = 2
        traceback (innermost first):
          lib/m.lua:2 in main chunk
          main.lua:3 in main chunk
        """
    )


def test_a_syntax_error_in_javascript_has_its_column_too(failing: Failure) -> None:
    error = failing("js", "\nrequire('./lib/m')", lib__m="let x = 1;\nlet y = = 2;")
    assert render(error) == shown(
        """
        error[syntax_error]: SyntaxError: unexpected token in expression: '='
          --> lib/m.js:2:9
          |
        2 | let y = = 2;
          |         ^
        traceback (innermost first):
          lib/m.js:2
          main.js:2 in main script
        """
    )


def test_an_error_that_a_module_raises_has_its_source_line(failing: Failure) -> None:
    error = failing(
        "lua",
        "require('lib.m').check(nil)",
        lib__m="local M = {}\nfunction M.check(x)\n  error('no x')\nend\nreturn M",
    )
    assert (error.message, error.file, error.line, error.source_line) == (
        "no x",
        "lib/m.lua",
        3,
        "  error('no x')",
    )
    assert [str(frame) for frame in error.frames][1] == "main.lua:1 in main chunk"


def test_an_error_in_a_long_named_module_of_lua_is_still_placed(
    program: Program, failing: Failure
) -> None:
    folder = "a_folder_with_a_rather_long_name_that_lua_shortens_in_its_messages"
    program.write(f"{folder}/broken.lua", "x = = 1")
    program.write(f"{folder}/raising.lua", "\nerror('raised')")
    for name, line in (("broken", 1), ("raising", 2)):
        error = failing("lua", f"require '{folder}.{name}'")
        assert (error.file, error.line) == (f"{folder}/{name}.lua", line)
        assert folder[:20] not in error.message


def test_a_file_that_ends_too_early_says_so(failing: Failure) -> None:
    error = failing("js", "require('./m')", m="function f() {\n  return 1;\n")
    assert error.message == "SyntaxError: unexpected end of the module"
    assert error.file == "m.js"


def test_top_level_await_in_a_module_is_explained(failing: Failure) -> None:
    error = failing("js", "require('./m')", m="const x = 1;\nconst y = await x;")
    assert error.code == "syntax_error"
    assert "`await` stands outside of any function" in error.message
    assert (error.file, error.line) == ("m.js", 2)
    assert "async function" in str(error.hint)


def test_scripts_can_tell_errors_apart_by_their_code(program: Program) -> None:
    program.write("broken.lua", "x = = 1")
    assert program.lua(
        """
        local codes = {}
        for _, name in ipairs {'gone', 'broken', 'a/b'} do
          local ok, problem = pcall(require, name)
          codes[#codes + 1] = problem.code
        end
        return codes"""
    ) == ["module_not_found", "syntax_error", "module_not_found"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"return '\xff'", "m.{} is not UTF-8 text (line 1)"),
        (b"\0\1\2", "m.{} is not a module: it holds NUL bytes"),
    ],
)
def test_a_file_that_is_no_text_is_a_module_error(
    program: Program, failing: Failure, language: str, content: bytes, said: str
) -> None:
    program.write(f"m.{language}", content)
    error = failing(language, "local m = require 'm'" if language == "lua" else "require('./m')")
    assert error.code == "module_error"
    assert said.format(language) in error.message


def test_a_mark_of_the_byte_order_is_passed_over(program: Program) -> None:
    program.write("m.lua", b"\xef\xbb\xbfreturn 1")
    program.write("m.js", b"\xef\xbb\xbfmodule.exports = 2")
    program.write("d.json", b"\xef\xbb\xbf3")
    assert program.lua("return require 'm' + require 'd'") == 4
    assert program.js("require('./m') + require('./d')") == 5


def test_a_file_beyond_the_limit_is_not_loaded(
    program: Program, failing: Failure, language: str
) -> None:
    with program.write(f"m.{language}", "").open("r+b") as file:
        file.truncate(MOST_BYTES + 1)
    error = failing(language, "local m = require 'm'" if language == "lua" else "require('./m')")
    assert error.code == "limit_exceeded"
    assert error.details["maximum"] == MOST_BYTES
    assert isinstance(error.__cause__, LimitExceeded)


@pytest.mark.parametrize(
    ("language", "name", "hint"),
    [
        ("js", "fs", "modules of Node itself"),
        ("js", "fs/promises", "modules of Node itself"),
        ("js", "node:path", "modules of Node itself"),
        ("js", "./m.lua", "Lua cannot be required"),
        ("js", "./m.mjs", "an ES module cannot be required"),
        ("js", "/lib/m", "from the file that requires them"),
        ("js", "lib\\m", 'require("lib/m")'),
        ("js", "../m", "[modules] paths"),
        ("js", "./Util", "did you mean './util'"),
        ("js", "./dat", "did you mean './data.json'"),
        ("lua", "./lib/m.lua", '"lib.m"'),
        ("lua", "util.lua", 'require "util"'),
        ("lua", "utli", "did you mean 'util'"),
        ("lua", "../m", "from a module folder"),
        ("lua", "lib..m", "dots stand between"),
    ],
)
def test_a_mistake_gets_the_hint_that_mends_it(
    program: Program, failing: Failure, language: str, name: str, hint: str
) -> None:
    program.write(f"util.{language}", "")
    program.write("data.json", "1")
    with pytest.raises(ScriptError) as caught:
        program.require(language, name)
    assert hint in str(caught.value.hint)


def test_a_very_long_name_is_cut_in_messages(failing: Failure) -> None:
    error = failing("js", "require('x'.repeat(100000))")
    assert len(error.message) < 300
    assert len(str(error.details)) < 1000


def test_a_folder_that_is_not_there_is_said_to_be(program: Program, failing: Failure) -> None:
    program.runtime.close()
    program.runtime = type(program.runtime)(module_paths=["vendor"])
    error = failing("js", "require('m')")
    assert "(there is no folder vendor)" in error.message


@pytest.mark.parametrize("name", ["loop", "./loop"])
def test_a_limit_that_strikes_in_a_module_of_javascript_names_it(
    program: Program, name: str
) -> None:
    program.write("loop.js", "for (;;);")
    # A process of its own is killed, and can no longer tell where it was.
    with Runtime(isolation="inline") as runtime, pytest.raises(LimitExceeded) as caught:
        runtime.execute(f"require('{name}')", engine="js", folder=".", limits=Limits(timeout_s=0.2))
    assert caught.value.file == "loop.js"
