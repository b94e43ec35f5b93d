"""The registry: which schemas there are, which entries they are for, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import IncompatibleSchema, InvalidArgument, SchemaError, UnsupportedVersion
from llmspell.schema import Functions, SchemaRegistry, StateSchema, parse_schema
from llmspell.schema.validators import VALIDATORS

TEXT = {"type": "string"}


def schema(name: str = "user", version: int = 1, **parts: Any) -> StateSchema:
    return parse_schema({"name": name, "version": version, **parts})


def refers_to(name: str) -> dict[str, Any]:
    return {"fields": {"x": {"type": "array", "items": {"type": "object", "schema": name}}}}


def test_versions_are_found_by_number_and_by_semantic_version() -> None:
    registry = SchemaRegistry([schema(version=3), schema(version=1, semantic_version="1.1.0")])
    assert registry.names == ["user"]
    assert registry.versions("user") == (1, 3)
    assert registry.versions("other") == ()
    assert registry.latest("user") == 3
    assert registry.get("user", 1).id == "user@1"
    assert [registry.resolve("user", text) for text in (1, "1", "1.1.0", 3.0, "3.0.0")] == [
        1,
        1,
        1,
        3,
        3,
    ]


def test_an_unknown_version_is_told_with_those_there_are() -> None:
    registry = SchemaRegistry([schema(), schema(version=2)])
    for version in ("2.1.0", "latest", "", 0, 5, True, 1.5):
        with pytest.raises(UnsupportedVersion) as caught:
            registry.resolve("user", version)
        assert caught.value.hint == "there is 1 (1.0.0), 2 (2.0.0)"
    with pytest.raises(UnsupportedVersion, match="has no version 5"):
        registry.fits("user", 5, {})
    with pytest.raises(UnsupportedVersion) as caught:
        registry.latest("usr")
    assert caught.value.hint == "did you mean 'user'?"


def test_two_schemas_of_one_version_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.toml", "b.toml")]
    with pytest.raises(SchemaError, match=r"two schemas user@1: in .*a\.toml and in .*b\.toml"):
        SchemaRegistry(schema().located(file) for file in files)


def test_a_dependency_that_is_missing_is_refused() -> None:
    with pytest.raises(SchemaError) as caught:
        SchemaRegistry([schema(dependencies=["address@2"]), schema("address")])
    assert caught.value.message == "schema user@1 depends on address@2, and there is no such schema"
    assert caught.value.hint == "there is address@1"
    with pytest.raises(SchemaError, match="depends on address@1"):
        SchemaRegistry([schema(**refers_to("address@1"))])


def test_a_circle_of_dependencies_is_shown() -> None:
    circle = [
        schema("a", **refers_to("b@1")),
        schema("b", dependencies=["c@1"]),
        schema("c", dependencies=["a@1"]),
    ]
    with pytest.raises(SchemaError) as caught:
        SchemaRegistry(circle)
    shown = caught.value.details["circle"]
    assert " -> ".join(shown) in caught.value.message
    assert shown[0] == shown[-1]
    assert set(pairwise(shown)) == {
        ("a@1", "b@1"),
        ("b@1", "c@1"),
        ("c@1", "a@1"),
    }
    with pytest.raises(SchemaError, match="a@1 -> a@1"):
        SchemaRegistry([schema("a", **refers_to("a@1"))])


@pytest.mark.parametrize("declared", ["backward", "full"])
def test_a_compatibility_that_is_not_there_is_refused_with_the_field(declared: str) -> None:
    old = schema(fields={"home": {"type": "object", "fields": {"city": TEXT}}})
    city = TEXT | {"max_length": 5}
    new = {"fields": {"home": {"type": "object", "fields": {"city": city}}}}
    with pytest.raises(IncompatibleSchema) as caught:
        SchemaRegistry([old, schema(version=2, compatibility=declared, **new)])
    assert caught.value.details["field"] == "home.city"
    assert "at most 5 characters" in caught.value.message
    assert caught.value.hint == 'change the field, or declare "forward"'
    for true in ("forward", "breaking"):
        SchemaRegistry([old, schema(version=2, compatibility=true, **new)])
    SchemaRegistry([schema(version=2, compatibility=declared, **new)])  # nothing is before it


def test_semantic_versions_rise_with_versions() -> None:
    with pytest.raises(SchemaError, match=r"user@2 is 1\.0\.0, and version 1 before it is 1\.0\.0"):
        SchemaRegistry([schema(), schema(version=2, semantic_version="1.0.0")])


def test_entries_belong_to_the_schema_that_claims_them() -> None:
    registry = SchemaRegistry(
        [
            schema(applies_to=[{"scope": "*"}]),
            schema(version=2, applies_to=[{"scope": "user:*", "key": "profile*"}]),
            schema(version=3),
            schema("cart", applies_to=[{"key": "cart"}, {"key": "basket"}]),
        ]
    )
    assert registry.family_of("user:1", "profile") == "user"
    assert registry.family_of("user:1", "cart") == "cart"
    assert registry.family_of("global", "profile") is None
    assert registry.scopes_of("user") == [("user:*", "profile*")]
    assert registry.scopes_of("cart") == [("*", "cart"), ("*", "basket")]


def test_a_schema_that_claims_nothing_gets_what_no_other_claims() -> None:
    registry = SchemaRegistry([schema(), schema("cart", applies_to=[{"key": "cart"}])])
    assert registry.family_of("global", "cart") == "cart"
    assert registry.family_of("global", "other") == "user"
    assert registry.scopes_of("user") == [("*", "*")]


def test_a_schema_that_is_a_part_of_others_claims_nothing() -> None:
    registry = SchemaRegistry([schema(**refers_to("address@1")), schema("address")])
    assert registry.family_of("global", "x") == "user"
    assert registry.scopes_of("address") == []
    registry = SchemaRegistry([schema(applies_to=[])])
    assert registry.family_of("global", "x") is None


def test_two_schemas_that_want_everything_are_refused() -> None:
    for parts in ({}, {"applies_to": [{"scope": "*"}]}):
        with pytest.raises(SchemaError, match=r"'\w+' and '\w+' both apply"):
            SchemaRegistry([schema(), schema("cart", **parts)])


def test_an_entry_that_two_schemas_claim_is_refused_naming_both() -> None:
    registry = SchemaRegistry(
        [schema(applies_to=[{"scope": "user:*"}]), schema("cart", applies_to=[{"key": "cart"}])]
    )
    assert registry.family_of("user:1", "x") == "user"
    for _ in range(2):
        with pytest.raises(SchemaError, match="'cart' and 'user'"):
            registry.family_of("user:1", "cart")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"validator": "emial"}, "did you mean 'email'?"),
        ({"validator": "xyz"}, "there are between"),
        ({"validator": "matches"}, "config 'pattern' must be given"),
        ({"validator": "matches", "config": {"pattern": "(["}}, "config 'pattern' is no pattern"),
        ({"validator": "email", "config": {"strict": True}}, "it takes none"),
        ({"validator": "checks.lua"}, "scripts cannot be used here"),
    ],
)
def test_a_validator_that_cannot_be_used_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        SchemaRegistry([schema(validation_rules=[{"field": "x", **rule}])])
    assert said in f"{caught.value.message} {caught.value.hint}"
    assert "the validation rule for 'x' of user@1" in caught.value.message


def test_a_default_fits_the_schemas_and_validators_of_its_field() -> None:
    address = schema(
        "address", fields={"mail": {"type": "custom", "type_name": "m", "validator": "email"}}
    )
    for mail, fits in (("a@b.de", True), ("x", False)):
        field = {"type": "object", "schema": "address@1", "default": {"mail": mail}}
        user = schema(fields={"home": field})
        if fits:
            SchemaRegistry([user, address])
        else:
            with pytest.raises(SchemaError, match="home: the default does not fit: "):
                SchemaRegistry([user, address])


def test_rules_look_at_every_part_their_path_leads_to() -> None:
    rules = [
        {
            "field": "items[].mail",
            "validator": "email",
            "message": "must be an address we can write to",
        }
    ]
    registry = SchemaRegistry([schema(validation_rules=rules)])
    value = {"items": [{"mail": "a@b.de"}, {"mail": "x"}, {}, {"mail": None}]}
    assert registry.problems("user", 1, value) == [
        ("$.items[1].mail", "must be an address we can write to", "schema.user@1.email")
    ]
    assert registry.fits("user", 1, {"items": "x"})
    assert registry.fits("user", 1, {"items": [{"mail": "a@b.de"}]})


def test_validators_of_the_application_can_change_nothing_and_may_fail() -> None:
    def spoil(value: Any, config: dict[str, Any]) -> bool:
        value["x"]["y"] = 1
        return True

    def fail(value: Any, config: dict[str, Any]) -> None:
        raise KeyError("s3cret")

    functions = Functions("validator", VALIDATORS, {"spoil": spoil, "fail": fail})
    rules = [{"field": "$", "validator": name} for name in ("spoil", "fail")]
    registry = SchemaRegistry([schema(validation_rules=rules)], validators=functions)
    value: dict[str, Any] = {"x": {}}
    (problem,) = registry.problems("user", 1, value)
    assert problem.message.startswith(
        "has a validator that failed with KeyError (test_registry.py:"
    )
    assert not registry.fits("user", 1, value)
    assert value == {"x": {}}


def test_only_schemas_can_be_registered() -> None:
    with pytest.raises(InvalidArgument, match="not dict"):
        SchemaRegistry([{"name": "user", "version": 1}])  # type: ignore[list-item]
