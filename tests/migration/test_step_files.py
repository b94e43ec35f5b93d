"""Migration steps in TOML and JSON files: what is read, and what is refused with its place."""

import json
from pathlib import Path

import pytest

from llmspell.errors import SchemaError
from llmspell.migration.files import read_step, read_steps

STEP = """\
schema = "user_profile"
from_version = 1
to_version = 2
name = "restructure_user_profile"
description = "Move email to contact_info"

[[transformations]]
type = "move"
from_field = "email"
to_field = "contact_info.email"

[[transformations]]
type = "default"
field = "contact_info.verified"
value = false

[[pre_conditions]]
type = "field_exists"
field = "email"

[[post_conditions]]
type = "field_exists"
field = "contact_info.email"

[[rollback_transformations]]
type = "move"
from_field = "contact_info.email"
to_field = "email"
"""


def written(folder: Path, text: str, name: str = "step.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def refusal(folder: Path, text: str, name: str = "step.toml") -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        read_step(written(folder, text, name))
    return caught.value


def test_a_file_holds_a_whole_step(tmp_path: Path) -> None:
    step = read_step(written(tmp_path, STEP))
    assert (step.schema_name, step.from_version, step.to_version) == ("user_profile", 1, 2)
    assert [part.words for part in step.transformations] == [
        "move email -> contact_info.email",
        "default contact_info.verified",
    ]
    assert [part.words for part in step.pre_conditions] == ["field_exists email"]
    assert [part.words for part in step.post_conditions] == ["field_exists contact_info.email"]
    assert step.rollback_transformations is not None
    assert step.source == tmp_path / "step.toml"


def test_json_says_the_same_as_toml(tmp_path: Path) -> None:
    from_toml = read_step(written(tmp_path, STEP))
    data = from_toml.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    from_json = read_step(written(tmp_path, json.dumps(data), "step.json"))
    assert from_json.model_dump() == from_toml.model_dump()


def test_a_name_can_be_left_out(tmp_path: Path) -> None:
    step = read_step(written(tmp_path, 'schema = "a"\nfrom_version = 3\nto_version = 2\n'))
    assert step.name == "a_v3_to_v2"
    assert step.rollback_transformations is None


def test_broken_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, 'schema = "a"\nfrom_version = \nto_version = 2\n')
    assert error.details["line"] == 2
    assert f"{tmp_path / 'step.toml'}:2: not valid TOML" in error.message


def test_broken_json_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, '{"schema": "a",\n "from_version": }', "step.json")
    assert error.details["line"] == 2
    assert "not valid JSON" in error.message


@pytest.mark.parametrize(
    ("wrong", "right", "line"),
    [
        ("from_versoin = 1", "from_version", 2),
        ("[[transformation]]\n", "transformations", 7),
        ("[[pre_condition]]\n", "pre_conditions", 7),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(
    tmp_path: Path, wrong: str, right: str, line: int
) -> None:
    lines = STEP.splitlines()
    lines[line - 1] = wrong.rstrip("\n")
    error = refusal(tmp_path, "\n".join(lines))
    assert "unknown key" in error.message
    assert f"did you mean '{right}'?" in str(error.to_dict())
    assert f"step.toml:{line}" in error.message


def test_an_unknown_key_of_a_transform_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, STEP.replace('to_field = "contact', 'to_feild = "contact'))
    assert "step.toml:10: " in error.message
    assert "did you mean 'to_field'?" in str(error.to_dict())


def test_an_unknown_transform_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    error = refusal(tmp_path, STEP.replace('type = "move"', 'type = "mvoe"', 1))
    assert "unknown type" in error.message
    assert error.hint is not None
    assert "did you mean 'move'?" in error.hint


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("from_version", '"1"', "must be a whole number"),
        ("from_version", "1.0", "must be a whole number"),
        ("from_version", "true", "must be a whole number"),
        ("from_version", "0", "must be at least 1"),
        ("to_version", "-2", "must be at least 1"),
        ("schema", "5", "must be text in quotes"),
        ("schema", '""', "must not be empty"),
        ("schema", '"user_profile@1"', "without"),
        ("description", "[]", "must be text in quotes"),
    ],
)
def test_a_wrong_type_is_refused_with_its_field_and_line(
    tmp_path: Path, field: str, value: str, said: str
) -> None:
    lines = STEP.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"{field} ="))
    lines[at] = f"{field} = {value}"
    error = refusal(tmp_path, "\n".join(lines))
    assert f"step.toml:{at + 1}: {field}: " in error.message
    assert said in error.message


@pytest.mark.parametrize("field", ["schema", "from_version", "to_version"])
def test_what_every_step_needs_must_be_given(tmp_path: Path, field: str) -> None:
    text = "\n".join(line for line in STEP.splitlines() if not line.startswith(f"{field} ="))
    assert f"{field}: must be given" in refusal(tmp_path, text).message


def test_a_step_leads_from_one_version_to_another(tmp_path: Path) -> None:
    error = refusal(tmp_path, STEP.replace("to_version = 2", "to_version = 1"))
    assert "from_version and to_version are both 1" in error.message


def test_a_path_that_is_none_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, STEP.replace('"contact_info.email"', '"contact_info..email"', 1))
    assert "'contact_info..email' is no path" in error.message


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = STEP.replace("from_version = 1", 'from_version = "1"').replace("name =", "nmae =")
    problems = refusal(tmp_path, text).details["problems"]
    assert {problem["key"] for problem in problems} == {"from_version", "nmae"}


def test_two_files_for_the_same_step_are_refused_and_both_named(tmp_path: Path) -> None:
    first = written(tmp_path, STEP, "a.toml")
    second = written(tmp_path, STEP.replace("restructure", "rebuild"), "b.toml")
    with pytest.raises(SchemaError) as caught:
        read_steps(tmp_path)
    assert caught.value.details["files"] == [str(first), str(second)]
    assert str(first) in caught.value.message
    assert str(second) in caught.value.message
    assert "1 -> 2" in caught.value.message


def test_a_folder_is_read_by_the_names_of_its_files(tmp_path: Path) -> None:
    written(tmp_path, STEP.replace("_version = 2", "_version = 3"), "b.toml")
    written(tmp_path, STEP, "a.toml")
    written(tmp_path, "no step", "README.md")
    written(tmp_path, "no step", ".hidden.toml")
    (tmp_path / "old.toml").mkdir()
    assert [step.to_version for step in read_steps(tmp_path)] == [2, 3]


def test_an_empty_folder_holds_no_steps(tmp_path: Path) -> None:
    assert read_steps(tmp_path) == []


def test_a_folder_or_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no such folder"):
        read_steps(tmp_path / "migrations")
    with pytest.raises(SchemaError, match="no such file"):
        read_step(tmp_path / "step.toml")


def test_other_files_are_no_steps(tmp_path: Path) -> None:
    assert "neither a .toml nor a .json" in refusal(tmp_path, STEP, "step.yaml").message
    assert "is empty" in refusal(tmp_path, "").message
    assert "must hold one object" in refusal(tmp_path, "[]", "step.json").message


def test_no_message_repeats_a_value(tmp_path: Path) -> None:
    error = refusal(tmp_path, STEP.replace("from_version = 1", 'from_version = "hunter2"'))
    assert "hunter2" not in str(error.to_dict())
