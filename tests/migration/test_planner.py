"""Plans: the shortest safe way between versions, and what it does."""

import json
from typing import Any

import pytest

from llmspell.errors import (
    InvalidArgument,
    MigrationFailed,
    MigrationPathMissing,
    SchemaError,
    UnsupportedVersion,
)
from llmspell.migration.plan import PlannedStep
from llmspell.migration.planner import Planner

from .planning import AFTER_REMOVAL, FINAL, LOSSY, MOVE, TEXT, planner, schema, step, way


def test_a_plan_is_a_chain_of_steps() -> None:
    plan = planner(step(1, 2, MOVE), step(2, 3, LOSSY)).plan("user", 1, 3)
    assert way(plan) == [(1, 2, "step"), (2, 3, "step")]
    assert plan.is_safe
    assert plan.apply({"a": "x"}) == {"b": "x", "c": 1}


def test_the_same_version_needs_no_steps() -> None:
    plan = planner(step(1, 2, MOVE)).plan("user", 2, 2)
    assert plan.steps == ()
    assert plan.apply({"b": 1}) == {"b": 1}


def test_a_step_over_many_versions_is_shorter() -> None:
    plan = planner(step(1, 2), step(2, 3), step(1, 3)).plan("user", 1, 3)
    assert way(plan) == [(1, 3, "step")]


def test_a_safe_detour_is_better_than_an_unsafe_short_cut() -> None:
    unsafe = step(1, 3, FINAL, AFTER_REMOVAL)
    plan = planner(unsafe, step(1, 2), step(2, 3)).plan("user", 1, 3)
    assert way(plan) == [(1, 2, "step"), (2, 3, "step")]
    assert plan.is_safe


def test_a_step_is_undone_by_its_opposite() -> None:
    plan = planner(step(1, 2, MOVE)).plan("user", 2, 1)
    assert way(plan) == [(2, 1, "derived_rollback")]
    assert plan.steps[0].transforms == ("move b -> a",)
    assert plan.apply({"b": "x"}) == {"a": "x"}


def test_what_a_step_declares_for_its_rollback_is_its_authors_word() -> None:
    restored = {"type": "default", "field": "legacy", "value": "?"}
    plan = planner(step(1, 2, FINAL, rollback_transformations=[restored])).plan("user", 2, 1)
    assert way(plan) == [(2, 1, "rollback")]
    assert plan.is_safe
    assert plan.apply({}) == {"legacy": "?"}


def test_an_empty_rollback_says_that_nothing_has_to_be_done() -> None:
    plan = planner(step(1, 2, FINAL, rollback_transformations=[])).plan("user", 2, 1)
    assert way(plan) == [(2, 1, "rollback")]
    assert plan.apply({"x": 1}) == {"x": 1}


def test_a_step_may_be_written_downwards() -> None:
    plan = planner(step(2, 1, MOVE)).plan("user", 2, 1)
    assert way(plan) == [(2, 1, "step")]


def test_compatible_schemas_need_no_step_and_defaults_are_filled_in() -> None:
    level = {"type": "integer", "default": 3}
    made = planner(schema(1, {"a": TEXT}), schema(2, {"a": TEXT, "level": level}))
    up = made.plan("user", 1, 2)
    assert way(up) == [(1, 2, "compatible")]
    assert up.steps[0].transforms == ("default level",)
    assert up.apply({"a": "x"}) == {"a": "x", "level": 3}
    assert made.plan("user", 2, 1).apply({"a": "x", "level": 5}) == {"a": "x", "level": 5}


def test_defaults_are_filled_in_where_their_map_is() -> None:
    def contact(**fields: Any) -> dict[str, Any]:
        return {"type": "object", "fields": fields, "required": list(fields)}

    checked = {"type": "boolean", "default": False}
    old = schema(1, {"work": contact(mail=TEXT)}, required=[])
    new = schema(2, {"work": contact(mail=TEXT, checked=checked)}, required=[])
    plan = planner(old, new).plan("user", 1, 2)
    assert plan.apply({}) == {}
    assert plan.apply({"work": {"mail": "x"}}) == {"work": {"mail": "x", "checked": False}}


def test_filled_in_defaults_share_nothing() -> None:
    tags = {"type": "array", "default": []}
    plan = planner(schema(1, {}), schema(2, {"tags": tags})).plan("user", 1, 2)
    plan.apply({})["tags"].append("x")
    assert plan.apply({}) == {"tags": []}


