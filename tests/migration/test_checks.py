"""What is known of a migration step before any data is seen, and what to do about it."""

from typing import Any

import pytest

from llmspell.migration.checks import Checked, check_step
from llmspell.migration.step import MigrationStep
from llmspell.schema.models import StateSchema

from . import planning

OLD = {
    "email": {"type": "string"},
    "age": {"type": "string"},
    "nick": {"type": "string"},
    "items": {
        "type": "array",
        "items": {
            "type": "object",
            "fields": {"price": {"type": "float"}},
            "required": ["price"],
            "additional_fields": False,
        },
    },
}


def schema(version: int, fields: dict[str, Any], **more: Any) -> StateSchema:
    given = {"required": [name for name in fields if name != "nick"], "additional_fields": False}
    return StateSchema.model_validate(
        {"name": "user", "version": version, "fields": fields, **given, **more}
    )


def checked(
    *transforms: dict[str, Any],
    old: StateSchema | None = None,
    new: StateSchema | None = None,
    **more: Any,
) -> Checked:
    data = {"schema": "user", "from_version": 1, "to_version": 2, "name": "next"}
    step = MigrationStep.model_validate(data | more | {"transformations": list(transforms)})
    return check_step(step, old=old or schema(1, OLD), new=new)


def transform(kind: str, **more: Any) -> dict[str, Any]:
    if "to" in more:
        more["to_field"] = more.pop("to")
    return {
        "type": kind,
        **{{"of": "from_field"}.get(name, name): part for name, part in more.items()},
    }


def only(found: tuple[str, ...]) -> str:
    assert len(found) == 1, found
    return found[0]


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {name: spec for name, spec in OLD.items() if name not in names} | more


TEXT = {"type": "string"}
CONTACT = {"type": "object", "fields": {"email": TEXT}, "required": ["email"]}


def test_a_step_that_makes_what_the_next_version_wants_has_nothing_wrong_with_it() -> None:
    move = transform("move", of="email", to="contact.email")
    assert checked(move, new=schema(2, without("email", contact=CONTACT))) == Checked()


def test_a_field_that_the_old_version_does_not_have_is_an_error_with_the_one_meant() -> None:
    said = only(checked(transform("move", of="emial", to="mail")).errors)
    assert said.startswith("step 'next' (1 -> 2), move emial -> mail: version 1 has no field emial")
    assert "did you mean email?" in said


def test_a_missing_field_that_may_be_missing_is_a_warning() -> None:
    found = checked(transform("move", of="emial", to="mail", if_missing="skip"))
    assert found.errors == ()
    assert "did you mean email?" in only(found.warnings)


def test_an_open_version_may_hold_any_field_but_a_near_miss_is_told() -> None:
    old = schema(1, OLD, additional_fields=True)
    found = checked(
        transform("copy", of="emial", to="a"), transform("copy", of="x", to="b"), old=old
    )
    assert found.errors == ()
    assert "emial is no declared field of version 1 (did you mean email?)" in only(found.warnings)


def test_an_optional_field_that_must_be_there_is_a_warning() -> None:
    said = only(checked(transform("move", of="nick", to="name")).warnings)
    assert "not every value has nick" in said
    assert 'set if_missing = "skip"' in said


def test_a_pre_condition_answers_for_an_optional_field() -> None:
    condition = {"type": "field_exists", "field": "nick"}
    move = transform("move", of="nick", to="name")
    assert checked(move, pre_conditions=[condition]) == Checked()


@pytest.mark.parametrize(
    "first",
    [
        transform("remove", field="email"),
        transform("move", of="email", to="mail"),
        transform(
            "custom", from_fields=["email"], to_fields=["x"], transformer="trim", remove_from=True
        ),
    ],
)
def test_what_an_earlier_transform_took_away_cannot_be_used(first: dict[str, Any]) -> None:
    said = only(checked(first, transform("copy", of="email", to="other")).errors)
    assert "copy email -> other: email is no longer there after '" in said
    assert first["type"] in said


