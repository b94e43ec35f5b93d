"""Schemas in files: what is read, and what is said about what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmspell.errors import SchemaError
from llmspell.schema import StateSchema, StringField, parse_schema, read_schema, read_schemas

USER = """
name = "user_profile"
version = 2
description = "Who uses the application"
required = ["name"]
compatibility = "backward"
dependencies = ["address@1"]

[fields.name]
type = "string"
max_length = 50

[fields.tags]
type = "array"
items = { type = "string" }

[fields.address]
type = "object"
schema = "address@1"

[[validation_rules]]
field = "tags[]"
validator = "non_empty"

[[applies_to]]
scope = "user:*"
key = "profile"

[metadata]
since = 2024-01-31
"""


def written(folder: Path, text: str | bytes, name: str = "user.toml") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_a_toml_file_is_a_schema(tmp_path: Path) -> None:
    schema = read_schema(written(tmp_path, USER))
    assert (schema.id, str(schema.semantic_version)) == ("user_profile@2", "2.0.0")
    assert schema.fields["name"] == StringField(max_length=50)
    assert schema.applies_to is not None
    assert schema.applies_to[0].key == "profile"
    assert schema.metadata == {"since": "2024-01-31"}
    assert schema.source == tmp_path / "user.toml"


def test_json_and_plain_data_say_the_same_as_toml(tmp_path: Path) -> None:
    schema = read_schema(written(tmp_path, USER))
    dumped = schema.model_dump(mode="json", exclude_defaults=True)
    file = written(tmp_path, json.dumps(dumped), "user.json")
    assert read_schema(file) == schema == parse_schema(dumped)
    assert parse_schema(dumped).source is None


def test_a_folder_gives_its_schema_files_in_order(tmp_path: Path) -> None:
    for name in ("b.json", ".hidden.toml", "notes.txt", "a.toml"):
        text = f'name = "{name[0]}"\nversion = 1'
        written(tmp_path, json.dumps({"name": "b", "version": 1}) if "b" in name else text, name)
    (tmp_path / "deeper.toml").mkdir()
    assert [schema.name for schema in read_schemas(tmp_path)] == ["a", "b"]


HEAD = 'name = "user"\nversion = 1\n'
X = HEAD + "[fields.x]\n"
MISUSES = {
    "an unknown field type": (X + 'type = "integr"', 3, "fields.x: unknown type", "'integer'"),
    "no field type": (X + "max = 1", 3, "fields.x: type must be given", "types: string"),
    "a field that is no table": (HEAD + '[fields]\nx = "string"', 4, "fields.x: must be a table", ""),
    "a bound of the wrong type": (X + 'type = "integer"\nmin = "1"', 5, "fields.x.min: must be a whole number", ""),
    "bounds the wrong way round": (X + 'type = "float"\nmin = 2\nmax = 1', 3, "fields.x: min is more than max", ""),
    "a bound of another type": (X + 'type = "boolean"\nmin = 2', 5, "fields.x.min: unknown key", "it takes"),
    "a default that does not fit": (X + 'type = "string"\ndefault = 3', 3, "fields.x: default does not fit", ""),
    "a key with a typing mistake": (HEAD + 'requird = ["x"]', 3, "requird: unknown key", "'required'"),
    "a key deep inside": (X + 'type = "array"\n[fields.x.items]\ntype = "string"\nmaxlength = 1', 7, "fields.x.items.maxlength: unknown key", "'max_length'"),
    "version 0": ('name = "user"\nversion = 0', 2, "version: must be at least 1", ""),
    "a version that is text": ('name = "user"\nversion = "1"', 2, "version: must be a whole number", ""),
    "no version": ('name = "user"', None, "version: must be given", ""),
    "a name with odd characters": ('name = "us er"\nversion = 1', 1, "name: must be a name of", ""),
    "an unknown table": (X + 'type = "any"\n[other]', 5, "other: unknown key", ""),
    "a required field there is not": ('required = ["y"]\n' + X + 'type = "any"', 1, "required: names 'y', and there is no such field", ""),
    "a name in both lists": ('required = ["x"]\noptional = ["x"]\n' + X + 'type = "any"', 2, "optional: 'x' is both required and optional", ""),
    "a bad semantic version": (HEAD + 'semantic_version = "1.2"', 3, "semantic_version: must be a semantic version", ""),
    "a semantic version without quotes": (HEAD + "semantic_version = 1.2", 3, "semantic_version: must be a semantic version in quotes", ""),
    "a pattern that is none": (X + 'type = "string"\npattern = "(["', 3, "fields.x: pattern is no regular expression", ""),
    "an unknown format": (X + 'type = "string"\nformat = "emial"', 5, "fields.x.format: must be one of", ""),
    "no variants": (X + 'type = "enum"\nvariants = []', 5, "fields.x.variants: must not be empty", ""),
    "a variant twice": (X + 'type = "enum"\nvariants = [1, 1]', 3, "must not name a value twice", ""),
    "an unknown compatibility": (HEAD + 'compatibility = "total"', 3, "compatibility: must be one of", ""),
    "a dependency without version": (HEAD + 'dependencies = ["address"]', 3, "must be a schema and its version", ""),
    "a rule whose field is no path": (HEAD + '[[validation_rules]]\nfield = "a..b"\nvalidator = "email"', 4, "must be a path", ""),
    "a pattern that matches no scope": (HEAD + '[[applies_to]]\nscope = "agent:*:x"\nkey = ""', 3, "key must be a pattern", ""),
    "a schema with fields of its own": (X + 'type = "object"\nschema = "a@1"\nrequired = ["b"]', 3, "either a schema, or fields", ""),
    "an empty file": (" \n", None, "is empty", ""),
    "no TOML": ('name = "a"\nname =', 2, "not valid TOML", ""),
    "no UTF-8": (b'name = "a"\nx = "\xff"', 2, "is not text in UTF-8", ""),
    "a file too large": ("#" * (1024 * 1024 + 1), None, "is larger than 1 MiB", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", MISUSES)
def test_a_mistake_is_told_with_file_line_and_field(tmp_path: Path, case: str) -> None:
    text, line, said, hint = MISUSES[case]
    file = written(tmp_path, text)
    with pytest.raises(SchemaError) as caught:
        read_schema(file)
    error = caught.value
    assert said in error.message
    assert str(file) in error.message
    assert error.details["file"] == str(file)
    assert error.details.get("line") == line
    assert hint in (error.hint or "")
    assert error.code == "schema_error"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("user.json", "[1]", "must hold one object"),
        ("user.json", "{", "user.json:1: not valid JSON"),
        ("user.yaml", "name: user", "neither a .toml nor a .json file"),
        ("missing.toml", None, "there is no such file"),
    ],
)
def test_a_file_that_holds_no_schema_is_refused(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    file = tmp_path / name if text is None else written(tmp_path, text, name)
    with pytest.raises(SchemaError, match=said):
        read_schema(file)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = 'name = "user"\nversion = 0\nfield = 1\n[fields.x]\ntype = "strin"\n'
    with pytest.raises(SchemaError) as caught:
        read_schema(written(tmp_path, text))
    assert caught.value.message.startswith("3 mistakes:")
    lines = {problem["key"]: problem["line"] for problem in caught.value.details["problems"]}
    assert lines == {"version": 2, "field": 3, "fields.x": 4}


def test_no_message_holds_what_the_file_holds(tmp_path: Path) -> None:
    text = 'name = "user"\nversion = 1\n[fields.x]\ntype = "integer"\ndefault = "s3cret"\nmin = "s3cret"'
    with pytest.raises(SchemaError) as caught:
        read_schema(written(tmp_path, text))
    assert "s3cret" not in str(caught.value.to_dict())


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no such folder"):
        read_schemas(tmp_path / "schemas")
    with pytest.raises(SchemaError, match="is no folder"):
        read_schemas(written(tmp_path, ""))


def test_plain_data_is_told_its_mistakes_like_a_file() -> None:
    with pytest.raises(SchemaError, match="version: must be given"):
        parse_schema({"name": "user"})
    assert isinstance(parse_schema({"name": "user", "version": 1}), StateSchema)