def test_where_a_step_leads_values_are_never_passed_on_as_they_are() -> None:
    cents = {"type": "custom", "from_fields": ["a"], "to_fields": ["a"], "transformer": "lower"}
    made = planner(schema(1, {"a": TEXT}), schema(2, {"a": TEXT}), step(1, 2, cents))
    assert way(made.plan("user", 1, 2)) == [(1, 2, "step")]
    down = [part.kind for part in _down(made)]
    assert "compatible" not in down


def _down(made: Planner) -> tuple[PlannedStep, ...]:
    try:
        return made.plan("user", 2, 1).steps
    except MigrationPathMissing:
        return ()


def test_a_plan_is_kept() -> None:
    made = planner(step(1, 2, MOVE))
    assert made.plan("user", 1, 2) is made.plan("user", 1, 2)


def test_a_plan_is_plain_data_to_show() -> None:
    plan = planner(step(1, 2, MOVE, name="first")).plan("user", 1, 2)
    shown = json.loads(json.dumps(plan.to_dict()))
    assert shown["steps"] == [
        {
            "name": "first",
            "from_version": 1,
            "to_version": 2,
            "kind": "step",
            "description": "",
            "transforms": ["move a -> b"],
            "issues": [],
            "warnings": [],
        }
    ]
    assert shown["is_safe"] is True


def test_a_failure_names_the_step_and_its_versions() -> None:
    plan = planner(step(1, 2, MOVE), step(2, 3, MOVE, name="again")).plan("user", 1, 3)
    with pytest.raises(MigrationFailed) as caught:
        plan.apply({"a": 1})
    details = caught.value.details
    assert (details["step"], details["from_version"], details["to_version"]) == ("again", 2, 3)


def test_a_transformer_that_there_is_not_is_told_when_the_plan_is_compiled() -> None:
    custom = {"type": "custom", "from_fields": ["a"], "to_fields": ["a"], "transformer": "lowr"}
    plan = planner(step(1, 2, custom)).plan("user", 1, 2)
    with pytest.raises(SchemaError, match="lowr"):
        plan.compile()


def test_every_step_can_be_looked_at_by_itself() -> None:
    custom = {"type": "custom", "from_fields": ["a"], "to_fields": ["a"], "transformer": "lowr"}
    made = planner(step(2, 3, FINAL, AFTER_REMOVAL), step(1, 2, MOVE), step(3, 4, custom))
    moved, unsafe, unknown = made.reports("user")
    assert (moved.way.issues, moved.mistake, moved.obstacles) == ((), None, ())
    assert moved.back is not None
    assert moved.back.transforms == ("move b -> a",)
    assert len(unsafe.way.issues) == 1
    assert unsafe.back is None
    assert "remove legacy has no inverse" in unsafe.obstacles[0]
    assert isinstance(unknown.mistake, SchemaError)
    assert "lowr" in unknown.mistake.message


def test_a_function_that_there_is_not_spoils_only_the_plans_that_need_it() -> None:
    custom = {"type": "custom", "from_fields": ["a"], "to_fields": ["a"], "transformer": "lowr"}
    made = planner(step(1, 2, custom), step(2, 3, MOVE))
    assert made.plan("user", 2, 3).compile().is_safe


# Versions and their names.


def test_schemas_and_steps_both_make_versions_known() -> None:
    made = planner(schema(1, {}), schema(2, {}), step(2, 3))
    assert made.names == ("user",)
    assert made.versions("user") == (1, 2, 3)
    assert made.latest("user") == 2
    assert planner(step(4, 7)).latest("user") == 7


@pytest.mark.parametrize("target", [2, "2", "2.1.0", 2.0, " 2 "])
def test_a_version_can_be_named_in_several_ways(target: Any) -> None:
    made = planner(schema(1, {}), schema(2, {}, semantic_version="2.1.0"), step(2, 3))
    assert made.resolve("user", target) == 2
    assert made.resolve("user", "3.0.0") == 3
    assert made.resolve("user") == 2


@pytest.mark.parametrize("target", [0, -1, 9, "9", "2.0.1", "", "latest", 1.5, "1" * 5000, "²"])
def test_a_version_that_is_none_is_refused_with_those_there_are(target: Any) -> None:
    with pytest.raises(UnsupportedVersion, match="versions 1, 2") as caught:
        planner(step(1, 2)).resolve("user", target)
    assert caught.value.details["versions"] == [1, 2]
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("target", [True, [], {}, b"1"])
def test_what_cannot_name_a_version_is_refused(target: Any) -> None:
    with pytest.raises(InvalidArgument, match="whole number"):
        planner(step(1, 2)).resolve("user", target)


def test_an_unknown_schema_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UnsupportedVersion) as caught:
        planner(step(1, 2)).plan("usr", 1, 2)
    assert caught.value.hint == "did you mean 'user'?"
