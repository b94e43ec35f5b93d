"""Modules on the command line: run, exec, the standard input, the REPL, --module-path, --watch."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cli.conftest import Program
from cli.test_watch import watching, writing


@pytest.fixture
def llmspell(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_text_from_the_shell_finds_modules_in_the_current_folder(llmspell: Program) -> None:
    llmspell.write("lib/m.js", "module.exports = 'found'")
    llmspell.write("lib/m.lua", "return 'found'")
    done = llmspell("exec", "--engine", "js", "require('./lib/m')")
    assert done.stdout == "found\n", done.stderr
    done = llmspell("run", "--engine", "lua", "-", stdin="print((require 'lib.m'))")
    assert done.stdout == "found\n", done.stderr
    done = llmspell("repl", "--engine", "lua", stdin="require('lib.m')\n")
    assert done.stdout.startswith('"found"'), done.stderr


def test_an_option_names_further_folders(llmspell: Program) -> None:
    llmspell.write("one/a.lua", "return 'a'")
    llmspell.write("two/b.lua", "return 'b'")
    llmspell.write("app/main.lua", "print(require 'a' .. require 'b')")
    options = ("--module-path", "one", "--module-path", "two")
    assert llmspell("run", *options, "app/main.lua").stdout == "ab\n"
    assert llmspell("exec", *options, "--engine", "lua", "return require 'b'").stdout == "b\n"


@pytest.mark.parametrize("folder", ["nowhere", "file.txt", ""])
def test_a_folder_that_is_none_is_a_usage_error(llmspell: Program, folder: str) -> None:
    llmspell.write("main.lua", "")
    llmspell.write("file.txt", "")
    done = llmspell.here("run", "--module-path", folder, "main.lua")
    assert done.returncode == 2
    assert "--module-path" in done.stderr


def test_the_report_of_an_error_in_a_module_is_whole(llmspell: Program) -> None:
    llmspell.write("lib/m.lua", "local M = {}\nfunction M.go()\n  error('broken')\nend\nreturn M")
    llmspell.write("main.lua", "local m = require 'lib.m'\nm.go()")
    done = llmspell("run", "main.lua")
    assert done.returncode == 1
    # A column may be there, too.
    assert re.sub(r"(m\.lua:3):\d+|\n +\| +\^", r"\1", done.stderr) == (
        "error[script_error]: broken\n"
        "  --> lib/m.lua:3\n"
        "  |\n"
        "3 |   error('broken')\n"
        "traceback (innermost first):\n"
        "  lib/m.lua:3 in go\n"
        "  main.lua:2 in main chunk\n"
    )


def test_a_pipe_in_the_way_of_a_module_does_not_hang_the_run(llmspell: Program) -> None:
    os.mkfifo(llmspell.folder / "m.lua")
    done = llmspell("exec", "--engine", "lua", "return require 'm'")
    assert done.returncode == 1
    assert "not a regular file" in done.stderr


def test_a_watched_script_runs_again_when_one_of_its_modules_changes(llmspell: Program) -> None:
    llmspell.write("app/main.lua", "print(require 'near' .. ' ' .. require 'far')")
    llmspell.write("app/near.lua", "return 'near1'")
    llmspell.write("shared/far.lua", "return 'far1'")
    llmspell.write("run.toml", '[modules]\npaths = ["shared", "missing"]')
    llmspell.environ["LLMSPELL_CONFIG"] = "run.toml"
    with watching(llmspell, "app/main.lua") as watch:
        watch.wait_for("near1 far1")
        watch.wait_for("waiting for changes")
        with writing(llmspell, "shared/far.lua", "return 'far2'"):
            watch.wait_for("near1 far2")
        with writing(llmspell, "app/near.lua", "return 'near2'"):
            watch.wait_for("near2 far2")
