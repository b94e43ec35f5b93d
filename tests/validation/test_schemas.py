"""JSON Schemas for values: what they accept, how they refuse, where they come from."""

from __future__ import annotations

import datetime as dt
import json

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import ConfigError, ValidationFailed
from llmspell.security.validation import Candidate, Validator
from llmspell.security.validation.schemas import Schema

NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def problems(schema, value):
    return [tuple(problem) for problem in Schema(schema).problems(Candidate("s", "k", value))]


@pytest.mark.parametrize(
    ("schema", "value", "path", "message"),
    [
        ({"type": "string"}, 1, "$", 'must be of type "string"'),
        ({"type": ["string", "null"]}, 1, "$", 'must be of type "null" or "string"'),
        ({"items": {"minLength": 3}}, ["ab"], "$[0]", "must have 3 or more characters"),
        ({"maxLength": 1}, "ab", "$", "must have 1 or fewer characters"),
        ({"pattern": "^a"}, "b", "$", 'must match the pattern "^a"'),
        ({"pattern": "^(a|a|b(?=c))*$"}, "a" * 60 + "!", "$", "takes too long"),
        ({"format": "email"}, "b", "$", 'must be a valid "email"'),
        ({"enum": [1, "a"]}, 2, "$", 'must be one of 1 or "a"'),
        ({"const": 5}, 2, "$", "must be 5"),
        ({"minimum": 5}, 2, "$", "must be at least 5"),
        ({"exclusiveMaximum": 2}, 2, "$", "must be less than 2"),
        ({"multipleOf": 2}, 3, "$", "must be a multiple of 2"),
        ({"maxItems": 0}, [1], "$", "must have 0 or fewer items"),
        ({"uniqueItems": True}, [1, 1], "$", "must not have equal items"),
        ({"contains": {"const": 4}}, [1], "$", "it must contain"),
        ({"prefixItems": [True], "items": False}, [1, 2], "$[1]", "must not be there"),
        ({"properties": {"a": {"required": ["b"]}}}, {"a": {}}, "$.a", 'the member "b"'),
        ({"minProperties": 1}, {}, "$", "must have 1 or more members"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "$.ab", "has a name that must have 1 or"),
        (
            {"properties": {"a": True}, "additionalProperties": False},
            {"a": 1, "b c": 1},
            '$["b c"]',
            "must not be there",
        ),
        ({"additionalProperties": False}, {"a": 1}, "$", "has members that are not allowed"),
        ({"unevaluatedProperties": False}, {"a": 1}, "$.a", "must not be there"),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 1, "$", "fits none of the alternatives"),
        ({"oneOf": [True, {"minimum": 0}]}, 1, "$", "fits more than one of the alternatives"),
        ({"not": {"type": "integer"}}, 1, "$", "is what it must not be"),
        (False, 1, "$", "must not be there"),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"minimum": 2}}}, 1, "$", "must be at least 2"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path_in_words_of_the_schema(
    schema, value, path, message
):
    ((where, said, rule),) = problems(schema, value)
    assert where == path
    assert message in said
    assert rule.startswith("schema.")


def test_timestamps_are_iso_texts_and_bytes_are_base64_texts_to_a_schema():
    schema = {
        "properties": {
            "at": {"type": "string", "format": "date-time", "pattern": "Z$"},
            "raw": {"type": "string", "const": "aGk="},
        }
    }
    assert problems(schema, {"at": NOON, "raw": b"hi"}) == []
    assert problems({"type": "object"}, {"list": [{"at": NOON}]}) == []


@pytest.mark.parametrize("draft", ["http://json-schema.org/draft-07/schema#", None])
def test_a_schema_follows_the_draft_that_it_names_or_the_latest(draft):
    schema = {"prefixItems": [{"type": "string"}]}  # the drafts before 2020-12 do not know it
    if draft:
        schema["$schema"] = draft
    assert bool(problems(schema, [1])) == (draft is None)


