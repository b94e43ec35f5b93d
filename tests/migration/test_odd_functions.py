"""Functions that answer what nobody asked for: the entry fails, and nothing of it is lost."""

from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import MigrationFailed
from llmspell.migration import FieldValid, MigrationStep, Validation
from llmspell.migration.compiling import compile_step
from llmspell.schema import Functions
from llmspell.schema.functions import failure
from llmspell.schema.validators import VALIDATORS
from llmspell.script_function import ScriptFunction

from .planning import planner, schema, step


class Unequal:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("secret")


async def later() -> bool:
    return True


def applied(answer: Any, value: dict[str, Any], **parts: Any) -> Any:
    odd = {"odd": lambda value, config: answer()}
    ends = {"schema": "user", "from_version": 1, "to_version": 2}
    functions = Functions("validator", VALIDATORS, odd)
    made = MigrationStep(**ends, **parts)
    compiled = compile_step(made, transformers=Functions("transformer", {}), validators=functions)
    return compiled.apply(value)


@pytest.mark.parametrize("action", ["remove", "set_default", "skip", "fail"])
@pytest.mark.parametrize("answer", [lambda: 1, lambda: [1], lambda: {"a": 1}, Unequal, later])
def test_a_validator_that_gives_no_answer_removes_nothing(answer: Any, action: str) -> None:
    default = {"default": 0} if action == "set_default" else {}
    check = Validation(field="a", validator="odd", error_action=action, **default)
    value = {"a": "secret"}
    with pytest.raises(MigrationFailed, match=r"validator 'odd' returned .* no answer") as failed:
        applied(answer, value, transformations=[check])
    assert value == {"a": "secret"}
    assert "secret" not in str(failed.value)
    assert failed.value.hint


def test_a_condition_asks_for_an_answer_as_well() -> None:
    with pytest.raises(MigrationFailed, match=r"a cannot be checked: validator 'odd'"):
        applied(lambda: 2, {"a": 1}, pre_conditions=[FieldValid(field="a", validator="odd")])


def test_an_error_without_a_line_is_told_with_the_script_alone(tmp_path: Path) -> None:
    script = tmp_path / "nothing.lua"
    script.write_text("return function(value, config) end")
    with pytest.raises(Exception, match="returned nothing") as raised:
        ScriptFunction(script, must_return=True)(1, {})
    assert isinstance(raised.value, Exception)
    assert failure(raised.value).endswith("(nothing.lua)")


def test_names_are_guessed_only_among_fields_that_a_schema_declares() -> None:
    moves = [
        {"type": "move", "from_field": "mail", "to_field": "email"},
        {"type": "copy", "from_field": "emails", "to_field": "b"},
    ]
    assert planner(step(1, 2, *moves)).plan("user", 1, 2).warnings == ()
    text = {"type": "string"}
    known = planner(schema(1, {"mails": text}), schema(2, {}), step(1, 2, moves[0]))
    assert any("did you mean mails" in said for said in known.plan("user", 1, 2).warnings)