def test_a_part_of_what_was_taken_away_is_gone_too() -> None:
    old = schema(1, without("email", contact=CONTACT))
    gone = transform("remove", field="contact")
    said = only(checked(gone, transform("copy", of="contact.email", to="x"), old=old).errors)
    assert "contact is no longer there after 'remove contact'" in said


def test_elements_of_lists_are_followed() -> None:
    move = transform("move", of="items[].prize", to="items[].cost")
    said = only(checked(move).errors)
    assert "did you mean items[].price?" in said


def test_one_element_says_nothing_of_the_others() -> None:
    one = transform("remove", field="items[0].price")
    assert checked(one, transform("copy", of="items[].price", to="items[].cost")).errors == ()
    found = checked(one, new=schema(2, OLD))
    assert found.errors == ()
    assert "requires items[].price, which not every value has" in only(found.warnings)


def test_every_member_of_a_map_is_followed() -> None:
    user = {"type": "object", "fields": {"mail": TEXT}, "required": ["mail"]}
    users = {"type": "object", "fields": {"ann": user, "bob": user}, "required": ["ann", "bob"]}
    gone = transform("remove", field="users.*.mail")
    found = checked(gone, old=schema(1, {"users": users}), new=schema(2, {"users": users}))
    assert [said.split(": ")[1].split(",")[0] for said in found.errors] == [
        "version 2 requires users.ann.mail",
        "version 2 requires users.bob.mail",
    ]


def test_what_is_moved_only_where_it_is_makes_no_map_for_certain() -> None:
    contact = {"type": "object", "fields": {"nick": TEXT}}
    move = transform("move", of="nick", to="contact.nick", if_missing="skip")
    found = checked(move, new=schema(2, without("nick", contact=contact)))
    assert found.errors == ()
    assert "version 2 requires contact, which not every value has" in only(found.warnings)


def test_a_scalar_has_no_parts() -> None:
    assert "email is of type string and has no part email.host" in only(
        checked(transform("copy", of="email.host", to="host")).errors
    )
    assert "email is of type string and can have no part email.host" in only(
        checked(transform("default", field="email.host", value="")).errors
    )


def test_a_field_that_is_there_is_not_overwritten_by_accident() -> None:
    said = only(checked(transform("copy", of="email", to="age")).errors)
    assert "age is there already; remove it before, or set overwrite = true" in said
    assert checked(transform("copy", of="email", to="age", overwrite=True)) == Checked()
    assert "in some values" in only(checked(transform("copy", of="email", to="nick")).warnings)


def test_what_the_next_version_requires_has_to_be_made() -> None:
    said = only(checked(new=schema(2, without(level=TEXT))).errors)
    assert "version 2 requires level, and nothing makes it" in said
    assert "add a transform of type default for level" in said
    made = transform("default", field="level", value="")
    assert checked(made, new=schema(2, without(level=TEXT))) == Checked()


def test_what_the_next_version_requires_must_not_be_taken_away() -> None:
    new = schema(2, OLD, additional_fields=True)
    said = only(checked(transform("remove", field="email"), new=new).errors)
    assert "version 2 requires email, and 'remove email' takes it away" in said


def test_what_not_every_value_has_is_a_warning_where_it_is_required() -> None:
    new = schema(2, OLD, required=["email", "age", "nick", "items"])
    assert "requires nick, which not every value has" in only(checked(new=new).warnings)


def test_required_parts_of_elements_are_looked_for() -> None:
    item = {"type": "object", "fields": {"price": {"type": "float"}, "sku": TEXT}}
    items = {"type": "array", "items": item | {"required": ["price", "sku"]}}
    new = schema(2, without("items", items=items))
    assert "version 2 requires items[].sku" in only(checked(new=new).errors)
    made = transform("default", field="items[].sku", value="")
    assert checked(made, new=new) == Checked()


def test_what_a_closed_version_has_no_room_for_must_go() -> None:
    said = only(checked(new=schema(2, without("age"))).errors)
    assert "age is left, and version 2 has no such field" in said
    assert "add a transform of type remove" in said