texts = st.text("ab@", max_size=4)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | texts
# Pairs of a canonical value and what JSON makes of it, by another way than the one that is tested.
pairs = st.recursive(
    scalars.map(lambda value: (value, value))
    | st.just((NOON, "2026-01-31T12:00:00Z"))
    | st.sampled_from([(b"", ""), (b"hi", "aGk=")]),
    lambda part: (
        st.lists(part, max_size=3).map(
            lambda found: tuple(map(list, zip(*found, strict=True))) or ([], [])
        )
        | st.dictionaries(st.sampled_from("abc"), part, max_size=3).map(
            lambda found: (
                {name: of[0] for name, of in found.items()},
                {name: of[1] for name, of in found.items()},
            )
        )
    ),
    max_leaves=6,
)
small = st.integers(0, 3)
keywords = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "array", "object", "null"]),
        "minLength": small,
        "maxItems": small,
        "minimum": small,
        "uniqueItems": st.booleans(),
        "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
        "format": st.sampled_from(["email", "date-time"]),
        "const": scalars,
    },
)
schemas = st.recursive(
    st.booleans() | keywords,
    lambda part: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), part, max_size=2),
            "items": part,
            "additionalProperties": part,
            "anyOf": st.lists(part, min_size=1, max_size=2),
            "not": part,
        },
    ),
    max_leaves=4,
)


@given(schemas, pairs)
def test_a_value_is_accepted_exactly_if_the_library_accepts_its_json_form(schema, pair):
    value, as_json = pair
    library = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert (problems(schema, value) == []) == library.is_valid(as_json)


secrets = st.recursive(
    st.just("hunter2") | st.just(40404),
    lambda part: (
        st.lists(part, min_size=1, max_size=2) | st.dictionaries(st.sampled_from("abc"), part)
    ),
)


@given(schemas, secrets)
def test_no_message_holds_the_value(schema, value):
    try:
        Validator([Schema(schema)]).check(Candidate("s", "k", value))
    except ValidationFailed as error:
        said = json.dumps([error.message, error.hint, error.details])
        assert "hunter2" not in said
        assert "40404" not in said


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "schemas" / "parts").mkdir(parents=True)
    return tmp_path / "schemas"


def written(file, content):
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_a_schema_may_refer_to_files_in_its_folder_and_below(folder):
    written(folder / "name.json", {"$defs": {"short": {"maxLength": 2}}})
    written(folder / "parts" / "a b.json", {"$ref": "../name.json#/$defs/short"})
    user = written(folder / "user.json", {"properties": {"name": {"$ref": "parts/a%20b.json"}}})
    assert problems(user, {"name": "ab"}) == []
    assert problems(user, {"name": "abc"})[0][0] == "$.name"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"$ref": "https://example.com/x.json"}, "never fetched"),
        ({"$id": "https://example.com/u.json", "$ref": "name.json"}, "never fetched"),
        ({"$schema": "https://example.com/dialect"}, "never fetched"),
        ({"$ref": "../outside.json"}, "leads out of the folder"),
        ({"$ref": "file:///etc/hostname"}, "leads out of the folder"),
        ({"$ref": "link.json"}, "leads out of the folder"),
        ({"$ref": "none.json"}, "there is no such schema file"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"properties": {"a b": {"type": "strin"}}}, '$.properties["a b"].type'),
        ({"pattern": "("}, "$.pattern"),
        ([1], "is not of types"),
        ('{\n "type": }', ":2: not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        (" " * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_usable_schema_is_a_config_error_that_names_it(folder, content, message):
    written(folder.parent / "outside.json", True)
    written(folder / "name.json", True)
    (folder / "link.json").symlink_to(folder.parent / "outside.json")
    file = written(folder / "user.json", content)
    with pytest.raises(ConfigError) as caught:
        Schema(file)
    assert message in caught.value.message
    assert str(file) in caught.value.message


def test_a_schema_that_is_no_file_is_a_config_error(folder):
    for file in (folder / "none.json", folder, folder / "nul\0"):
        with pytest.raises(ConfigError, match="schema"):
            Schema(file)


def test_a_schema_in_the_configuration_has_no_files_to_refer_to():
    with pytest.raises(ConfigError, match="has no folder"):
        Schema({"$ref": "name.json"})
