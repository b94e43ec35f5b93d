"""What backups meet of other features: damage, ephemeral entries, whom changes belong to, borders."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.backup.restoring import restore
from llmspell.errors import BackupError
from llmspell.store import Put, open_store
from llmspell.store.changes import Origin

from .histories import History, Save, stored


@pytest.mark.parametrize("kind", ["full", "scope", "incremental", "differential"])
def test_no_backup_takes_in_a_value_that_no_restore_could_read(runtime: Runtime, kind: str) -> None:
    state = runtime.state
    state.create_backup("full")
    state.save("user:1", "whole", "new")
    # What damage, or a fault elsewhere, may leave behind.
    state.store.write([Put("user:1", "k", b"", state.get_metadata("user:1", "k").updated_us)])
    scope = "user:1" if kind == "scope" else None
    with pytest.raises(BackupError, match="it is empty"):
        state.create_backup(kind, scope=scope)
    made = state.create_backup(kind, scope=scope, skip_unreadable=True)
    assert made.unreadable == 1
    state.delete("user:1", "whole")
    state.restore_backup(made.id)
    assert state.load("user:1", "whole") == "new"


def test_an_entry_belongs_to_whom_it_did_also_in_what_is_made_after_a_restore(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    history.run([Save("global", "k", 1)])
    full = history.create("full")
    history.run([Save("global", "k", 2)])
    whoever = Origin(correlation_id="whoever restored")
    restore(history.store, history.catalogue, full.id, origin=whoever)
    restored = stored(history.store)
    incremental = history.create("incremental", base=full)
    for options in ({"backup_id": incremental.id}, {"seq": history.store.span().last}):
        empty = open_store("memory")
        history.restore(empty, **options)
        assert stored(empty) == restored


def test_a_dry_run_tells_what_is_done_below_ephemeral_entries(runtime: Runtime) -> None:
    state = runtime.state
    made = state.create_backup().id
    state.save("user:1", "k", "after")
    for policy in ("newer", "replace", "keep", "replace"):
        state.save("user:1", "k", "for now", state_class="ephemeral")
        told = state.restore_backup(made, policy=policy, dry_run=True)
        done = state.restore_backup(made, policy=policy)
        assert (told.restored, told.skipped) == (done.restored, done.skipped)


def test_a_time_is_reached_with_all_its_changes_also_if_a_backup_was_made_at_it(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    history.run([Save("global", "before", 1)])
    at_us = history.now = history.moments[-1].at
    full = history.create("full")
    history.save(Save("global", "after", 2))
    for _ in range(2):
        empty = open_store("memory")
        history.restore(empty, at_us=at_us)
        assert set(stored(empty)) == {("global", "before"), ("global", "after")}
        history.create("incremental", base=full)