def test_what_is_made_must_be_a_field_of_a_closed_version() -> None:
    made = transform("default", field="levle", value="")
    found = checked(made, new=schema(2, without(level=TEXT), required=["email"]))
    said = only(found.errors)
    assert (
        "'default levle' makes levle, and version 2 has no such field (did you mean level?)" in said
    )


def test_a_field_on_its_way_may_have_any_name() -> None:
    swap = [
        transform("move", of="email", to="between"),
        transform("move", of="age", to="email"),
        transform("move", of="between", to="age"),
    ]
    assert checked(*swap, new=schema(2, OLD)) == Checked()


def test_another_type_has_to_be_converted() -> None:
    new = schema(2, without("age", age={"type": "integer"}))
    said = only(checked(new=new).errors)
    assert "age is of type string, version 2 wants integer" in said
    assert "transformer to_integer" in said
    convert = transform("custom", from_fields=["age"], to_fields=["age"], transformer="to_integer")
    assert checked(convert, new=new) == Checked()


def test_types_that_may_hold_the_same_are_no_mistake() -> None:
    new = schema(2, without("email", email={"type": "enum", "variants": ["a", "b"]}))
    assert checked(new=new) == Checked()


def test_a_default_of_another_type_is_an_error() -> None:
    made = transform("default", field="level", value=1)
    said = only(checked(made, new=schema(2, without(level=TEXT))).errors)
    assert "level is of type integer by 'default level', version 2 wants string" in said


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"type": "enum", "variants": ["all", "none"]}, "some"),
        ({"type": "string", "min_length": 3}, "ab"),
        ({"type": "integer", "min": 1}, 0),
        (TEXT, None),
    ],
)
def test_a_default_that_the_next_version_does_not_allow_is_an_error(
    spec: dict[str, Any], value: Any
) -> None:
    made = transform("default", field="level", value=value)
    said = only(checked(made, new=schema(2, without(level=spec))).errors)
    assert "the value that 'default level' sets does not fit level of version 2" in said


def test_a_default_that_never_does_anything_is_told() -> None:
    said = only(checked(transform("default", field="email", value="")).warnings)
    assert "email is always there, so this never does anything" in said


def test_conditions_that_never_hold_are_errors() -> None:
    absent = checked(pre_conditions=[{"type": "field_absent", "field": "email"}])
    assert "every value of version 1 has email" in only(absent.errors)
    missing = checked(pre_conditions=[{"type": "field_exists", "field": "emial"}])
    assert "version 1 has no field emial" in only(missing.errors)
    gone = checked(
        transform("remove", field="email"),
        post_conditions=[{"type": "field_exists", "field": "email"}],
    )
    assert "email is no longer there after 'remove email'" in only(gone.errors)
    left = checked(post_conditions=[{"type": "field_absent", "field": "email"}])
    assert "email is always there afterwards" in only(left.errors)


def test_the_whole_value_may_become_anything() -> None:
    whole = transform("custom", from_fields=["$"], to_fields=["$"], transformer="trim")
    assert checked(whole, new=schema(2, {"x": TEXT})) == Checked()


def test_without_schemas_only_the_order_of_the_transforms_is_known() -> None:
    step = MigrationStep.model_validate(
        {
            "schema": "user",
            "from_version": 1,
            "to_version": 2,
            "transformations": [
                transform("copy", of="anything", to="b"),
                transform("remove", field="a"),
                transform("copy", of="a", to="c"),
            ],
        }
    )
    assert "a is no longer there after 'remove a'" in only(check_step(step).errors)


def test_a_report_tells_of_fields_that_are_left_though_they_may_not_fit() -> None:
    versions = [
        planning.schema(
            1, {"status": {"type": "enum", "variants": ["new"]}, "n": {"type": "string"}}
        ),
        planning.schema(2, {"status": {"type": "integer"}, "n": {"type": "integer"}}),
    ]
    custom = transform("custom", from_fields=["n"], to_fields=["n"], transformer="to_integer")
    made = planning.planner(*versions, planning.step(1, 2, custom))
    (report,) = made.reports(made.names[0])
    (told,) = [warning for warning in report.way.warnings if "leaves" in warning]
    assert "leaves status as it is" in told
