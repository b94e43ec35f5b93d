"""A checkpoint marks a moment; a rollback brings everything back to it, and can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import CheckpointNotFound, LlmSpellError
from llmspell.state.manager import StateManager
from llmspell.store import open_store

from .beside import finish, go, line, start
from .conftest import Desk


def everything(state: StateManager) -> dict[tuple[str, str], Any]:
    return {(each.scope, each.key): each.value for each in state.export_entries()}


def test_a_rollback_restores_what_was_there_and_tells_what_it_did(desk: Desk, engine: str) -> None:
    desk.state.save_many("g", {"changed": 1, "deleted": {"deep": [1]}, "kept": "same"})
    before = everything(desk.state)
    done = desk.run(
        engine,
        """local mark = State.checkpoint('before the experiment')
        State.save('g', 'changed', 2)
        State.delete('g', 'deleted')
        State.save('user:1', 'made', true)
        return State.rollback(mark)""",
        """const mark = await State.checkpoint('before the experiment');
        await State.save('g', 'changed', 2);
        await State.delete('g', 'deleted');
        await State.save('user:1', 'made', true);
        return State.rollback(mark)""",
    )
    assert (done["restored"], done["removed"]) == (2, 1)
    assert everything(desk.state) == before
    assert desk.state.get_metadata("g", "kept").version == 1  # type: ignore[union-attr]
    assert [each.version for each in desk.state.history("g", "changed")] == [3, 2, 1]
    # What leads back is a checkpoint like any other.
    desk.state.rollback(done["before"])
    assert desk.state.load("g", "changed") == 2
    assert not desk.state.key_exists("g", "deleted")
    assert desk.state.load("user:1", "made") is True


def test_a_rollback_of_one_scope_leaves_the_others(desk: Desk, engine: str) -> None:
    desk.state.save("user:1", "k", 1)
    desk.state.save("user:2", "k", 1)
    mark = desk.state.checkpoint()
    desk.state.clear("user:1")
    desk.state.save("user:2", "k", 2)
    desk.run(
        engine,
        f"State.rollback('{mark}', 'user:1')",
        f"await State.rollback('{mark}', 'user:1')",
    )
    assert [desk.state.load(scope, "k") for scope in ("user:1", "user:2")] == [1, 2]


def test_checkpoints_are_listed_the_latest_first_and_found_by_label(
    desk: Desk, engine: str
) -> None:
    desk.state.checkpoint("nightly")
    desk.state.save("g", "k", 1)
    desk.state.checkpoint("nightly")
    desk.state.checkpoint()
    listed = desk.run(engine, "return State.list_checkpoints()", "return State.listCheckpoints()")
    assert [each["id"] for each in listed] == ["c3", "c2", "c1"]
    assert [each.get("label") for each in listed] == [None, "nightly", "nightly"]
    assert all(each["usable"] for each in listed)
    assert listed == [each.to_dict() for each in desk.state.list_checkpoints()]
    desk.state.save("g", "k", 2)
    desk.state.rollback("nightly")
    assert desk.state.load("g", "k") == 1


def test_a_checkpoint_can_be_forgotten_and_its_id_does_not_come_back(
    desk: Desk, engine: str
) -> None:
    mark = desk.state.checkpoint("old")
    gone = desk.run(
        engine,
        "return { State.delete_checkpoint('old'), State.delete_checkpoint('old') }",
        "return [await State.deleteCheckpoint('old'), await State.deleteCheckpoint('old')]",
    )
    assert gone == [True, False]
    with pytest.raises(CheckpointNotFound):
        desk.state.rollback(mark)
    assert desk.state.checkpoint() != mark


def test_checkpoints_live_on_in_the_store_and_are_no_entries(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk("sqlite")
    desk.state.save("g", "k", 1)
    desk.state.checkpoint("mark")
    desk.state.save("g", "k", 2)
    other = desk.open()
    other.rollback("mark")
    assert other.list_scopes() == ["g"]
    assert desk.state.load("g", "k") == 1
    other.close()


def test_a_rollback_of_nothing_changes_nothing(desk: Desk) -> None:
    desk.state.save("g", "k", 1)
    mark = desk.state.checkpoint()
    assert desk.state.rollback(mark)[:2] == (0, 0)
    assert len(desk.state.history("g", "k")) == 1


def test_a_trial_counts_and_changes_nothing(desk: Desk) -> None:
    desk.state.save("g", "k", 1)
    mark = desk.state.checkpoint()
    desk.state.save_many("g", {"k": 2, "new": 1})
    assert desk.state.rollback(mark, dry_run=True) == (1, 1, None)
    assert desk.state.load_many("g", ["k", "new"]) == {"k": 2, "new": 1}
    assert len(desk.state.list_checkpoints()) == 1


def test_class_schema_version_and_time_to_expire_come_back_too(desk: Desk) -> None:
    saved = desk.state.save("g", "k", 1, ttl=500, state_class="archive", schema_version=3)
    mark = desk.state.checkpoint()
    desk.state.save("g", "k", 2)
    desk.state.rollback(mark)
    metadata = desk.state.get_metadata("g", "k")
    assert metadata is not None
    assert (metadata.state_class, metadata.schema_version) == ("archive", 3)
    assert metadata.expires_at == saved.expires_at


def test_what_has_expired_meanwhile_does_not_come_back(desk: Desk) -> None:
    desk.state.save("g", "k", 1, ttl=0.03)
    mark = desk.state.checkpoint()
    desk.state.save("g", "k", 2, ttl=500)
    while desk.state.list_checkpoints()[0].at_us + 30_000 > desk.state.save("g", "t", 0).updated_us:
        pass
    desk.state.rollback(mark)
    assert desk.state.list_keys("g") == []


def test_after_compaction_a_checkpoint_is_unusable_and_says_so(desk: Desk) -> None:
    desk.state.save("g", "k", 0)
    mark = desk.state.checkpoint()
    for number in range(10):
        desk.state.save("g", "k", number)
    list(desk.state.compact(max_changes=3))
    assert [each.usable for each in desk.state.list_checkpoints()] == [False]
    with pytest.raises(CheckpointNotFound, match="no longer reaches back") as caught:
        desk.state.rollback(mark)
    assert "state.journal" in str(caught.value.hint)
    assert desk.state.load("g", "k") == 9
    assert len(desk.state.list_checkpoints()) == 1


keys = st.sampled_from([("global", "a"), ("global", "b"), ("user:1", "a")])
changes = st.lists(
    st.tuples(
        st.sampled_from(["save", "delete", "clear", "mark", "back", "back here"]),
        keys,
        st.integers(0, 9),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(changes)
def test_a_rollback_restores_exactly_what_a_model_remembers(steps: list[Any]) -> None:
    state = StateManager(open_store("memory"))
    model: dict[tuple[str, str], Any] = {}
    marks = [(state.checkpoint(), dict(model))]
    for verb, (scope, key), number in steps:
        address = (scope, key)
        mark, then = marks[number % len(marks)]
        if verb == "save":
            state.save(scope, key, number)
            model[address] = number
        elif verb == "delete":
            state.delete(scope, key)
            model.pop(address, None)
        elif verb == "clear":
            state.clear(scope)
            model = {ref: value for ref, value in model.items() if ref[0] != scope}
        elif verb == "mark":
            marks.append((state.checkpoint(), dict(model)))
        elif verb == "back":
            marks.append((str(state.rollback(mark).before), dict(model)))
            model = dict(then)
        else:
            state.rollback(mark, scope)
            model = {ref: value for ref, value in model.items() if ref[0] != scope}
            model |= {ref: value for ref, value in then.items() if ref[0] == scope}
        assert everything(state) == model
    state.close()


COUNT_AND_KEEP = """
sys.stdin.readline()
for number in range(60):
    state.increment("g", "n")
    state.save("mine:" + args[0], f"k{number}", number)
