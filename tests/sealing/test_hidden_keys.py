"""With hash_keys the files do not even tell how keys are called; everything else is as before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmspell import Runtime
from llmspell.errors import ConfigError, KeyMissing, LockUnavailable, VersionConflict
from llmspell.state.manager import StateManager
from llmspell.testing.walking import walk_all
from state.beside import wait_until

from .conftest import everything_on_disk, forge, rows_of

Open = Callable[..., Runtime]
HIDDEN = {"hash_keys": True}


@pytest.fixture
def state(open_runtime: Open) -> StateManager:
    return open_runtime(security=HIDDEN).state


def test_no_file_tells_how_a_key_is_called(state: StateManager) -> None:
    state.save("g", "patient-4711", 1)
    state.save_many("g", {"patient-4712": 2, "patient-4713": 3})
    with state.transaction() as tx:
        tx.save("g", "patient-4714", 4)
    state.delete("g", "patient-4712")
    state.close()
    assert b"patient" not in everything_on_disk()


def test_the_same_key_of_two_scopes_looks_different(state: StateManager) -> None:
    for scope in ("a", "b"):
        state.save(scope, "k", 1)
    assert len({key for (key,) in rows_of("entries WHERE scope IN ('a', 'b')", "key")}) == 2


def test_keys_are_listed_in_their_order_by_whoever_opens_the_store(
    state: StateManager, open_runtime: Open
) -> None:
    keys = [f"k{number:02}" for number in range(30)]
    state.save_many("g", dict.fromkeys(reversed(keys), 1))
    for each in (state, open_runtime(security=HIDDEN).state):
        assert each.list_keys("g") == keys
        assert each.list_keys("g", prefix="k1", after="k14", limit=3) == ["k15", "k16", "k17"]
        assert each.load_many("g", ["k03", "no"]) == {"k03": 1}
        assert [entry.key for entry in each.export_entries("g")] == keys


def test_history_watches_and_rollback_name_the_keys(state: StateManager) -> None:
    told: list[tuple[str, str]] = []
    state.watch("g", "note", lambda event: told.append((event.key, event.op)))
    state.save("g", "note", 1)
    mark = state.checkpoint()
    state.save("g", "note", 2)
    state.delete("g", "note")
    assert [(each.version, each.value) for each in state.history("g", "note", values=True)] == [
        (3, None),
        (2, 2),
        (1, 1),
    ]
    state.rollback(mark)
    assert state.load("g", "note") == 1
    wait_until(lambda: len(told) == 4)
    assert told == [("note", "put"), ("note", "put"), ("note", "delete"), ("note", "put")]


def test_a_conflict_names_the_key(state: StateManager) -> None:
    state.save("g", "note", 1)
    for write in (
        lambda: state.save("g", "note", 2, if_version=0),
        lambda: state.delete("g", "note", if_version=7),
    ):
        with pytest.raises(VersionConflict, match="'note'") as caught:
            write()
        assert caught.value.details["key"] == "note"


def test_rotating_keys_keeps_the_names(state: StateManager, open_runtime: Open) -> None:
    state.save("g", "note", 1)
    state.rotate_key()
    assert sum(step.sealed for step in state.reencrypt()) == 3  # entry, change and name
    assert [problem for step in state.verify_keys() for problem in step.problems] == []
    assert open_runtime(security=HIDDEN).state.list_keys("g") == ["note"]


@pytest.mark.parametrize("engine", ["lua", "js"])
def test_scripts_notice_nothing(open_runtime: Open, engine: str) -> None:
    script = {
        "lua": "State.save('g', 'b', 1) State.save('g', 'a', 2) State.increment('g', 'a')"
        " return {State.list_keys('g'), State.load('g', 'a'), State.key_exists('g', 'no')}",
        "js": "await State.save('g', 'b', 1); await State.save('g', 'a', 2);"
        " await State.increment('g', 'a');"
        " return [await State.listKeys('g'), await State.load('g', 'a'),"
        " await State.keyExists('g', 'no')]",
    }
    runtime = open_runtime(security=HIDDEN)
    assert runtime.execute(script[engine], engine=engine).value == [["a", "b"], 3, False]


@pytest.mark.parametrize("first", [True, False])
def test_a_store_is_made_with_it_or_without(open_runtime: Open, first: bool) -> None:
    open_runtime(security={"hash_keys": first}).state.save("g", "k", 1)
    with pytest.raises(ConfigError, match="hash_keys"):
        _ = open_runtime(security={"hash_keys": not first}).state
    assert open_runtime(security={"hash_keys": first}).state.load("g", "k") == 1


def test_a_store_that_holds_something_is_not_made_to_hide_it(open_runtime: Open) -> None:
    open_runtime(key=None, everything=False).state.save("g", "k", 1)
    with pytest.raises(ConfigError, match="hash_keys"):
        _ = open_runtime(security=HIDDEN).state


def test_without_the_key_a_store_that_hides_names_is_neither_read_nor_written(
    open_runtime: Open,
) -> None:
    """Even where not everything is encrypted: what is saved by its name nobody would find."""
    blind = open_runtime(key=None, everything=False).state
    open_runtime(security=HIDDEN, everything=False).state.save("g", "k", 1)
    with pytest.raises(KeyMissing):
        blind.save("g", "k", 2)
    with pytest.raises(KeyMissing):
        _ = open_runtime(key=None, everything=False).state


def test_locks_do_not_tell_their_names(state: StateManager) -> None:
    with state.lock("g", "patient-4711"), pytest.raises(LockUnavailable, match="patient-4711"):
        state.acquire_lock("g", "patient-4711", wait=0)
    state.acquire_lock("g", "patient-4712")
    state.close()
    assert b"patient" not in everything_on_disk()


@pytest.mark.parametrize("limit", [1, 4])
def test_a_walk_goes_on_behind_a_key_whose_name_is_damaged(
    state: StateManager, open_runtime: Open, limit: int
) -> None:
    """It is met as it is stored; all others are met by their names."""
    state.save_many("g", {f"k{number}": number for number in range(9)})
    state.close()
    stored = sorted(key for (key,) in rows_of("entries WHERE scope = 'g'", "key"))
    for key in stored[::3]:
        assert forge("UPDATE entries SET blob = x'00' WHERE scope = '\x01names' AND key = ?", key)
    for _ in range(2):
        rows = walk_all(open_runtime(security=HIDDEN).state.store, limit=limit)
        assert len({row.key for row in rows}) == 9
        assert {row.key for row in rows if row.key in stored} == set(stored[::3])


def test_no_page_is_too_long_for_the_names_to_be_remembered(
    state: StateManager, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What must be forgotten to remember others is shown by its name all the same."""
    keys = [f"k{number:02}" for number in range(30)]
    state.save_many("g", dict.fromkeys(keys, 1))
    monkeypatch.setattr("llmspell.store.sealed.hidden._MOST_NAMES", 7)
    for each in (state, open_runtime(security=HIDDEN).state):
        assert each.list_keys("g") == keys
        assert [change.key for change in each.store.changes(0)] == keys
        for limit in (5, 100):
            assert sorted(row.key for row in walk_all(each.store, limit=limit)) == keys
