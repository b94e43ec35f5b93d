"""Migrations that do not come to their end, and what is recorded of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from llmspell import Runtime
from llmspell.errors import LlmSpellError, MigrationRunning
from llmspell.state.manager import StateManager
from llmspell.state.migrating import exclusive
from llmspell.state.migrating.result import MigrationEvent
from llmspell.store.base import Put, Ref
from llmspell.store.holds import HOLDS, RUNS, holds_in

from .profiles import new, old
from .test_many_entries import COUNT, fill, values
from .test_rollback import stored


def holds(state: StateManager) -> dict[str, bool]:
    row = state.store.read((HOLDS,))[0]
    return {hold.id: hold.runs for hold in holds_in(None if row is None else row.blob)}


def break_off(state: StateManager, error: type[BaseException] = KeyboardInterrupt) -> None:
    """End a migration after its second batch."""

    def stop(event: MigrationEvent) -> None:
        if event.kind == "batch" and event.done >= 10:
            raise error

    with pytest.raises(error):
        state.migrate_all(batch_size=5, on_event=stop)


def leave_running(state: StateManager, pid: int = 2**22 - 1) -> str:
    """Make the last run one whose process was killed."""
    run = state.migration_history(1)[0]
    run.status, run.pid = "running", pid
    state._runs.save(run, run.started_us + 10**15)
    return run.id


def test_what_a_killed_one_left_is_interrupted_when_another_begins(state: StateManager) -> None:
    fill(state)
    break_off(state)
    killed = leave_running(state)
    assert state.migrate_all(scope="user:all").success
    runs = {run.id: run for run in state.migration_history()}
    assert runs[killed].status == "interrupted"
    assert not any(holds(state).values())
    assert state.migrate_all().id == killed


def test_a_killed_one_is_not_said_to_be_under_way(state: StateManager) -> None:
    fill(state)
    seen: list[bool] = []
    state.migrate_all(on_event=lambda _event: seen.append(state.migration_status()["running"]))
    assert set(seen) == {True}
    leave_running(state)
    assert not state.migration_status()["running"]


def test_a_rollback_is_under_way_too_and_nobody_migrates_beside_it(state: StateManager) -> None:
    """Though the run that it brings back looks like one that was killed."""
    fill(state)
    break_off(state)
    leave_running(state)
    refused: list[str] = []

    def meanwhile(event: MigrationEvent) -> None:
        assert state.migration_status()["running"]
        with pytest.raises(MigrationRunning) as caught:
            state.migrate_all()
        refused.append(caught.value.message)

    before = values(state)
    assert state.rollback_migration(on_event=meanwhile).items_migrated == 10
    assert values(state) != before
    assert f"process {os.getpid()}" in refused[0]


def test_an_entry_may_take_longer_than_the_lock_lives(
    open_runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusive, "_TTL_S", 0.001)
    monkeypatch.setattr("llmspell.state.migrating.writer._ALIVE_EVERY_S", 0.0)
    state = open_runtime().state
    fill(state)
    assert state.migrate_all(batch_size=2).success
    assert state.migration_history()[0].status == "completed"


def test_one_whose_lock_another_took_leaves_the_record_to_him(
    open_runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusive, "_TTL_S", 0.05)
    monkeypatch.setattr("llmspell.state.migrating.writer._ALIVE_EVERY_S", 0.0)
    runtime = open_runtime()
    state = runtime.state
    fill(state, bad=24)
    other: list[Any] = []

    def meanwhile(event: MigrationEvent) -> None:
        if event.kind == "batch" and not other:
            monkeypatch.setattr(exclusive, "_TTL_S", 30.0)
            other.append(state.acquire_lock("global", "wait", ttl=0.1))
            with state.lock("global", "wait", wait=5):  # by now the lock has run out
                pass
            other.append(state._acquire(*exclusive._NAME, 30.0, 0, mark=exclusive._mark()))

    with pytest.raises(MigrationRunning):
        state.migrate_all(batch_size=2, atomic=True, on_event=meanwhile)
    other[-1].release()
    (run,) = state.migration_history()
    assert run.status == "running"
    result = state.migrate_all(atomic=True)
    assert (result.id, result.status) == (run.id, "rolled_back")
    assert state.migration_status()["schemas"]["user_profile"]["entries"] == {"1": COUNT}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ZeroDivisionError])
def test_all_or_nothing_holds_for_whatever_ends_it(
    state: StateManager, kind: type[BaseException]
) -> None:
    fill(state)
    before = stored(state)

    def stop(event: MigrationEvent) -> None:
        if event.kind == "batch" and event.done >= 10:
            raise kind

    with pytest.raises(kind):
        state.migrate_all(batch_size=5, atomic=True, on_event=stop)
    assert stored(state) == before
    (run,) = state.migration_history()
    assert (run.status, run.items_migrated) == ("rolled_back", 0)
    assert holds(state) == {}


def test_all_or_nothing_goes_for_entries_that_are_never_written(state: StateManager) -> None:
    state.save("user:x", "a", old(1), schema_version=1, state_class="ephemeral", ttl=60)
    state.save("user:x", "b", old(2), schema_version=1)
    state.save("user:x", "c", {"user_id": "bad"}, schema_version=1, state_class="trusted")
    assert state.migrate_all(atomic=True, batch_size=1).status == "rolled_back"
    known = state.get_metadata("user:x", "a")
    assert known is not None
    assert (known.schema_version, known.state_class) == (1, "ephemeral")
    assert known.expires_at is not None
    assert state.load("user:x", "a") == old(1)


def test_one_begun_without_a_backup_is_not_gone_on_with_as_one_that_has_it(
    state: StateManager,
) -> None:
    fill(state, bad=24)

    def stop(event: MigrationEvent) -> None:
        if event.kind == "batch":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        state.migrate_all(batch_size=5, backup=False, on_event=stop)
    left = values(state)
    result = state.migrate_all(atomic=True, batch_size=5)
    assert (result.status, result.errors[0]["key"]) == ("rolled_back", "p024")
    assert values(state) == left
    assert [run.status for run in state.migration_history()] == ["rolled_back", "interrupted"]


def test_a_rollback_that_is_broken_off_is_done_again(state: StateManager) -> None:
    fill(state)
    before = stored(state)
    done = state.migrate_all()
    state.update("user:1", "p001", lambda value: value | {"new": 1})

    def stop(event: MigrationEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        state.rollback_migration(on_event=stop)
    assert state.migration_history()[0].status == "rolling_back"
    result = state.rollback_migration()
    assert (result.id, result.items_skipped) == (done.id, 1)
    (warning,) = result.warnings
    assert "p001" in warning
    assert {**stored(state), ("user:1", "p001"): ()} == {**before, ("user:1", "p001"): ()}


def test_a_rollback_broken_off_and_migrated_again_goes_all_the_way_back(
    state: StateManager,
) -> None:
    fill(state)
    before = stored(state)
    break_off(state)
    with pytest.raises(KeyboardInterrupt):
        state.rollback_migration(on_event=_interrupt)
    assert state.migrate_all().success
    assert values(state) == {f"p{n:03}": new(n) for n in range(COUNT)}
    result = state.rollback_migration()
    assert (result.items_migrated, result.items_skipped) == (COUNT, 0)
    assert stored(state) == before


def _interrupt(event: MigrationEvent) -> None:
    raise KeyboardInterrupt


def test_no_more_is_done_than_there_is(state: StateManager) -> None:
    """Also of what comes in while it runs, and of what is looked at twice."""
    fill(state, bad=3)
    late = iter(range(5))
    events: list[MigrationEvent] = []

    def another(event: MigrationEvent) -> None:
        events.append(event)
        if event.kind == "batch" and (number := next(late, None)) is not None:
            state.save("user:a", f"late{number}", old(number), schema_version=1)

    result = state.migrate_all(batch_size=4, on_event=another)
    assert result.items_migrated == COUNT - 1 + 5
    assert all(event.done <= event.total for event in events)


DAMAGED: list[Any] = [
    b"\xc1",
    b"",
    None,
    5,
    [],
    {},
    {"id": "m9", "started_us": "x", "selection": [[], None, None], "seq": 0},
    {"id": "m9", "started_us": 10**30 // 10**12, "selection": 5, "seq": 0},
    {"id": "m9", "started_us": 2**63, "selection": [[], None, None], "seq": 0},
]


@pytest.mark.parametrize("record", DAMAGED)
def test_a_record_that_nobody_can_read_is_left_out(state: StateManager, record: Any) -> None:
    blob = record if isinstance(record, bytes) else msgpack.packb(record)
    fill(state, 2)
    state.store.write([Put(RUNS, "m9", blob, 1)])
    assert state.migration_history() == []
    assert state.migrate_all().items_migrated == 2
    assert state.rollback_migration().items_migrated == 2
    with pytest.raises(LlmSpellError):
        state.rollback_migration("m9")


def test_what_a_later_version_tells_besides_is_kept_out_of_the_way(state: StateManager) -> None:
    fill(state, 2)
    done = state.migrate_all()
    for ref in (Ref(RUNS, done.id), HOLDS):
        row = state.store.read((ref,))[0]
        assert row is not None
        facts = msgpack.unpackb(row.blob)
        if ref == HOLDS:
            facts = [[*hold, "more"] for hold in facts]
        else:
            facts |= {"selection": [*facts["selection"], "more"], "more": 1}
        state.store.write([Put(*ref, msgpack.packb(facts), 1)])
    assert list(holds(state)) == [done.id]
    assert state.migration_history()[0].to_dict()["id"] == done.id
    assert state.rollback_migration().items_migrated == 2


def test_long_values_make_small_batches(
    state: StateManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pace", "bulk"):
        monkeypatch.setattr(f"llmspell.state.migrating.{name}.BATCH_BYTES", 1000)
    fill(state, 100)
    before = stored(state)
    done: list[int] = []
    result = state.migrate_all(
        batch_size=1000,
        on_event=lambda event: done.append(event.done) if event.kind == "batch" else None,
    )
    assert result.items_migrated == 100
    assert len(done) > 5
    assert state.rollback_migration().items_migrated == 100
    assert stored(state) == before
