"""``import`` and ``export`` in JavaScript: refused, with what to write instead."""

from __future__ import annotations

import pytest

from .conftest import Failure, Program


@pytest.mark.parametrize(
    ("statement", "instead"),
    [
        ("import x from './x'", "const x = require('./x')"),
        ("import * as x from './x'", "const x = require('./x')"),
        ("import { a, b as c } from 'x'", "const { a, b: c } = require('x')"),
        ("import {\n  a,\n  b,\n} from './x'", "const { a, b } = require('./x')"),
        ("import './x'", "require('./x')"),
        ("import x, { a } from './x'", "require("),
        ("export default 5", "module.exports = ..."),
        ("export const a = 1", "exports.a = ..."),
        ("export async function go() {}", "exports.go = go"),
        ("export class Go {}", "exports.Go = Go"),
        ("const a = 1;\nexport { a }", "module.exports = {"),
        ("export * from './x'", "module.exports = {"),
        ("const here = import.meta.url", "__filename"),
    ],
)
@pytest.mark.parametrize("place", ["script", "module"])
def test_the_hint_says_what_to_write(
    program: Program, failing: Failure, place: str, statement: str, instead: str
) -> None:
    if place == "script":
        error = failing("js", f"// first\n{statement}")
    else:
        error = failing("js", "require('./m')", m=f"// first\n{statement}")
    assert error.code == "syntax_error"
    assert error.file == ("main.js" if place == "script" else "m.js")
    assert instead in str(error.hint)


def test_a_statement_that_is_not_the_first_problem_is_told_with_its_line(failing: Failure) -> None:
    error = failing("js", "let x = ;\n\nimport a from './a'")
    assert error.line == 1
    assert str(error.hint).startswith("in line 3, too: ")


def test_the_words_within_other_code_give_no_hint(failing: Failure) -> None:
    error = failing("js", "const importance = 1, exported = 2;\n// import x from 'y'\nlet x = ;")
    assert error.hint is None


def test_a_call_of_import_says_to_use_require(failing: Failure) -> None:
    error = failing("js", "await import('./m')", m="exports.a = 1")
    assert "require" in str(error.hint)


def test_a_script_can_go_on_when_import_is_not_there(program: Program) -> None:
    assert (
        program.js(
            "let m; try { m = await import('./m') } catch { m = require('./m') } return m.a",
            m="exports.a = 1",
        )
        == 1
    )
