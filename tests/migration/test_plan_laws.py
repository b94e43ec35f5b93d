"""Laws of plans, over many sets of steps: the shortest, the same at once, back as it was."""

from copy import deepcopy
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import MigrationFailed, MigrationPathMissing

from .planning import AFTER_REMOVAL, FINAL, LOSSY, MOVE, planner, step

KINDS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "invertible": ([MOVE], {}),
    "lossy": ([LOSSY], {}),
    "final": ([FINAL], {}),
    "declared": ([FINAL], {"rollback_transformations": []}),
    "wrong": ([FINAL, AFTER_REMOVAL], {}),
    "wrong, declared": ([FINAL, AFTER_REMOVAL], {"rollback_transformations": []}),
}
FORTH = {"wrong": False, "wrong, declared": False}
BACK = {"invertible": True, "lossy": False, "declared": True, "wrong, declared": True}
VERSIONS = range(1, 6)
ENDS = st.sampled_from(list(permutations(VERSIONS, 2)))
GRAPHS = st.dictionaries(ENDS, st.sampled_from(sorted(KINDS)), min_size=1, max_size=8)


def edges(graph: dict[tuple[int, int], str]) -> dict[tuple[int, int], bool]:
    """Which links there are, and whether each is safe: written down once more, independently."""
    found: dict[tuple[int, int], bool] = {}
    for (low, high), kind in graph.items():
        offers = [((low, high), FORTH.get(kind, True))]
        offers += [((high, low), BACK[kind])] if kind in BACK else []
        for ends, is_safe in offers:
            found[ends] = found.get(ends, False) or is_safe
    return found


@settings(max_examples=80, deadline=None)
@given(GRAPHS)
def test_the_plan_is_the_shortest_of_the_safest_ways(graph: dict[tuple[int, int], str]) -> None:
    made = planner(
        *(step(*ends, *KINDS[kind][0], **KINDS[kind][1]) for ends, kind in graph.items())
    )
    links = edges(graph)
    for start, goal in permutations(made.versions("user"), 2):
        between = [version for version in made.versions("user") if version not in (start, goal)]
        ways = [
            list(pairwise((start, *inner, goal)))
            for count in range(len(between) + 1)
            for inner in permutations(between, count)
        ]
        costs = [
            (sum(not links[ends] for ends in way), len(way))
            for way in ways
            if all(ends in links for ends in way)
        ]
        if not costs:
            with pytest.raises(MigrationPathMissing):
                made.plan("user", start, goal)
            continue
        plan = made.plan("user", start, goal)
        unsafe = sum(bool(part.issues) for part in plan.steps)
        assert (unsafe, len(plan.steps)) == min(costs)
        assert plan.steps[0].from_version == start
        assert all(one.to_version == two.from_version for one, two in pairwise(plan.steps))
        assert plan.is_safe is (min(costs)[0] == 0)


NAMES = st.sampled_from(["a", "b", "c", "d.e", "d.f"])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "a": st.integers() | st.text(max_size=3) | st.none(),
        "b": st.booleans(),
        "c": st.lists(st.integers(), max_size=2),
        "d": st.fixed_dictionaries({}, optional={"e": st.text(max_size=3), "f": st.booleans()}),
    },
)


def two_names(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(NAMES, NAMES, st.sampled_from(["fail", "skip"])).flatmap(
        lambda ends: (
            st.nothing()
            if ends[0] == ends[1]
            else st.just(
                {"type": kind, "from_field": ends[0], "to_field": ends[1], "if_missing": ends[2]}
            )
        )
    )


TRANSFORMS = st.one_of(
    two_names("copy"),
    two_names("move"),
    NAMES.map(lambda name: {"type": "remove", "field": name}),
    NAMES.map(lambda name: {"type": "default", "field": name, "value": [1]}),
    NAMES.map(
        lambda name: {
            "type": "validation",
            "field": name,
            "validator": "non_empty",
            "error_action": "remove",
        }
    ),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(TRANSFORMS, max_size=3), min_size=1, max_size=4), VALUES)
def test_going_up_at_once_is_going_up_step_by_step(
    transforms: list[list[dict[str, Any]]], value: dict[str, Any]
) -> None:
    made = planner(*(step(at, at + 1, *parts) for at, parts in enumerate(transforms, start=1)))
    last = len(transforms) + 1

    def step_by_step() -> Any:
        found = deepcopy(value)
        for at in range(1, last):
            found = made.plan("user", at, at + 1).apply(deepcopy(found))
        return found

    try:
        expected = step_by_step()
    except MigrationFailed as error:
        with pytest.raises(MigrationFailed) as caught:
            made.plan("user", 1, last).apply(deepcopy(value))
        assert caught.value.details == error.details
    else:
        assert made.plan("user", 1, last).apply(deepcopy(value)) == expected


PLACES = ["a", "b", "c", "e", "m.a", "m.b", "n.a"]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_going_down_over_invertible_steps_restores_the_value(data: st.DataObject) -> None:
    draw = data.draw
    first = draw(st.lists(st.sampled_from(["a", "b", "c", "e"]), unique=True, min_size=1))
    value = {name: draw(st.booleans()) for name in first}
    there = {name: name for name in first}
    steps = []
    for version in range(1, draw(st.integers(2, 5))):
        transforms = []
        for name in draw(st.lists(st.sampled_from(first), max_size=3)):
            free = [place for place in PLACES if place not in there.values()]
            target = draw(st.sampled_from(free))
            transforms.append({"type": "move", "from_field": there[name], "to_field": target})
            there[name] = target
        steps.append(step(version, version + 1, *transforms))
    named = {"true_value": "all", "false_value": "none"}
    last = there[first[0]]
    custom = {"type": "custom", "transformer": "boolean_to_enum", "config": named}
    steps.append(
        step(len(steps) + 1, len(steps) + 2, custom | {"from_fields": [last], "to_fields": [last]})
    )
    made = planner(*steps)
    up = made.plan("user", 1, len(steps) + 1).require_safe()
    down = made.plan("user", len(steps) + 1, 1).require_safe()
    assert down.apply(up.apply(deepcopy(value))) == value
