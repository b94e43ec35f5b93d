"""Flags in the wrong place or form are told, before a script gets more than was meant for it."""

from __future__ import annotations

import pytest

from .conftest import Program


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("exec", "--engine", "lua", "print(1)", "--allow-read", "data"), "--allow-read=data"),
        (("exec", "--engine", "lua", "--allow-write", "data", "print(1)"), "--allow-write=data"),
        (("run", "--allow-read", "data", "x.lua"), "--allow-read=data"),
        (("run", "--allow-net", "api.example.com", "x.lua"), "--allow-net=api.example.com"),
    ],
)
def test_a_value_after_a_space_permits_nothing(
    llmspell: Program, arguments: tuple[str, ...], meant: str
) -> None:
    (llmspell.folder / "data").mkdir()
    llmspell.write("x.lua", "print('ran')")
    done = llmspell(*arguments)
    assert done.returncode == 2
    assert f"write {meant}" in done.stderr
    assert done.stdout == ""


def test_a_flag_alone_stands_before_a_script(llmspell: Program) -> None:
    llmspell.write("poem.txt", "so much depends")
    llmspell.write("x.lua", "print(Fs.read('poem.txt'))")
    assert llmspell("run", "--allow-read", "x.lua").stdout == "so much depends\n"


def test_a_flag_after_the_script_is_told(llmspell: Program) -> None:
    llmspell.write("x.lua", "print(ARGS[1])")
    done = llmspell("run", "x.lua", "--allow-read=data")
    assert "--allow-read=data stands after x.lua" in done.stderr


def test_what_other_runtimes_have_is_answered_with_what_there_is(llmspell: Program) -> None:
    lua = llmspell("exec", "--engine", "lua", "io.open('x')")
    js = llmspell("exec", "--engine", "js", "fetch('https://example.com')")
    assert "Fs.read" in lua.stderr
    assert "Http.request" in js.stderr


def test_a_session_ends_an_input_that_takes_too_long(llmspell: Program) -> None:
    llmspell.write("short.toml", "[limits]\ntimeout_s = 1\n")
    done = llmspell(
        "repl", "-c", "short.toml", "--engine", "lua", stdin="while true do end\nprint('on')\n"
    )
    assert "ran longer than 1" in done.stderr
    assert done.stdout == "on\n"


def test_the_profile_for_scripts_nobody_has_read_keeps_its_distance(llmspell: Program) -> None:
    llmspell.write("secret.json", '{"key": 1}')
    llmspell("exec", "--engine", "lua", "State.save('g', 'k', 'mine')")
    untrusted = ("-p", "untrusted", "exec", "--engine", "lua")
    assert llmspell(*untrusted, "return State.load('g', 'k')").stdout == ""
    done = llmspell(*untrusted, "return require('secret').key")
    assert "module_not_found" in done.stderr


def test_hardening_is_not_required_of_this_process(llmspell: Program) -> None:
    llmspell.write("hard.toml", "[sandbox]\nrequire_hardening = true\n")
    done = llmspell("-c", "hard.toml", "exec", "--engine", "lua", "print(1)")
    assert done.returncode == 2
    assert 'needs isolation = "process"' in done.stderr
