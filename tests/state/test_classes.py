"""State classes: each name stands for a policy, and does what its row in the table says."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import (
    InvalidArgument,
    InvalidValue,
    KeyMissing,
    LimitExceeded,
    VersionConflict,
)
from llmspell.state.classes import CLASSES
from llmspell.state.manager import StateManager
from llmspell.store import open_store

from .beside import end, line, start, wait_until
from .conftest import Desk

STORABLE = sorted(set(CLASSES) - {"sensitive"})


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_every_class_has_a_row_that_says_what_it_means() -> None:
    assert set(CLASSES) == {
        "standard", "trusted", "ephemeral", "external", "sensitive", "critical", "bulk", "archive",
    }  # fmt: skip
    for name, policy in CLASSES.items():
        assert policy.name == name
        assert policy.doc.endswith(".")


@pytest.mark.parametrize("name", STORABLE)
def test_a_value_of_any_class_is_saved_and_loaded_and_its_metadata_shows_the_class(
    desk: Desk, engine: str, name: str
) -> None:
    value = {"n": 1, "list": [1.5, None, "text"]}
    desk.state.save("g", "python", value, state_class=name)
    loaded = desk.run(
        engine,
        f"""State.save('g', 'script', State.load('g', 'python'), {{ class = '{name}' }})
        return State.load('g', 'script')""",
        f"""await State.save('g', 'script', await State.load('g', 'python'), {{ class: '{name}' }});
        return State.load('g', 'script')""",
    )
    assert loaded == value
    for key in ("python", "script"):
        assert desk.state.load("g", key) == value
        assert desk.state.get_metadata("g", key).state_class == name  # type: ignore[union-attr]
    assert desk.state.list_keys("g") == ["python", "script"]
    desk.state.save("g", "script", 1)
    assert desk.state.get_metadata("g", "script").state_class == "standard"  # type: ignore[union-attr]
    assert desk.state.delete("g", "python") is True
    assert desk.state.list_keys("g") == ["script"]


@pytest.mark.parametrize("name", STORABLE)
def test_an_update_keeps_the_class(desk: Desk, name: str) -> None:
    desk.state.save("g", "n", 1, state_class=name)
    assert desk.state.increment("g", "n") == 2
    assert desk.state.get_metadata("g", "n").state_class == name  # type: ignore[union-attr]


@pytest.mark.parametrize("name", STORABLE)
def test_a_transaction_takes_entries_of_any_class_and_is_whole(desk: Desk, name: str) -> None:
    with desk.state.transaction() as tx:
        tx.save("g", "a", 1, state_class=name)
        tx.save("g", "b", 1)
    tx = desk.state.begin_transaction()
    tx.save("g", "a", tx.load("g", "a") + 1, state_class=name)
    tx.save("g", "b", tx.load("g", "b") + 1)
    desk.state.save("g", "b", 1)
    with pytest.raises(VersionConflict):
        tx.commit()
    assert desk.state.load_many("g", ["a", "b"]) == {"a": 1, "b": 1}


@pytest.mark.parametrize("names", [STORABLE, STORABLE[::-1]], ids=["sorted", "reversed"])
def test_entries_of_all_classes_live_side_by_side(desk: Desk, names: list[str]) -> None:
    for number in range(3):
        for name in names:
            desk.state.save("g", name, [name, number], state_class=name)
    assert desk.state.list_keys("g") == STORABLE
    assert desk.state.load_many("g", STORABLE) == {name: [name, 2] for name in STORABLE}
    assert {each.key: each.value for each in desk.state.export_entries()} == {
        name: [name, 2] for name in STORABLE
    }
    journalled = [name for name in STORABLE if desk.state.history("g", name)]
    assert journalled == [name for name in STORABLE if name != "ephemeral"]
    for step in desk.state.verify():
        assert step.problems == ()
    assert desk.state.clear("g") == len(STORABLE)
    assert desk.state.list_scopes() == []


@pytest.mark.parametrize("name", ["sensitiv", "Standard", "", "none"])
def test_a_name_that_is_no_class_is_refused_with_the_names_there_are(
    desk: Desk, engine: str, name: str
) -> None:
    error = desk.fail(
        engine,
        f"State.save('g', 'k', 1, {{ class = '{name}' }})",
        f"await State.save('g', 'k', 1, {{ class: '{name}' }})",
    )
    assert (error.code, error.details["parameter"]) == ("invalid_argument", "class")
    assert "did you mean" in str(error.hint) or "archive" in str(error.hint)
    for use in (desk.state.save, desk.state.save_many):
        with pytest.raises(InvalidArgument, match="unknown state class"):
            use(*(("g", "k", 1) if use == desk.state.save else ("g", {"k": 1})), state_class=name)
    assert desk.state.list_keys("g") == []


@pytest.mark.parametrize("name", [5, None, ["standard"], {"a": 1}, b"bulk", True])
def test_a_class_is_named_by_text(desk: Desk, name: Any) -> None:
    with pytest.raises(InvalidArgument):
        desk.state.save("g", "k", 1, state_class=name)
    assert desk.state.list_keys("g") == []


def test_sensitive_refuses_until_there_is_a_key(desk: Desk, engine: str) -> None:
    error = desk.fail(
        engine,
        "State.save('g', 'k', 'my secret', { class = 'sensitive' })",
        "await State.save('g', 'k', 'my secret', { class: 'sensitive' })",
    )
    assert error.code == "key_missing"
    assert "encrypted" in error.message
    assert "my secret" not in f"{error.message} {error.hint} {error.details}"
    with pytest.raises(KeyMissing), desk.state.transaction() as tx:
        tx.save("g", "k", "my secret", state_class="sensitive")
    with pytest.raises(KeyMissing):
        desk.state.save_many("g", {"k": "my secret"}, state_class="sensitive")
    assert desk.state.list_scopes() == []


def test_external_values_are_smaller_and_flatter_than_others_may_be(desk: Desk) -> None:
    many, deep = ["x" * 1000] * 1100, nested(33)
    for value in (many, deep):
        desk.state.save("g", "k", value)
        with pytest.raises(LimitExceeded):
            desk.state.save("g", "k", value, state_class="external")
        with pytest.raises(LimitExceeded, match="key 'k'"):
            desk.state.save_many("g", {"k": value}, state_class="external")
        with pytest.raises(LimitExceeded), desk.state.transaction() as tx:
            tx.save("g", "k", value, state_class="external")
    desk.state.save("g", "k", [nested(30), ["x" * 1000] * 1000], state_class="external")
    with pytest.raises(LimitExceeded):
        desk.state.update("g", "k", lambda value: [*value, ["x" * 1000] * 100])
    assert len(desk.state.load("g", "k")) == 2


def test_scripts_meet_the_limits_of_external_too(desk: Desk, engine: str) -> None:
    error = desk.fail(
        engine,
        """local value = {}
        for _ = 1, 40 do value = { inner = value } end
        State.save('g', 'k', value)
        State.save('g', 'k', value, { class = 'external' })""",
        """let value = {};
        for (let i = 0; i < 40; i++) value = { inner: value };
        await State.save('g', 'k', value);
        await State.save('g', 'k', value, { class: 'external' });""",
    )
    assert error.code == "limit_exceeded"
    assert desk.state.get_metadata("g", "k").state_class == "standard"  # type: ignore[union-attr]


def test_archive_takes_less_room_than_standard(desk: Desk) -> None:
    text = [f"line {number * number} of a long story" for number in range(3000)]
    standard = desk.state.save("g", "standard", text).size_bytes
    archive = desk.state.save("g", "archive", text, state_class="archive").size_bytes
    assert archive < standard
    assert desk.state.load("g", "archive") == text


def test_trusted_values_are_still_checked_for_what_cannot_be_stored(desk: Desk) -> None:
    with pytest.raises(InvalidValue, match=r"\$\.x"):
        desk.state.save("g", "k", {"x": float("nan")}, state_class="trusted")


@pytest.fixture
def shared(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk("sqlite")


def test_ephemeral_entries_are_seen_by_this_process_alone_and_end_with_it(shared: Desk) -> None:
    shared.state.save("g", "k", "mine", state_class="ephemeral")
    shared.state.save("g", "shown", 1)
    other = shared.open()
    assert shared.state.load("g", "k") == "mine"
    assert other.list_keys("g") == ["shown"]
    assert other.history("g", "k") == []
    other.close()
    shared.state.close()
    again = shared.open()
    assert again.list_keys("g") == ["shown"]
    again.close()


def test_an_ephemeral_entry_hides_the_stored_one_until_it_is_deleted_or_saved_over(
    shared: Desk,
) -> None:
    shared.state.save("g", "k", "stored")
    shared.state.save("g", "k", "ephemeral", state_class="ephemeral", ttl=500)
    assert shared.state.load("g", "k") == "ephemeral"
    other = shared.open()
    assert other.load("g", "k") == "stored"
    shared.state.save("g", "k", "stored again")
    assert other.load("g", "k") == "stored again"
    other.close()


def test_a_bulk_value_is_there_at_once_and_for_others_after_the_next_flush(shared: Desk) -> None:
    shared.state.save("g", "k", 0)
    other = shared.open()
    for number in range(1, 200):
        shared.state.save("g", "k", number, state_class="bulk")
        assert shared.state.load("g", "k") == number
    wait_until(lambda: other.load("g", "k") == 199, within_s=10)
    other.close()


def test_closing_writes_what_bulk_left_waiting(shared: Desk) -> None:
    shared.state.save("g", "k", 0)
    for number in range(100):
        shared.state.save("g", "k", number, state_class="bulk")
    shared.state.close()
    again = shared.open()
    assert again.load("g", "k") == 99
    again.close()


SAVE_FOR_EVER = """
number = state.load("g", "k", 0)
while True:
    number += 1
    state.save("g", "k", number, state_class=args[0])
    os.write(1, b"%d\\n" % number)
"""


@pytest.mark.parametrize("name", ["standard", "critical", "bulk"])
def test_a_killed_process_has_lost_no_more_than_its_class_may(tmp_path: Path, name: str) -> None:
    path = tmp_path / "state.db"
    for _ in range(2):
        writer = start(path, SAVE_FOR_EVER, name)
        whole = [line(writer)]
        beside = StateManager(open_store("sqlite", path=path))
        wait_until(lambda seen=beside: seen.load("g", "k", 0) > 0)  # type: ignore[misc]
        beside.close()
        time.sleep(0.3)
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        rest = writer.stdout.read().splitlines(keepends=True)
        whole += [each for each in rest if each[-1] == "\n"]
        end(writer)
        state = StateManager(open_store("sqlite", path=path))
        kept = state.load("g", "k")
        assert kept > 0
        if name != "bulk":
            assert kept >= int(whole[-1])
        assert [step.problems for step in state.verify() if step.problems] == []
        state.close()
