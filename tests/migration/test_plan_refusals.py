"""Why there is no plan, or none that is safe: in words that say what to write or change."""

from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import (
    InvalidArgument,
    MigrationPathMissing,
    SchemaError,
    UnsafeMigration,
    UnsupportedVersion,
)
from llmspell.migration.planner import Planner

from .planning import FINAL, LOSSY, TEXT, planner, schema, step


def refused(made: Planner, from_version: int, to_version: int) -> MigrationPathMissing:
    with pytest.raises(MigrationPathMissing) as caught:
        made.plan("user", from_version, to_version)
    return caught.value


def test_data_of_a_newer_application_is_told_as_that() -> None:
    with pytest.raises(UnsupportedVersion) as caught:
        planner(step(1, 2)).plan("user", 5, 2)
    assert "the data is of version 5, which a newer version of the application" in str(caught.value)
    assert "versions 1, 2" in str(caught.value)


def test_an_unknown_target_and_an_unknown_start_are_both_told() -> None:
    with pytest.raises(UnsupportedVersion) as caught:
        planner(step(2, 3)).plan("user", 1, 9)
    assert "the data is of version 1 and the target is version 9" in caught.value.message
    assert caught.value.hint is not None
    assert 'schema = "user", from_version = 1' in caught.value.hint
    assert "schema of version 9" in caught.value.hint


@pytest.mark.parametrize("version", ["1", True, None, 1.5])
def test_a_plan_is_made_between_whole_numbers(version: Any) -> None:
    with pytest.raises(InvalidArgument, match="from_version is a whole number"):
        planner(step(1, 2)).plan("user", version, 2)


def test_a_gap_is_named_with_the_step_to_write() -> None:
    error = refused(planner(step(1, 2), step(3, 4), step(4, 5)), 1, 5)
    assert error.details["gap"] == [2, 3]
    assert "nothing leads from version 2 to version 3, on the way from 1 to 5" in error.message
    assert error.hint is not None
    assert 'schema = "user", from_version = 2, to_version = 3' in error.hint


def test_a_step_that_cannot_be_undone_is_the_reason_for_a_gap() -> None:
    error = refused(planner(step(1, 2, FINAL, name="drop"), step(2, 3)), 3, 1)
    assert "step 'drop' (1 -> 2) cannot be undone: remove legacy has no inverse" in error.message
    assert error.details["gap"] == [2, 1]
    assert error.hint is not None
    assert "write rollback_transformations for step 'drop'" in error.hint


def test_the_file_of_the_step_to_mend_is_named() -> None:
    drop = step(1, 2, FINAL).from_file(Path("migrations/drop.toml"))
    hint = refused(planner(drop), 2, 1).hint
    assert hint is not None
    assert "drop.toml" in hint


def test_schemas_that_do_not_fit_each_other_are_the_reason_for_a_gap() -> None:
    error = refused(planner(schema(1, {"a": TEXT}), schema(2, {"a": {"type": "integer"}})), 1, 2)
    assert "version 2 does not accept every value of version 1: a: " in error.message


def test_a_step_for_a_misspelled_schema_is_found() -> None:
    astray = step(1, 2, name="first").model_copy(update={"schema_name": "usr"})
    broken = [schema(1, {"a": TEXT}), schema(2, {"b": TEXT})]
    hint = refused(planner(*broken, astray), 1, 2).hint
    assert hint == "step 'first' leads there for schema 'usr': correct its schema"


def test_an_unsafe_plan_says_what_to_write() -> None:
    plan = planner(step(1, 2, LOSSY, name="add")).plan("user", 2, 1)
    assert not plan.is_safe
    with pytest.raises(UnsafeMigration) as caught:
        plan.require_safe()
    (issue,) = caught.value.details["issues"]
    assert issue.startswith("undoing step 'add' (1 -> 2): default c: ")
    assert "write rollback_transformations in the step" in issue
    assert plan.apply({"c": 1}) == {}


def test_a_step_that_leads_to_what_does_not_fit_is_unsafe() -> None:
    made = planner(schema(1, {"a": TEXT}), schema(2, {"b": TEXT}), step(1, 2))
    plan = made.plan("user", 1, 2)
    assert plan.issues == (
        "step 'user_v1_to_v2' (1 -> 2): version 2 requires b, and nothing makes it; add a "
        "transform of type default for b, or a move or custom that makes it",
    )
    assert planner(schema(1, {"a": TEXT}), step(1, 2)).plan("user", 1, 2).require_safe()


def test_two_steps_between_the_same_versions_are_refused_and_both_named() -> None:
    one, other = step(1, 2, name="one"), step(1, 2, name="other").from_file(Path("b.toml"))
    with pytest.raises(SchemaError, match=r"'one' and 'other' in b\.toml"):
        planner(one, other)


@pytest.mark.parametrize("version", [10**5000, -(2**40)], ids=["huge", "below"])
def test_numbers_beyond_all_versions_are_told_without_being_shown(version: int) -> None:
    made = planner(step(1, 2))
    for ask in (
        lambda: made.resolve("user", version),
        lambda: made.plan("user", version, 2),
        lambda: made.plan("user", 1, version),
    ):
        with pytest.raises(InvalidArgument, match="the highest version there can be"):
            ask()


def test_a_name_that_is_no_text_is_unknown() -> None:
    name: Any = None
    with pytest.raises(UnsupportedVersion, match="there is no schema 'None'"):
        planner(step(1, 2)).plan(name, 1, 2)
