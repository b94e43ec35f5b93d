"""The editor typings name everything a script can call."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmspell.typings import luacats, typescript, write
from llmspell_stdlib.registry import GLOBALS

FUNCTIONS = [
    (declared.name, function)
    for declared in GLOBALS
    for function in declared.functions
    if not function.internal
]


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@pytest.mark.parametrize(
    ("owner", "name"), [(o, f.name) for o, f in FUNCTIONS if "lua" in f.languages]
)
def test_every_function_of_lua_is_declared(owner: str, name: str) -> None:
    place = f"{owner}.{name}" if owner else name
    assert re.search(rf"^function {re.escape(place)}\(", luacats(), re.MULTILINE)


@pytest.mark.parametrize(
    ("owner", "name", "forms"),
    [(o, f.name, len(f.by_form())) for o, f in FUNCTIONS if "js" in f.languages],
)
def test_every_function_of_javascript_is_declared(owner: str, name: str, forms: int) -> None:
    text = typescript()
    if owner == "State":
        for alias in {name, camel(name)}:
            # Once promised, once under `sync`, in each of its forms.
            own = text.partition("interface StateSync")[2].partition("declare const State")[0]
            assert len(re.findall(rf"^  {alias}\(", own, re.MULTILINE)) == 2 * forms
    elif owner == "console":
        assert f"'{name}'" in text
    elif owner == "":
        assert f"declare function {name}(" in text
    elif name != "parse":  # what TypeScript's own library declares
        assert re.search(rf"^  {name}[(<]", text, re.MULTILINE)


def test_parameters_that_may_be_left_out_are_marked() -> None:
    assert "load(scope: Scope, key: string, default_?: Value): Promise<Value>;" in typescript()
    assert "---@param default? Value" in luacats()


def test_a_function_of_two_forms_has_two_overloads() -> None:
    assert "migrate(scope: Scope, key: string, target: number | string, " in typescript()
    assert "migrate(target: number | string, options?: MigrateAllOptions): " in typescript()
    assert "---@overload fun(target: integer|string, options?: MigrateAllOptions)" in luacats()
    assert "function State.migrate(scope, key, target, options) end" in luacats()


def test_brackets_of_the_typescript_file_match() -> None:
    code = re.sub(r"/\*.*?\*/|//[^\n]*|\"[^\"\n]*\"|'[^'\n]*'", "", typescript(), flags=re.DOTALL)
    for opening, closing in ("()", "{}", "[]"):
        assert code.count(opening) == code.count(closing)


def test_both_files_are_written(tmp_path: Path) -> None:
    written = write(tmp_path / "types")
    assert sorted(path.name for path in written) == ["llmspell.d.ts", "llmspell.lua"]
    assert (tmp_path / "types" / "llmspell.lua").read_text() == luacats()
