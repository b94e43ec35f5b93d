"""``require`` in Lua."""

from __future__ import annotations

import pytest

from .conftest import Failure, Program


def test_dots_are_folders(program: Program) -> None:
    assert program.lua("return require 'lib.deep.util'", lib__deep__util="return 'deep'") == "deep"


def test_a_folder_is_a_module_by_its_init_file(program: Program) -> None:
    assert program.lua("return require 'lib'", lib__init="return 'folder'") == "folder"


def test_a_file_wins_over_a_folder_of_its_name(program: Program) -> None:
    assert program.lua("return require 'lib'", lib="return 1", lib__init="return 2") == 1


def test_require_returns_the_value_and_the_file(program: Program) -> None:
    assert program.lua(
        "local value, file = require 'lib.util' return {value, file}", lib__util="return 7"
    ) == [7, "lib/util.lua"]


def test_a_module_is_given_its_name_and_file(program: Program) -> None:
    assert program.lua("return require 'lib.util'", lib__util="return {...}") == [
        "lib.util",
        "lib/util.lua",
    ]


def test_a_module_runs_once_and_its_value_is_kept(program: Program) -> None:
    program.write("lib/count.lua", "runs = (runs or 0) + 1 return {}")
    assert program.lua(
        "local a, b = require 'lib.count', require 'lib.count' return {a == b, runs}"
    ) == [True, 1]


def test_each_run_loads_modules_anew(program: Program) -> None:
    script = "local m = require 'lib.count' m.n = m.n + 1 return m.n"
    assert program.lua(script, lib__count="return {n = 0}") == 1
    assert program.lua(script) == 1


def test_a_module_that_returns_nothing_is_true(program: Program) -> None:
    assert program.lua("return require 'quiet'", quiet="x = 1") is True


def test_a_module_may_put_its_value_into_package_loaded(program: Program) -> None:
    assert program.lua("return require 'own'", own="package.loaded[...] = 'set'") == "set"


def test_a_module_is_loaded_again_once_it_is_taken_out_of_package_loaded(program: Program) -> None:
    script = "require 'm' package.loaded.m = nil require 'm' return runs"
    assert program.lua(script, m="runs = (runs or 0) + 1") == 2


def test_package_preload_comes_before_files(program: Program) -> None:
    script = "package.preload.m = function(...) return {...} end return require 'm'"
    assert program.lua(script, m="return 'file'") == ["m", ":preload:"]


@pytest.mark.parametrize("name", ["string", "table", "math", "utf8", "coroutine", "os"])
def test_the_libraries_can_be_required(program: Program, name: str) -> None:
    assert program.lua(f"return require '{name}' == {name}") is True


@pytest.mark.parametrize("name", ["io", "debug", "python"])
def test_what_scripts_do_not_have_cannot_be_required_either(program: Program, name: str) -> None:
    assert program.lua(f"return (pcall(require, '{name}'))") is False


def test_a_module_sees_the_globals_of_the_script(program: Program) -> None:
    assert program.lua("shared = 5 return require 'm'", m="return shared") == 5


def test_a_module_that_failed_is_tried_again(program: Program) -> None:
    program.write("m.lua", "attempts = (attempts or 0) + 1 if attempts < 2 then error('no') end")
    assert program.lua("return {pcall(require, 'm') == false, require 'm', attempts}") == [
        True,
        True,
        2,
    ]


def test_modules_in_a_circle_are_an_error_that_names_it(failing: Failure) -> None:
    error = failing(
        "lua",
        "require 'a'",
        a="local b = require 'b' return 1",
        b="local c = require 'c' return 2",
        c="local a = require 'a' return 3",
    )
    assert error.code == "module_error"
    assert "circle: a.lua -> b.lua -> c.lua -> a.lua" in error.message


def test_a_circle_is_found_behind_tail_calls(failing: Failure) -> None:
    error = failing("lua", "return require 'a'", a="return require 'b'", b="return require 'a'")
    assert "circle: a.lua -> b.lua -> a.lua" in error.message


def test_a_circle_is_fine_once_a_module_has_put_its_value_in_place(program: Program) -> None:
    assert (
        program.lua(
            "return require('a').name",
            a="local M = {name = 'a'} package.loaded.a = M require 'b' return M",
            b="return require('a').name",
        )
        == "a"
    )


def test_a_circle_that_was_caught_leaves_the_modules_loadable(program: Program) -> None:
    assert program.lua(
        "local ok = pcall(require, 'a') fixed = true return {ok, (require 'a')}",
        a="if not fixed then require 'b' end return 'a'",
        b="require 'a' return 'b'",
    ) == [False, "a"]


def test_a_module_cannot_require_the_script_that_runs(failing: Failure) -> None:
    error = failing("lua", "require 'm'", m="local main = require 'main' return 1")
    assert error.code == "module_error"
    assert "main.lua is the script that runs" in error.message


def test_a_module_may_yield_while_it_is_loaded(program: Program) -> None:
    assert program.lua(
        """
        local load = coroutine.wrap(function() return require 'm' end)
        return {load(), load(), require 'm'}""",
        m="coroutine.yield('waiting') return 'done'",
    ) == ["waiting", "done", "done"]


def test_a_module_that_a_sleeping_coroutine_loads_is_no_circle_without_end(
    failing: Failure,
) -> None:
    error = failing(
        "lua",
        "coroutine.wrap(function() require 'm' end)() local x = require 'm'",
        m="coroutine.yield() return 1",
    )
    assert "still being loaded" in error.message


@pytest.mark.parametrize(
    "line", ["package.path = '?.lua'", "local p = package.path", "package.cpath = ''"]
)
def test_where_modules_are_is_not_for_scripts_to_say(failing: Failure, line: str) -> None:
    error = failing("lua", line)
    assert error.code == "invalid_argument"
    assert "[modules] paths" in str(error.hint)


def test_other_members_of_package_are_the_scripts_own(program: Program) -> None:
    assert program.lua("package.mine = 3 return {package.mine, package.searchpath == nil}") == [
        3,
        True,
    ]


@pytest.mark.parametrize("value", ["nil", "5", "{}", "true"])
def test_a_name_that_is_no_text_is_refused(failing: Failure, value: str) -> None:
    error = failing("lua", f"require({value})")
    assert error.code == "invalid_argument"
    assert error.line == 1


def test_a_module_may_start_with_a_line_for_the_shell(program: Program) -> None:
    assert program.lua("return require 'm'", m="#!/usr/bin/lua\nreturn 4") == 4


def test_what_scripts_replace_does_not_change_require(program: Program) -> None:
    assert (
        program.lua(
            """
        type, error, setmetatable, pcall = nil, nil, nil, nil
        string.match, coroutine.running = nil, nil
        return require 'm'""",
            m="return 'still'",
        )
        == "still"
    )
