"""What a restore counts, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.errors import RestoreFailed
from llmspell.store import Delete, Put, open_store
from llmspell.store.codec import encode

from .histories import BackUp, History, Save, stored


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Entries that run out in a full backup and in an incremental one on it."""
    history = History(tmp_path)
    history.run(
        [
            Save("global", "a", 1, lives_s=60),
            Save("global", "b", 1),
            BackUp("full"),
            Save("global", "c", 1, lives_s=60),
            Save("user:1", "d", 1, lives_s=60),
            Save("user:1", "e", 1),
            BackUp("incremental"),
        ]
    )
    return history


def test_what_has_run_out_stays_away_and_is_counted_over_the_whole_chain(
    history: History,
) -> None:
    empty = open_store("memory")
    done = history.restore(empty, history.backups[1][0].id)
    assert (done.restored, done.expired) == (2, 3)
    assert {key for _, key in stored(empty)} == {"b", "e"}


def test_a_restore_to_a_position_tells_when_the_last_change_before_it_was_made(
    history: History,
) -> None:
    for moment in history.moments[3:6]:
        done = history.restore(open_store("memory"), seq=moment.seq)
        assert done.point_us == moment.at


def test_a_key_that_is_named_twice_is_restored_and_removed_once(history: History) -> None:
    history.store.write([Put("global", "later", encode({"n": 9}), history.now)])
    history.store.write([Delete("global", "b", history.now)])
    done = history.restore(scope="global", keys=("b", "b", "later", "later"))
    assert (done.restored, done.deleted) == (1, 1)


def test_a_differential_backup_has_one_record_of_a_key_that_was_changed_often(
    history: History,
) -> None:
    full = history.backups[0][0]
    history.run([Save("global", "f", number) for number in range(3)])
    made = history.create("differential", base=full)
    assert (made.entries, made.deletions) == (2, 2)


def test_grants_come_with_the_whole_and_never_with_one_scope(
    open_runtime: Callable[..., Runtime],
) -> None:
    state = open_runtime().state
    state.save("user:1", "k", 1)
    state.grant("bob", "read", "user:*")
    whole = state.create_backup("full")
    scope = state.create_backup("scope", scope="user:1")
    assert (whole.grants is None, scope.grants is None) == (False, True)
    new = open_runtime(state={"path": "new.db"}).state
    assert new.restore_backup(whole.id, scope="user:1").grants == 0
    assert new.restore_backup(scope.id).grants == 0
    assert new.list_grants() == []
    assert new.restore_backup(whole.id).grants == 1


def test_a_restore_that_fails_leaves_no_backup_of_before(runtime: Runtime) -> None:
    made = runtime.state.create_backup()
    with pytest.raises(RestoreFailed):
        runtime.state.restore_backup(made.id, scope="user:9")
    assert [each.id for each in runtime.state.list_backups()] == [made.id]


def test_what_was_restored_keeps_its_times_in_the_next_incremental_backup(
    history: History,
) -> None:
    full, model = history.backups[0]
    history.run([Save("global", "b", 2)])
    history.restore(backup_id=full.id)
    made = history.create("incremental", base=full)
    empty = open_store("memory")
    history.restore(empty, made.id)
    assert stored(empty)["global", "b"].updated_at == model["global", "b"].updated_at


def test_where_no_backup_has_entries_the_latest_one_is_meant(
    open_runtime: Callable[..., Runtime],
) -> None:
    runtime = open_runtime()
    made = [runtime.state.create_backup() for _ in range(2)]
    latest = runtime.backups.latest()
    assert latest is not None
    assert latest.id == made[1].id
    assert runtime.state.restore_backup().backup_id == made[1].id
