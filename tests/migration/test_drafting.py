"""Drafts of migration files: they can be read back, and they do what is certain to be needed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import SchemaError
from llmspell.migration.checks import check_step
from llmspell.migration.drafting import draft
from llmspell.migration.files import read_step
from llmspell.migration.step import MigrationStep
from llmspell.schema.models import StateSchema

TEXT = {"type": "string"}


def schema(version: int, fields: dict[str, Any], **more: Any) -> StateSchema:
    given = {"required": list(fields), "additional_fields": False}
    return StateSchema.model_validate(
        {"name": "user", "version": version, "fields": fields, **given, **more}
    )


def text_of(old: StateSchema | None, new: StateSchema | None, name: str | None = None) -> str:
    return draft(old, new, schema="user", from_version=1, to_version=2, name=name)


def read(folder: Path, text: str) -> MigrationStep:
    file = folder / "draft.toml"
    file.write_text(text, encoding="utf-8")
    return read_step(file)


def words(step: MigrationStep) -> list[str]:
    return [part.words for part in step.transformations]


def test_a_draft_adds_what_is_required_and_removes_what_is_no_longer_taken(tmp_path: Path) -> None:
    old = schema(1, {"name": TEXT, "legacy": {"type": "boolean"}})
    new = schema(2, {"name": TEXT, "level": {"type": "integer", "default": 3}})
    step = read(tmp_path, text_of(old, new))
    assert words(step) == ["default level", "remove legacy"]
    assert step.transformations[0].model_dump()["value"] == 3
    assert check_step(step, old=old, new=new).errors == ()


def test_a_likely_move_is_suggested_as_a_comment(tmp_path: Path) -> None:
    contact = {"type": "object", "fields": {"email": TEXT}, "required": ["email"]}
    old, new = schema(1, {"email": TEXT}), schema(2, {"contact": contact})
    text = text_of(old, new)
    assert "# email is gone and contact.email is new, both of type string." in text
    assert '# from_field = "email"\n# to_field = "contact.email"' in text
    # As it stands, and with the suggestion taken, it is a step from the one to the other.
    assert words(read(tmp_path, text)) == ["default contact.email", "remove email"]
    at = text.index("# [[transformations]]")
    end = text.index("\n\n", at)
    taken = text[:at] + text[at:end].replace("# ", "") + text[end:]
    step = read(tmp_path, taken)
    assert words(step)[0] == "move email -> contact.email"
    assert check_step(step, old=old, new=new).errors == ()


def test_another_type_is_suggested_as_a_comment(tmp_path: Path) -> None:
    text = text_of(schema(1, {"age": TEXT}), schema(2, {"age": {"type": "integer"}}))
    assert '# transformer = "to_integer"' in text
    assert words(read(tmp_path, text)) == []


def test_an_open_version_keeps_what_it_does_not_declare(tmp_path: Path) -> None:
    old, new = schema(1, {"a": TEXT}), schema(2, {}, additional_fields=True)
    text = text_of(old, new)
    assert "does not declare a, and takes other fields: it stays" in text
    assert words(read(tmp_path, text)) == []


def test_required_fields_of_optional_maps_are_only_suggested(tmp_path: Path) -> None:
    def contact(*required: str) -> dict[str, Any]:
        return {"type": "object", "fields": {"email": TEXT}, "required": list(required)}

    old = schema(1, {"contact": contact()}, required=[])
    new = schema(2, {"contact": contact("email")}, required=[])
    text = text_of(old, new)
    assert '# field = "contact.email"' in text
    assert words(read(tmp_path, text)) == []


def test_elements_of_lists_get_their_new_fields(tmp_path: Path) -> None:
    def items(**fields: Any) -> dict[str, Any]:
        item = {"type": "object", "fields": fields, "required": list(fields)}
        return {"type": "array", "items": item}

    old = schema(1, {"items": items(price={"type": "float"})})
    new = schema(2, {"items": items(price={"type": "float"}, count={"type": "integer"})})
    assert words(read(tmp_path, text_of(old, new))) == ["default items[].count"]


def test_without_schemas_a_draft_shows_every_transform(tmp_path: Path) -> None:
    text = text_of(None, schema(2, {"a": TEXT}), "first try")
    step = read(tmp_path, text)
    assert (step.name, step.transformations) == ("first try", ())
    examples = text[text.index("# [[transformations]]") :].replace("# ", "").replace("#", "")
    examples = examples.replace("What must hold before and after:", "")
    shown = read(tmp_path, 'schema = "user"\nfrom_version = 1\nto_version = 2\n' + examples)
    assert [part.type for part in shown.transformations] == ["move", "default", "custom", "remove"]


def test_names_and_versions_that_no_step_can_have_are_refused() -> None:
    with pytest.raises(SchemaError, match="both 1"):
        draft(None, None, schema="user", from_version=1, to_version=1)
    with pytest.raises(SchemaError, match="printable"):
        draft(None, None, schema="user", from_version=1, to_version=2, name="a\nb")


SPECS = st.sampled_from(
    [
        TEXT,
        {"type": "string", "min_length": 3},
        {"type": "string", "default": "a\"b'c \\ d"},
        {"type": "string", "nullable": True, "default": None},
        {"type": "integer", "min": 5},
        {"type": "float", "max": -1.5},
        {"type": "boolean", "default": True},
        {"type": "enum", "variants": ["all", "none"]},
        {"type": "array", "items": {"type": "object", "fields": {"x": TEXT}, "required": ["x"]}},
        {"type": "object", "fields": {"x": TEXT, "y": TEXT}, "required": ["x"]},
        {"type": "object", "additional_fields": False, "default": {}},
        {"type": "timestamp"},
        {"type": "uuid"},
        {"type": "any"},
    ]
)
NAMES = st.sampled_from(["email", "e mail", "a.b", 'a"b', "naïve", "items", "*", "[]"])
SCHEMAS = st.builds(
    lambda version, fields, closed, count: schema(
        version, fields, additional_fields=not closed, required=list(fields)[:count]
    ),
    st.just(1),
    st.dictionaries(NAMES, SPECS, max_size=4),
    st.booleans(),
    st.integers(0, 4),
)


@settings(max_examples=80, deadline=None)
@given(SCHEMAS, SCHEMAS)
def test_every_draft_reads_back_and_makes_what_the_next_version_requires(
    tmp_path_factory: pytest.TempPathFactory, old: StateSchema, new: StateSchema
) -> None:
    step = read(tmp_path_factory.getbasetemp(), text_of(old, new))
    errors = check_step(step, old=old, new=new).errors
    # What is left to its author: the conversion of what is of another type now.
    assert [error for error in errors if "is of type" not in error] == []


def test_a_field_of_the_same_name_whose_values_may_not_fit_is_told() -> None:
    old = schema(1, {"status": {"type": "enum", "variants": ["new", "done"]}})
    new = schema(2, {"status": {"type": "integer"}})
    text = text_of(old, new)
    assert "status" in text
    assert "nothing has to be done" not in text
    same = text_of(old, schema(2, {"status": {"type": "enum", "variants": ["new", "done"]}}))
    assert "nothing has to be done" in same