tell("done")
"""


def test_a_rollback_beside_writers_loses_no_write_from_history(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk("sqlite")
    mark = desk.state.checkpoint()
    writers = [start(desk.path, "tell('ready')" + COUNT_AND_KEEP, number) for number in range(2)]
    for writer in writers:
        line(writer)
        go(writer)
    undone = [desk.state.rollback(mark, "g") for _ in range(20)]
    finish(*writers)
    versions = desk.state.history("g", "n", values=True)
    counted = [each for each in versions if each.op == "put"]
    assert len(counted) == 120
    assert len(versions) - len(counted) == sum(each.removed for each in undone)
    assert len(desk.state.list_keys("mine:0")) == len(desk.state.list_keys("mine:1")) == 60


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("rollback()", "invalid_argument"),
        ("rollback('nowhere')", "checkpoint_not_found"),
        ("rollback(1)", "invalid_argument"),
        ("rollback('')", "checkpoint_not_found"),
        ("rollback('mark', 'agent:')", "invalid_scope"),
        ("rollback('mark', 5)", "invalid_argument"),
        ("rollback('mark', 'g', 1)", "invalid_argument"),
        ("checkpoint(5)", "invalid_argument"),
        ("checkpoint('')", "invalid_argument"),
        ("checkpoint('two\\nlines')", "invalid_argument"),
        ("delete_checkpoint()", "invalid_argument"),
        ("delete_checkpoint(1)", "invalid_argument"),
        ("list_checkpoints(1)", "invalid_argument"),
    ],
)
def test_misuse_is_a_clear_error_and_changes_nothing(
    open_desk: Callable[..., Desk], engine: str, call: str, code: str
) -> None:
    desk = open_desk()
    desk.state.save("g", "k", 1)
    desk.state.checkpoint("mark")
    desk.state.save("g", "k", 2)
    error = desk.fail(engine, f"State.{call}", f"State.sync.{call}")
    assert (error.code, call.split("(")[0] in error.message) == (code, True)
    assert desk.state.load("g", "k") == 2
    assert len(desk.state.list_checkpoints()) == 1


@pytest.mark.parametrize("label", ["x" * 201, "\ud800", b"bytes", "tab\t"])
def test_a_label_is_a_line_of_printable_text(open_desk: Callable[..., Desk], label: Any) -> None:
    desk = open_desk()
    with pytest.raises(LlmSpellError) as caught:
        desk.state.checkpoint(label)
    assert caught.value.details["parameter"] == "label"
    assert desk.state.list_checkpoints() == []
