"""What was saved with a time to live is gone by itself when that is over, for everybody."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from llmspell.errors import LlmSpellError, VersionConflict
from llmspell.state.manager import StateManager
from llmspell.store import open_store

from .conftest import Desk


def wait_for(state: StateManager, scope: str, key: str) -> None:
    """Wait until an entry has expired by the clock."""
    metadata = state.get_metadata(scope, key)
    while metadata is not None and metadata.expires_us is not None:
        time.sleep(max(0.0, metadata.expires_us / 1e6 - time.time()) + 0.001)
        metadata = state.get_metadata(scope, key)


def is_past(time_us: int | None) -> bool:
    """Tell whether a time is over already, as it may be after anything on a busy machine."""
    return time_us is not None and time_us <= time.time_ns() // 1000


def test_the_metadata_tells_when_an_entry_expires(desk: Desk, engine: str) -> None:
    metadata = desk.run(
        engine,
        "return State.save('g', 'k', 1, { ttl = 60 })",
        "return State.save('g', 'k', 1, { ttl: 60 })",
    )
    lasts = metadata["expires_at"] - metadata["updated_at"]
    assert abs(lasts.total_seconds() - 60) < 5
    assert desk.state.save("g", "k", 1, ttl=0.25).expires_at is not None
    assert desk.state.save("g", "k", 1).expires_at is None


def test_an_expired_entry_is_not_there_for_any_function_of_a_script(
    desk: Desk, engine: str
) -> None:
    desk.sandbox(engine)
    expires_us = desk.state.save("g", "k", "value", ttl=0.3).expires_us
    seen = desk.run(engine, "return State.load('g', 'k')", "return State.load('g', 'k')")
    assert seen == "value" or is_past(expires_us)
    wait_for(desk.state, "g", "k")
    seen = desk.run(
        engine,
        """local metadata = State.get_metadata('g', 'k')
        return JSON.array { State.load('g', 'k', 'gone'), State.key_exists('g', 'k'),
          State.scope_exists('g'), #State.list_keys('g'), #State.list_scopes(), metadata == nil,
          next(State.load_many('g', { 'k' })) == nil,
          State.transaction(function(tx) return tx.load('g', 'k', 'gone') end),
          State.update('other', 'n', function(v) return v end, State.load('g', 'k', 'none')),
          State.delete('g', 'k'), State.clear('g') }""",
        """return [State.sync.load('g', 'k', 'gone'), State.sync.keyExists('g', 'k'),
          State.sync.scopeExists('g'), State.sync.listKeys('g').length,
          State.sync.listScopes().length, State.sync.getMetadata('g', 'k') === null,
          Object.keys(State.sync.loadMany('g', ['k'])).length === 0,
          State.sync.transaction((tx) => tx.load('g', 'k', 'gone')),
          State.sync.update('other', 'n', (v) => v, State.sync.load('g', 'k', 'none')),
          State.sync.delete('g', 'k'), State.sync.clear('g')]""",
    )
    assert seen[:7] == ["gone", False, False, 0, 0, True, True]
    assert seen[7:] == ["gone", "none", False, 0]


def test_nor_is_it_there_for_any_function_of_python(desk: Desk) -> None:
    state = desk.state
    state.save("g", "k", "value", ttl=0.02)
    state.warm("g")
    wait_for(state, "g", "k")
    assert state.load("g", "k", "gone") == "gone"
    assert state.load_many("g", ["k"]) == {}
    assert state.get_metadata("g", "k") is None
    assert state.key_exists("g", "k") is False
    assert state.scope_exists("g") is False
    assert state.list_keys("g") == state.list_keys("g", prefix="k") == []
    assert state.list_scopes() == []
    assert list(state.export_entries()) == []
    assert state.warm("g") == 0
    assert state.run_transaction(lambda tx: tx.key_exists("g", "k")) is False
    assert state.load_frozen("g", "k") is None
    assert state.update("g", "k", lambda value: [value], default="new") == ["new"]


def test_an_expired_number_counts_from_nothing_and_without_a_time_to_expire(desk: Desk) -> None:
    desk.state.save("g", "n", 10, ttl=0.01)
    wait_for(desk.state, "g", "n")
    assert desk.state.increment("g", "n") == 1
    assert desk.state.get_metadata("g", "n").expires_at is None  # type: ignore[union-attr]


def test_updating_keeps_the_time_to_expire_and_saving_without_one_removes_it(
    desk: Desk, engine: str
) -> None:
    saved = desk.state.save("g", "n", 1, ttl=500)
    desk.run(
        engine,
        "State.increment('g', 'n') State.update('g', 'n', function(n) return n + 1 end)",
        "await State.increment('g', 'n'); await State.update('g', 'n', (n) => n + 1);",
    )
    metadata = desk.state.get_metadata("g", "n")
    assert metadata is not None
    assert (metadata.version, metadata.expires_at) == (3, saved.expires_at)
    desk.run(engine, "State.save('g', 'n', 5)", "await State.save('g', 'n', 5)")
    assert desk.state.get_metadata("g", "n").expires_at is None  # type: ignore[union-attr]


def test_a_new_time_to_live_counts_from_the_new_save(desk: Desk) -> None:
    desk.state.save("g", "k", 1, ttl=0.05)
    desk.state.save("g", "k", 2, ttl=500)
    time.sleep(0.06)
    assert desk.state.load("g", "k") == 2


def test_in_a_transaction_it_counts_from_the_commit(desk: Desk, engine: str) -> None:
    desk.run(
        engine,
        "State.transaction(function(tx) tx.save('g', 'k', 1, { ttl = 500 }) end)",
        "await State.transaction((tx) => tx.save('g', 'k', 1, { ttl: 500 }))",
    )
    metadata = desk.state.get_metadata("g", "k")
    assert metadata is not None
    assert metadata.expires_us == metadata.updated_us + 500_000_000
    with desk.state.transaction() as tx:
        tx.save("g", "k", 2, ttl=0.02)
        time.sleep(0.03)
        assert tx.load("g", "k") == 2
    wait_for(desk.state, "g", "k")
    assert not desk.state.key_exists("g", "k")


def test_several_values_may_be_given_one_time_to_live(desk: Desk) -> None:
    saved = desk.state.save_many("g", {"a": 1, "b": 2}, ttl=0.02)
    assert saved["a"].expires_us == saved["b"].expires_us
    wait_for(desk.state, "g", "a")
    assert desk.state.list_keys("g") == []


def test_what_expired_before_a_transaction_ends_was_changed_by_that(desk: Desk) -> None:
    tx = desk.state.begin_transaction()
    desk.state.save("g", "k", 1, ttl=0.4)
    assert tx.load("g", "k") == 1
    tx.save("g", "copy", 1)
    wait_for(desk.state, "g", "k")
    with pytest.raises(VersionConflict):
        tx.commit()
    assert desk.state.list_keys("g") == []


def test_an_expired_entry_has_no_version_to_demand_and_the_next_one_is_higher(desk: Desk) -> None:
    first = desk.state.save("g", "k", 1, ttl=0.02).version
    wait_for(desk.state, "g", "k")
    with pytest.raises(VersionConflict):
        desk.state.save("g", "k", 2, if_version=first)
    assert desk.state.save("g", "k", 2, if_version=0).version > first + 1


def test_history_shows_the_expiry_once_it_was_swept_or_written_over(desk: Desk) -> None:
    desk.state.save("g", "swept", 1, ttl=0.02)
    desk.state.save("g", "written", 1, ttl=0.02)
    wait_for(desk.state, "g", "written")
    desk.state.save("g", "written", 2)
    assert sum(step.expired for step in desk.state.compact()) == 1
    assert [each.op for each in desk.state.history("g", "swept")] == ["expire", "put"]
    assert [each.op for each in desk.state.history("g", "written")] == ["put", "expire", "put"]
    assert (
        desk.state.history("g", "swept")[0].at_us == desk.state.history("g", "swept")[1].expires_us
    )


def test_closing_a_state_that_was_written_to_sweeps_what_has_expired(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk("sqlite")
    desk.state.save("g", "k", 1, ttl=0.01)
    wait_for(desk.state, "g", "k")
    desk.state.close()
    again = StateManager(open_store("sqlite", path=desk.path))
    assert [each.op for each in again.history("g", "k")] == ["expire", "put"]
    again.close()


def test_another_state_on_the_file_does_not_go_on_with_what_it_has_cached(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk("sqlite")
    other = desk.open()
    expires_us = desk.state.save("g", "k", 1, ttl=0.3).expires_us
    assert other.load("g", "k") == 1 or is_past(expires_us)
    wait_for(desk.state, "g", "k")
    assert other.load("g", "k", "gone") == "gone"
    other.close()


@pytest.mark.parametrize("ttl", [0, -1, "5", True, [], float("nan"), float("inf"), 1e12])
def test_a_time_to_live_is_a_positive_number_of_seconds(desk: Desk, ttl: Any) -> None:
    for use in (desk.state.save, desk.state.save_many):
        arguments = ("g", "k", 1) if use == desk.state.save else ("g", {"k": 1})
        with pytest.raises(LlmSpellError, match="'ttl'"):
            use(*arguments, ttl=ttl)
    assert desk.state.list_keys("g") == []


@pytest.mark.parametrize("ttl", ["0", "-1", "'5'", "true", "{}", "1e12", "1e400"])
def test_scripts_are_told_so_too(open_desk: Callable[..., Desk], engine: str, ttl: str) -> None:
    desk = open_desk()
    error = desk.fail(
        engine,
        f"State.save('g', 'k', 1, {{ ttl = {ttl} }})",
        f"await State.save('g', 'k', 1, {{ ttl: {ttl} }})",
    )
    assert error.code in ("invalid_value", "invalid_argument")
    assert "ttl" in error.message
    assert desk.state.list_keys("g") == []
