"""What the checks call an error is one: the step fails, or what it makes does not fit."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import MigrationFailed
from llmspell.migration.checks import check_step
from llmspell.schema.registry import SchemaRegistry

from .planning import planner, schema, step
from .test_plan_laws import TRANSFORMS

SPECS = {
    "string": ({"type": "string"}, "x"),
    "integer": ({"type": "integer"}, 1),
    "array": ({"type": "array", "items": {"type": "integer"}}, [1]),
}
PLAIN = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(sorted(SPECS)))
INNER = st.dictionaries(st.sampled_from(["e", "f"]), st.sampled_from(sorted(SPECS)), min_size=1)


@st.composite
def schemas(draw: st.DrawFn, version: int, *, may_be_open: bool) -> tuple[Any, dict[str, Any]]:
    """Draw a schema, and a value of it that has every field."""
    openness = st.booleans() if may_be_open else st.just(False)
    fields, value = described(draw(PLAIN))
    if draw(st.booleans()):
        inner, members = described(draw(INNER))
        required = draw(st.lists(st.sampled_from(sorted(inner)), unique=True))
        is_open = draw(openness)
        fields["d"] = {
            "type": "object",
            "fields": inner,
            "required": required,
            "additional_fields": is_open,
        }
        value["d"] = members
    required = draw(st.lists(st.sampled_from(sorted(fields)), unique=True)) if fields else []
    more = {"required": required, "additional_fields": draw(openness)}
    return schema(version, fields, **more), value


def described(kinds: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    fields: dict[str, Any] = {name: SPECS[kind][0] for name, kind in kinds.items()}
    return fields, {name: SPECS[kind][1] for name, kind in kinds.items()}


@settings(max_examples=100, deadline=None)
@given(
    schemas(1, may_be_open=False), schemas(2, may_be_open=True), st.lists(TRANSFORMS, max_size=4)
)
def test_what_is_called_an_error_never_ends_well(
    before: tuple[Any, dict[str, Any]],
    after: tuple[Any, dict[str, Any]],
    transforms: list[dict[str, Any]],
) -> None:
    (old, value), (new, _) = before, after
    moved = step(1, 2, *transforms)
    found = check_step(moved, old=old, new=new)
    registry = SchemaRegistry([old, new])
    assert registry.fits("user", 1, value)
    try:
        made = planner(moved).plan("user", 1, 2).apply(value)
    except MigrationFailed:
        return
    if registry.fits("user", 2, made):
        assert found.errors == ()
    elif not found.errors:
        # What goes wrong unannounced is a matter of single values, never of where they are.
        problems = registry.problems("user", 2, made)
        assert all("must be of type" in problem.message for problem in problems) or found.warnings
