"""Rolling a migration back: the very bytes that were there before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.errors import LlmSpellError, MigrationNotFound
from llmspell.migration import Default, MigrationStep
from llmspell.state.manager import StateManager
from llmspell.state.migrating.result import MigrationEvent

from .profiles import STEP, new, old
from .test_many_entries import BAD, COUNT, fill, values


def stored(state: StateManager) -> dict[tuple[str, str], tuple[bytes, int, str, int | None]]:
    """Return what is stored of each entry, but for versions and times of writing."""
    rows = [row for scope in state.list_scopes() for row in state.store.scan(scope)]
    return {
        (row.scope, row.key): (row.blob, row.schema_version, row.state_class, row.expires_at)
        for row in rows
    }


def test_the_original_bytes_are_back(open_runtime: Callable[..., Runtime], backend: str) -> None:
    state = open_runtime(backend).state
    fill(state, bad=4)
    state.save("user:ttl", "t", old(), schema_version=1, ttl=3600, state_class="archive")
    before = stored(state)
    done = state.migrate_all(batch_size=7)
    assert stored(state) != before
    result = state.rollback_migration()
    assert (result.success, result.status, result.id) == (True, "rolled_back", done.id)
    assert (result.items_migrated, result.items_skipped) == (COUNT, 0)
    assert stored(state) == before
    assert state.migration_history()[0].status == "rolled_back"


def test_what_was_changed_since_stays_as_it_is(state: StateManager) -> None:
    fill(state, 6)
    state.migrate_all()
    state.save("user:1", "p001", new(100))
    state.delete("user:3", "p003")
    result = state.rollback_migration()
    assert (result.items_migrated, result.items_skipped) == (4, 2)
    assert any("'p001'" in warning for warning in result.warnings)
    assert values(state)["p001"] == new(100)
    assert "p003" not in values(state)


def test_a_dry_run_counts_and_writes_nothing(state: StateManager) -> None:
    fill(state, 6)
    state.migrate_all()
    before = stored(state)
    result = state.rollback_migration(dry_run=True)
    assert (result.status, result.items_migrated) == ("dry_run", 6)
    assert stored(state) == before
    assert state.rollback_migration().items_migrated == 6


def test_each_migration_can_be_rolled_back_by_its_id(state: StateManager) -> None:
    fill(state, 4, bad=1)
    first = state.migrate_all()
    state.save("user:1", "p001", old(1), schema_version=1)
    second = state.migrate_all()
    assert state.rollback_migration(first.id).items_migrated == 3
    assert values(state)["p001"] == new(1)
    assert state.rollback_migration(second.id).items_migrated == 1
    assert values(state)["p001"] == old(1)


def test_after_a_rollback_one_can_migrate_again(state: StateManager) -> None:
    fill(state, 4)
    state.migrate_all()
    state.rollback_migration()
    assert state.migrate_all().items_migrated == 4
    assert values(state)["p001"] == new(1)


@pytest.mark.parametrize("id_", ["m1", "", 5, None])
def test_a_migration_that_there_is_not_is_a_clear_error(state: StateManager, id_: Any) -> None:
    with pytest.raises(MigrationNotFound, match="no migration"):
        state.rollback_migration(id_)


def test_a_migration_is_rolled_back_once(state: StateManager) -> None:
    fill(state, 2)
    done = state.migrate_all()
    state.rollback_migration()
    with pytest.raises(MigrationNotFound, match="already"):
        state.rollback_migration(done.id)


def test_one_that_was_made_without_a_backup_cannot_be_rolled_back(state: StateManager) -> None:
    fill(state, 2)
    state.migrate_all(backup=False)
    with pytest.raises(MigrationNotFound, match="without the journal"):
        state.rollback_migration()


def test_the_journal_is_kept_as_long_as_it_is_needed(open_runtime: Callable[..., Runtime]) -> None:
    state = open_runtime(state={"journal": {"max_changes": 1}}).state
    fill(state, 6)
    before = stored(state)
    state.migrate_all(batch_size=2)
    for _ in state.compact(max_changes=1):
        pass
    state.rollback_migration()
    assert stored(state) == before
    for _ in state.compact(max_changes=1):
        pass
    assert state.get_stats()["journal"]["rows"] < 10


def test_without_days_to_roll_back_the_journal_goes_as_usual(
    open_runtime: Callable[..., Runtime],
) -> None:
    runtime = open_runtime(migration={"rollback_days": 0}, state={"journal": {"max_changes": 1}})
    fill(runtime.state, 6)
    done = runtime.state.migrate_all()
    for _ in runtime.state.compact(max_changes=1):
        pass
    with pytest.raises(MigrationNotFound, match="no longer reaches") as caught:
        runtime.state.rollback_migration(done.id)
    assert "rollback_days" in (caught.value.hint or "")


def test_encrypted_values_are_migrated_and_rolled_back(
    open_runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "5a" * 32)
    state = open_runtime(state={"security": {"encryption_enabled": True}}).state
    fill(state, 5, bad=2)
    before = values(state)
    assert state.migrate_all().items_migrated == 4
    assert values(state)["p002"] == BAD
    assert all(
        (known := state.get_metadata(entry.scope, entry.key)) is not None and known.encrypted
        for entry in state.export_entries()
    )
    state.rollback_migration()
    assert values(state) == before


def test_rolling_back_needs_the_right_to_administer(state: StateManager) -> None:
    with pytest.raises(LlmSpellError):
        state.rollback_migration()


def test_migrations_are_rolled_back_one_after_the_other_the_latest_first(
    open_runtime: Callable[..., Runtime],
) -> None:
    third = MigrationStep(
        schema="user_profile",
        from_version=2,
        to_version=3,
        transformations=[Default(field="seen", value=1)],
    )
    state = open_runtime(migrations=[STEP, third], schemas=()).state
    fill(state, 6)
    before = stored(state)
    first = state.migrate_all(2)
    between = stored(state)
    state.migrate_all(3)
    wrong = state.rollback_migration(first.id)
    assert (wrong.status, wrong.items_migrated, wrong.items_skipped) == ("nothing_to_do", 0, 6)
    state.rollback_migration()
    assert stored(state) == between
    result = state.rollback_migration()
    assert (result.id, result.items_migrated, result.items_skipped) == (first.id, 6, 0)
    assert stored(state) == before


def test_a_rollback_that_was_broken_off_is_told_and_gone_on_with(state: StateManager) -> None:
    fill(state)
    before = stored(state)
    done = state.migrate_all()

    def stop(event: MigrationEvent) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        state.rollback_migration(on_event=stop)
    assert state.migration_history()[0].status == "rolling_back"
    result = state.rollback_migration()
    assert (result.id, result.items_skipped) == (done.id, 0)
    assert stored(state) == before
    assert state.migration_history()[0].status == "rolled_back"


def test_the_latest_is_the_one_that_changed_something_last(state: StateManager) -> None:
    fill(state, 3, bad=1)
    done = state.migrate_all()
    nothing = state.migrate_all()
    assert (nothing.status, nothing.items_migrated) == ("partial", 0)
    assert state.rollback_migration().id == done.id


def test_what_a_restore_brought_back_meanwhile_is_rolled_back_as_the_migration_had_left_it(
    open_runtime: Callable[..., Runtime],
) -> None:
    backup = {"enabled": True, "backup_dir": "backups"}
    state = open_runtime(state={"backup": backup}).state
    fill(state, 6)
    before = values(state)
    state.migrate_all()
    migrated = state.create_backup()
    state.delete("user:all", "p000")
    state.save("user:1", "p001", new(100))
    state.restore_backup(migrated.id)
    result = state.rollback_migration()
    assert (result.items_migrated, result.items_skipped) == (6, 0)
    assert values(state) == before


def test_what_a_restore_made_another_value_since_stays_as_it_is(
    open_runtime: Callable[..., Runtime],
) -> None:
    backup = {"enabled": True, "backup_dir": "backups"}
    state = open_runtime(state={"backup": backup}).state
    fill(state, 3)
    full = state.create_backup()
    state.migrate_all()
    state.restore_backup(full.id, scope="user:all")
    result = state.rollback_migration()
    assert (result.items_migrated, result.items_skipped) == (1, 2)
    assert values(state) == {f"p{number:03}": old(number) for number in range(3)}
