"""Which folders modules come from: the script's own, those of the configuration, of the program."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from llmspell import Config, Runtime
from llmspell.config import load_config
from llmspell.errors import ConfigError, InvalidArgument, ModuleError, ModuleNotFound, ScriptError
from llmspell.script import Script

from .conftest import Program

REQUIRE = {"lua": "return require 'm'", "js": "require('m')"}


def module(value: str, language: str) -> str:
    return {"lua": f"return '{value}'", "js": f"module.exports = '{value}'"}[language]


def test_the_scripts_folder_comes_first_then_the_programs_then_the_configured(
    program: Program, language: str
) -> None:
    for name in ("given", "configured"):
        program.write(f"{name}/m.{language}", module(name, language))
    program.write("run.toml", '[modules]\npaths = ["configured"]')
    program.write(f"main.{language}", REQUIRE[language])
    with Runtime("run.toml", module_paths=["given"]) as runtime:
        assert runtime.run(f"main.{language}").value == "given"
        program.write(f"m.{language}", module("own", language))
        assert runtime.run(f"main.{language}").value == "own"
    with Runtime("run.toml") as runtime:
        os.remove(f"m.{language}")
        assert runtime.run(f"main.{language}").value == "configured"


def test_modules_of_another_folder_find_each_other(program: Program) -> None:
    program.write(
        "vendor/kit/index.js", "module.exports = [require('./part'), require('kit/part')]"
    )
    program.write("vendor/kit/part.js", "module.exports = __filename")
    program.write("app/main.js", "require('kit')")
    with Runtime(module_paths=[Path("vendor")]) as runtime:
        assert runtime.run("app/main.js").value == ["vendor/kit/part.js"] * 2


def test_a_module_cannot_leave_the_folder_it_came_from(program: Program) -> None:
    program.write("vendor/kit.js", "require('../app/main')")
    program.write("app/main.js", "require('kit')")
    with Runtime(module_paths=["vendor"]) as runtime, pytest.raises(ScriptError) as caught:
        runtime.run("app/main.js")
    assert caught.value.code == "module_not_found"
    assert "leads out" in caught.value.message


@pytest.mark.parametrize("folder", ["app", "./app", "app/../app", "{here}/app"])
def test_files_are_shown_as_the_script_was_named(program: Program, folder: str) -> None:
    folder = folder.format(here=program.folder)
    program.write("app/lib/m.lua", "error('here')")
    program.write("app/main.lua", "require 'lib.m'")
    with pytest.raises(ScriptError) as caught:
        program.runtime.run(f"{folder}/main.lua")
    assert caught.value.file == f"{folder.removeprefix('./')}/lib/m.lua"


def test_text_has_no_folder_unless_it_is_given_one(program: Program, language: str) -> None:
    program.write(f"m.{language}", module("found", language))
    with pytest.raises(ScriptError) as caught:
        program.runtime.execute(REQUIRE[language], engine=language)
    assert caught.value.code == "module_not_found"
    assert "given as text" in caught.value.message
    found = program.runtime.execute(REQUIRE[language], engine=language, folder=".")
    assert found.value == "found"


def test_text_finds_what_is_in_the_module_folders(program: Program) -> None:
    program.write("lib/m.js", "module.exports = 'found'")
    with Runtime(module_paths=["lib"]) as runtime:
        assert runtime.execute("require('m')", engine="js").value == "found"
        with pytest.raises(ScriptError, match="given as text"):
            runtime.execute("require('./m')", engine="js")


def test_a_session_keeps_the_modules_it_loaded(program: Program) -> None:
    program.write("m.lua", "return {n = 0}")
    with program.runtime.session("lua", folder=".") as session:
        session.evaluate("m = require 'm'")
        session.evaluate("m.n = 5")
        assert session.evaluate("require('m').n") == "5"


def test_a_map_runs_scripts_with_their_modules_in_other_processes(
    program: Program, language: str
) -> None:
    program.write(f"m.{language}", module("found", language))
    program.write(f"vendor/v.{language}", module("too", language))
    both = {
        "lua": "return {require 'm', require 'v', INPUT}",
        "js": "[require('./m'), require('v'), INPUT]",
    }
    program.write(f"main.{language}", both[language])
    with (
        Runtime(module_paths=["vendor"]) as runtime,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        results = list(runtime.map(f"main.{language}", [1, 2], executor=pool))
    assert [result.value for result in results] == [["found", "too", 1], ["found", "too", 2]]


def test_a_script_that_was_read_carries_its_folder(program: Program) -> None:
    program.write("app/main.lua", "")
    script = Script.read("app/main.lua")
    assert script.folder == os.path.realpath("app")
    assert pickle.loads(pickle.dumps(script)) == script
    assert Script("return 1", "lua").folder is None


@pytest.mark.parametrize(
    "paths", ["lib", b"lib", Path("lib"), 5, None, [5], [b"lib"], [""], ["a\0b"]]
)
def test_module_paths_that_are_no_list_of_folders_are_refused(paths: object) -> None:
    with pytest.raises(InvalidArgument, match="module_paths"):
        Runtime(module_paths=paths)  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", [5, b"lib", "", "a\0b", "\ud800", ["lib"]])
def test_a_folder_of_text_that_can_be_none_is_refused(program: Program, folder: object) -> None:
    with pytest.raises(InvalidArgument, match="folder"):
        program.runtime.execute("1", engine="js", folder=folder)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="folder"):
        program.runtime.session("js", folder=folder)  # type: ignore[arg-type]


def test_a_folder_that_is_not_there_is_a_missing_module(program: Program) -> None:
    with pytest.raises(ScriptError, match=r"there is no folder nowhere"):
        program.runtime.execute("require('./m')", engine="js", folder=Path("nowhere"))


def test_an_empty_list_changes_nothing() -> None:
    with Runtime(module_paths=[]) as runtime:
        assert runtime.config.modules.paths == ()


def test_the_environment_names_folders_as_a_list_or_as_a_path() -> None:
    for text in (f"a{os.pathsep}b", '["a", "b"]'):
        config = load_config(environ={"LLMSPELL_MODULES__PATHS": text})
        assert config.modules.paths == (Path("a"), Path("b"))


def test_the_configuration_is_written_as_it_was_read(program: Program) -> None:
    program.write("a.toml", '[modules]\npaths = ["lib", "vendor/kit"]')
    config = load_config("a.toml")
    assert 'paths = ["lib", "vendor/kit"]' in config.to_toml()
    program.write("b.toml", config.to_toml())
    assert load_config("b.toml") == config
    assert Config().modules.paths == ()


@pytest.mark.parametrize("value", ["5", "[5]", '[""]', "true", '["a\\u0000"]'])
def test_a_mistake_in_the_configuration_is_told(program: Program, value: str) -> None:
    program.write("bad.toml", f"[modules]\npaths = {value}")
    with pytest.raises(ConfigError, match=r"modules\.paths"):
        load_config("bad.toml")


def test_a_failed_require_is_a_natural_import_error_for_the_host(program: Program) -> None:
    program.write("main.js", "require('./gone')")
    with pytest.raises(ScriptError) as caught:
        program.runtime.run("main.js")
    cause = caught.value.__cause__
    assert isinstance(cause, ModuleNotFound)
    assert isinstance(cause, ModuleError)
    assert isinstance(cause, ModuleNotFoundError)
    assert pickle.loads(pickle.dumps(cause)).details == cause.details


def test_two_folders_that_hold_each_other_load_a_file_once(program: Program) -> None:
    program.write("lib/m.js", "globalThis.n = (globalThis.n ?? 0) + 1")
    program.write("main.js", "require('./lib/m'); require('m'); require('lib/m'); n")
    with Runtime(module_paths=["lib"]) as runtime:
        assert runtime.run("main.js").value == 1
