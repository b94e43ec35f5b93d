"""What modules add to the globals: these names, and nothing of the host behind them."""

from __future__ import annotations

from .conftest import Program

LUA_NAMES = "local n = {} for k in pairs(%s) do n[#n + 1] = k end table.sort(n) return n"


def test_lua_has_two_names_more(program: Program) -> None:
    names = program.lua(LUA_NAMES % "_G")
    assert {"package", "require"} <= set(names)
    assert program.lua(LUA_NAMES % "package") == ["config", "loaded", "preload"]
    assert program.lua(LUA_NAMES % "package.loaded") == sorted(
        ["_G", "coroutine", "math", "os", "package", "string", "table", "utf8"]
    )


def test_javascript_has_five_names_more_that_no_loop_shows(program: Program) -> None:
    names = ["__dirname", "__filename", "exports", "module", "require"]
    assert program.js(f"{names}.map((name) => name in globalThis)") == [True] * 5
    assert (
        program.js(f"const shown = Object.keys(globalThis); {names}.some((n) => shown.includes(n))")
        is False
    )
    assert program.js("Object.getOwnPropertyNames(require).sort()") == [
        "cache",
        "length",
        "main",
        "name",
        "prototype",
        "resolve",
    ]


def test_everything_reachable_in_lua_is_luas_own(program: Program) -> None:
    program.write("d.json", "[{}]")
    assert (
        program.lua(
            """
        require 'm' require 'd'
        local ok, problem = pcall(require, 'gone')
        local seen, kinds = {}, {}
        local function walk(value)
          kinds[type(value)] = true
          if type(value) ~= 'table' or seen[value] then return end
          seen[value] = true
          local mark = getmetatable(value)
          if mark then walk(mark) end
          for key, member in next, value do walk(key) walk(member) end
        end
        walk({_G, problem})
        return kinds.userdata == nil and kinds.thread == nil""",
            m="return {...}",
        )
        is True
    )


def test_the_function_the_host_is_asked_by_is_nowhere(program: Program) -> None:
    assert (
        program.js(
            "require('./m'); Object.getOwnPropertyNames(globalThis)"
            ".filter((name) => /chunk|door|host|find_?module|main_?module/i.test(name))",
            m="",
        )
        == []
    )
