"""Laws of migrations, for random values and random chains of steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.config.state_sections import Migration
from llmspell.migration import Copy, Custom, Default, MigrationStep, Move, Remove
from llmspell.migration.transforms import Transform
from llmspell.migration.versioning import Given, open_versioning
from llmspell.state.manager import StateManager
from llmspell.store import open_store

NAMES = st.sampled_from("abcde")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.binary(max_size=8),
)
MEMBERS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
VALUES = st.dictionaries(NAMES, MEMBERS, max_size=4)
PAIRS = st.permutations(list("abcde")).map(
    lambda names: {"from_field": names[0], "to_field": names[1]}
)
LENIENT: dict[str, Any] = {"if_missing": "skip", "overwrite": True}
TRANSFORMS = st.one_of(
    PAIRS.map(lambda pair: Move(**pair, **LENIENT)),
    PAIRS.map(lambda pair: Copy(**pair, **LENIENT)),
    NAMES.map(lambda name: Remove(field=name)),
    st.builds(lambda a, b: Default(field=a, value=b), NAMES, st.integers(0, 9)),
    PAIRS.map(
        lambda pair: Custom(
            from_fields=[pair["from_field"]],
            to_fields=[pair["to_field"]],
            transformer="wrap",
            if_missing="skip",
        )
    ),
)
CHAINS = st.lists(st.lists(TRANSFORMS, max_size=4), min_size=1, max_size=4)


def wrap(value: Any, config: dict[str, Any]) -> Any:
    return [value]


@contextmanager
def opened(backend: str, chain: list[list[Transform]], folder: Any) -> Iterator[StateManager]:
    """Open a state whose entries begin at version 1 and have a step for each list of transforms."""
    steps = tuple(
        MigrationStep(
            schema="thing", from_version=at, to_version=at + 1, transformations=transforms
        )
        for at, transforms in enumerate(chain, 1)
    )
    made = open_versioning(Migration(), Given(migrations=steps, transformers={"wrap": wrap}))
    path = folder.mktemp("state") / "state.db" if backend == "sqlite" else None
    state = StateManager(open_store(backend, path=path), versioning=made)
    try:
        yield state
    finally:
        state.close()


def blobs(state: StateManager) -> dict[str, tuple[bytes, int]]:
    return {row.key: (row.blob, row.schema_version) for row in state.store.scan("s")}


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
@settings(max_examples=40, deadline=None)
@given(chain=CHAINS, values=st.lists(VALUES, min_size=1, max_size=5), size=st.integers(1, 3))
def test_what_is_applied_and_rolled_back_has_its_original_bytes(
    backend: str,
    tmp_path_factory: pytest.TempPathFactory,
    chain: list[list[Transform]],
    values: list[Any],
    size: int,
) -> None:
    with opened(backend, chain, tmp_path_factory) as state:
        for number, value in enumerate(values):
            state.save("s", f"k{number}", value, schema_version=1)
        before = blobs(state)
        done = state.migrate_all(batch_size=size, allow_unsafe=True)
        assert done.items_migrated + done.items_failed == len(values)
        if done.items_migrated:
            state.rollback_migration()
        assert blobs(state) == before


@settings(max_examples=60, deadline=None)
@given(chain=CHAINS, values=st.lists(VALUES, min_size=1, max_size=5))
def test_up_in_one_go_is_up_step_by_step(
    tmp_path_factory: pytest.TempPathFactory, chain: list[list[Transform]], values: list[Any]
) -> None:
    with (
        opened("memory", chain, tmp_path_factory) as at_once,
        opened("memory", chain, tmp_path_factory) as stepwise,
    ):
        for state in (at_once, stepwise):
            for number, value in enumerate(values):
                state.save("s", f"k{number}", value, schema_version=1)
        at_once.migrate_all(allow_unsafe=True)
        failed: set[str] = set()
        for version in range(2, len(chain) + 2):
            result = stepwise.migrate_all(version, allow_unsafe=True)
            failed |= {error["key"] for error in result.errors}
        found = [blobs(at_once), blobs(stepwise)]
        for each in found:  # who fails at a later step got some steps far, one by one
            for key in failed:
                del each[key]
        assert found[0] == found[1]


@settings(max_examples=60, deadline=None)
@given(chain=CHAINS, values=st.lists(VALUES, min_size=1, max_size=5))
def test_all_or_nothing_is_all_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, chain: list[list[Transform]], values: list[Any]
) -> None:
    with opened("memory", chain, tmp_path_factory) as state:
        for number, value in enumerate(values):
            state.save("s", f"k{number}", value, schema_version=1)
        before = blobs(state)
        result = state.migrate_all(atomic=True, batch_size=2, allow_unsafe=True)
        if result.success:
            assert {version for _, version in blobs(state).values()} == {len(chain) + 1}
        else:
            assert blobs(state) == before


@settings(max_examples=60, deadline=None)
@given(chain=CHAINS, value=VALUES)
def test_one_entry_and_many_are_migrated_alike(
    tmp_path_factory: pytest.TempPathFactory, chain: list[list[Transform]], value: Any
) -> None:
    with opened("memory", chain, tmp_path_factory) as state:
        for key in ("one", "many"):
            state.save("s", key, value, schema_version=1)
        whole = state.migrate_all(key="many", allow_unsafe=True)
        if whole.success:
            state.migrate("s", "one", allow_unsafe=True)
            assert blobs(state)["one"] == blobs(state)["many"]
