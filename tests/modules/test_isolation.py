"""Modules of scripts whose virtual machine lives in a process of its own: the host reads the files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmspell import Runtime
from llmspell.errors import ModuleNotFound, ScriptError

from .conftest import Program


@pytest.fixture
def isolated(program: Program) -> Iterator[Program]:
    program.runtime.close()
    program.runtime = Runtime(isolation="process", module_paths=["vendor"])
    yield program
    program.runtime.close()


def test_modules_are_found_and_their_errors_placed(isolated: Program) -> None:
    isolated.write("vendor/far.lua", "return 'far'")
    isolated.write("vendor/far.js", "module.exports = 'far'")
    isolated.write("d.json", "[1]")
    assert isolated.lua("return require 'far' .. require('d')[1]") == "far1"
    assert isolated.js("require('far') + require('./d')[0]") == "far1"
    for language, code, module in (
        ("lua", "local m = require 'm'", "local x\nerror('broken')"),
        ("js", "require('./m')", "let x;\nthrow new Error('broken')"),
    ):
        with pytest.raises(ScriptError, match="broken") as caught:
            getattr(isolated, language)(code, m=module)
        error = caught.value
        assert (error.file, error.line, error.source_line) == (
            f"m.{language}",
            2,
            module.split("\n")[1],
        )
        assert [frame.file for frame in error.frames] == [f"m.{language}", f"main.{language}"]


def test_there_is_no_way_out_either(isolated: Program, language: str) -> None:
    name = {"lua": "local x = require '../outside'", "js": "require('../outside')"}[language]
    with pytest.raises(ScriptError) as caught:
        getattr(isolated, language)(name)
    assert caught.value.code == "module_not_found"
    assert isinstance(caught.value.__cause__, ModuleNotFound)
