"""Every version of a key can be listed, loaded, compared and returned to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from llmspell.errors import FeatureUnavailable, LlmSpellError, VersionNotFound
from llmspell.state.difference import differences
from llmspell.state.manager import StateManager
from llmspell.store import open_store

from .conftest import Desk
from .seen import fingerprint, values


def with_versions(desk: Desk) -> None:
    """Save twice, delete, save again: versions 1, 2, 3 (the delete) and 4."""
    desk.state.save("g", "k", {"n": 1, "tags": ["a", "b"]})
    desk.state.save("g", "k", {"n": 2, "tags": ["a"], "new": True}, schema_version=2)
    desk.state.delete("g", "k")
    desk.state.save("g", "k", "back", state_class="archive")


def test_history_tells_all_versions_the_latest_first(desk: Desk, engine: str) -> None:
    with_versions(desk)
    versions = desk.run(engine, "return State.history('g', 'k')", "return State.history('g', 'k')")
    assert [version["version"] for version in versions] == [4, 3, 2, 1]
    assert [version["op"] for version in versions] == ["put", "delete", "put", "put"]
    assert [version["class"] for version in versions] == ["archive", "standard"] + ["standard"] * 2
    assert [version["schema_version"] for version in versions] == [1, 1, 2, 1]
    assert not any("value" in version for version in versions)
    assert versions == [each.to_dict(value=False) for each in desk.state.history("g", "k")]


def test_history_comes_in_pages_and_with_values_if_asked(desk: Desk, engine: str) -> None:
    with_versions(desk)
    pages = desk.run(
        engine,
        """return { State.history('g', 'k', { limit = 2, values = true }),
          State.history('g', 'k', { limit = 2, before = 3, values = true }),
          State.history('g', 'k', { before = 1 }) }""",
        """return [await State.history('g', 'k', { limit: 2, values: true }),
          await State.history('g', 'k', { limit: 2, before: 3, values: true }),
          await State.history('g', 'k', { before: 1 })]""",
    )
    assert [[each["version"] for each in page] for page in pages] == [[4, 3], [2, 1], []]
    assert pages[0][0]["value"] == "back"
    assert "value" not in pages[0][1]
    assert pages[1][1]["value"] == {"n": 1, "tags": ["a", "b"]}


def test_an_earlier_version_is_loaded_as_it_was(desk: Desk, engine: str) -> None:
    with_versions(desk)
    loaded = desk.run(
        engine,
        "return { State.load_version('g', 'k', 1), State.load_version('g', 'k', 4) }",
        "return [await State.loadVersion('g', 'k', 1), State.sync.load_version('g', 'k', 4)]",
    )
    assert loaded == [{"n": 1, "tags": ["a", "b"]}, "back"]
    assert desk.state.load_version("g", "k", 1) == loaded[0]


@settings(max_examples=50, deadline=None)
@given(values)
def test_any_value_comes_back_from_history_as_it_was(value: Any) -> None:
    state = StateManager(open_store("memory"))
    version = state.save("g", "k", value).version
    state.save("g", "k", "later")
    assert state.load_version("g", "k", version) == value
    state.revert("g", "k", version)
    assert state.load("g", "k") == value
    state.close()


def test_a_difference_names_each_place_and_both_sides(desk: Desk, engine: str) -> None:
    with_versions(desk)
    found = desk.run(
        engine, "return State.diff('g', 'k', 1, 2)", "return State.diff('g', 'k', 1, 2)"
    )
    assert found == [
        {"path": "$.n", "kind": "changed", "old": 1, "new": 2},
        {"path": "$.new", "kind": "added", "new": True},
        {"path": "$.tags[1]", "kind": "removed", "old": "b"},
    ]
    assert found == [each.to_dict() for each in desk.state.diff("g", "k", 1, 2)]
    assert desk.state.diff("g", "k", 2, 2) == []


@settings(deadline=None)
@given(values, values)
def test_two_values_differ_nowhere_exactly_if_they_are_the_same(one: Any, other: Any) -> None:
    assert list(differences(one, one)) == []
    there, back = list(differences(one, other)), list(differences(other, one))
    assert {each.path for each in there} == {each.path for each in back}
    assert there or one == other
    assert not there or fingerprint(one) != fingerprint(other)


def test_reverting_saves_the_old_value_as_a_new_version(desk: Desk, engine: str) -> None:
    with_versions(desk)
    metadata = desk.run(
        engine, "return State.revert('g', 'k', 2)", "return State.revert('g', 'k', 2)"
    )
    assert (metadata["version"], metadata["schema_version"], metadata["class"]) == (
        5,
        2,
        "standard",
    )
    assert desk.state.load("g", "k") == {"n": 2, "tags": ["a"], "new": True}
    desk.state.revert("g", "k", 4)
    assert desk.state.get_metadata("g", "k").state_class == "archive"  # type: ignore[union-attr]
    assert [each.version for each in desk.state.history("g", "k")] == [6, 5, 4, 3, 2, 1]


def test_a_revert_does_not_bring_back_a_time_to_expire(desk: Desk) -> None:
    version = desk.state.save("g", "k", "old", ttl=60).version
    desk.state.save("g", "k", "new")
    assert desk.state.revert("g", "k", version).expires_at is None


def test_what_is_not_in_the_journal_is_not_found_and_nothing_changes(
    desk: Desk, engine: str
) -> None:
    with_versions(desk)
    for call, version in (("load_version", 9), ("revert", 9), ("load_version", 3), ("revert", 3)):
        error = desk.fail(
            engine, f"State.{call}('g', 'k', {version})", f"State.sync.{call}('g', 'k', {version})"
        )
        assert error.code == "version_not_found"
        assert error.details == {"scope": "g", "key": "k", "version": version}
        assert ("was deleted by version 3" in error.message) == (version == 3)
    assert desk.state.history("g", "none") == []
    assert len(desk.state.history("g", "k")) == 4


def test_after_compaction_old_versions_are_gone_and_the_error_says_why(desk: Desk) -> None:
    for number in range(10):
        desk.state.save("g", "k", number)
    list(desk.state.compact(max_changes=3))
    versions = [each.version for each in desk.state.history("g", "k")]
    assert versions[:3] == [10, 9, 8]
    assert 1 not in versions
    with pytest.raises(VersionNotFound) as caught:
        desk.state.load_version("g", "k", 1)
    assert "compacted" in str(caught.value.hint)
    assert desk.state.load("g", "k") == 9


def test_without_a_journal_each_function_says_which_key_switches_it_on() -> None:
    state = StateManager(open_store("memory", journal=False), journal=False)
    state.save("g", "k", 1)
    uses: list[Callable[[], Any]] = [
        lambda: state.history("g", "k"),
        lambda: state.load_version("g", "k", 1),
        lambda: state.revert("g", "k", 1),
        lambda: state.diff("g", "k", 1, 1),
        lambda: state.checkpoint(),
        lambda: state.list_checkpoints(),
        lambda: state.rollback("c1"),
        lambda: state.delete_checkpoint("c1"),
        lambda: state.watch("g", "", print),
        lambda: state.subscribe(),
    ]
    for use in uses:
        with pytest.raises(FeatureUnavailable) as caught:
            use()
        assert caught.value.details["key"] == "state.journal.enabled"
    assert state.load("g", "k") == 1
    state.close()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("history('g')", "invalid_argument"),
        ("history('g', '')", "invalid_key"),
        ("history('agent:', 'k')", "invalid_scope"),
        ("history('g', 'k', 5)", "invalid_argument"),
        ("load_version('g', 'k')", "invalid_argument"),
        ("load_version('g', 'k', 'one')", "invalid_argument"),
        ("load_version('g', 'k', 1.5)", "invalid_argument"),
        ("load_version('g', 'k', 0)", "invalid_value"),
        ("revert('g', 'k', -1)", "invalid_value"),
        ("revert('g', 'k', 1, 2)", "invalid_argument"),
        ("diff('g', 'k', 1)", "invalid_argument"),
        ("diff('g', 'k', 1, 7)", "version_not_found"),
    ],
)
def test_misuse_is_a_clear_error_and_changes_nothing(
    open_desk: Callable[..., Desk], engine: str, call: str, code: str
) -> None:
    desk = open_desk()
    desk.state.save("g", "k", 1)
    error = desk.fail(engine, f"State.{call}", f"State.sync.{call}")
    assert (error.code, call.split("(")[0] in error.message) == (code, True)
    assert len(desk.state.history("g", "k")) == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda state: state.history("g", "k", limit=0),
        lambda state: state.history("g", "k", limit="1"),
        lambda state: state.history("g", "k", before=True),
        lambda state: state.load_version("g", "k", "1"),
        lambda state: state.load_version("g", "k", 2**70),
        lambda state: state.revert("g", "k", None),
        lambda state: state.diff("g", "k", 1, -1),
    ],
)
def test_misuse_in_python_is_a_clear_error(open_desk: Callable[..., Desk], use: Any) -> None:
    desk = open_desk()
    desk.state.save("g", "k", 1)
    with pytest.raises(LlmSpellError) as caught:
        use(desk.state)
    assert caught.value.code in ("invalid_argument", "invalid_value")
