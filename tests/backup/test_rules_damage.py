"""What is damaged is named where it is, what was forged is refused, what was left is removed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from llmspell import Config, Runtime
from llmspell.backup.manifest_file import pack
from llmspell.backup.writable import Writable
from llmspell.errors import BackupDamaged, RestoreFailed
from llmspell.store import Put, open_store
from llmspell.store.codec import encode

from .histories import BackUp, History, Save, stored

PINS = {"enabled": True, "encrypt_fields": ["pin"]}


@pytest.fixture
def history(tmp_path: Path) -> History:
    """One entry for ever, one that has run out, and a full backup."""
    history = History(tmp_path)
    history.run([Save("global", "a", 1), Save("user:1", "b", 1, lives_s=60), BackUp("full")])
    return history


def test_verifying_names_the_backup_of_the_chain_that_is_damaged(
    open_runtime: Callable[..., Runtime],
) -> None:
    state = open_runtime({"chunk_size": 65_536}).state
    state.save_many("global", {f"k{n}": os.urandom(1000) for n in range(150)})
    full = state.create_backup()
    state.save("global", "k", 1)
    last = state.create_backup("incremental")
    found = state.validate_backup(last.id)
    assert (found.valid, found.chunks) == (True, len(full.chunks) + 1)
    assert len(full.chunks) > 1
    Path("backups", full.id, full.chunks[1].name).unlink()
    problems = state.validate_backup(last.id).problems
    assert problems == [f"{full.id}: {full.chunks[1].name} is missing"]


def test_a_backup_of_a_scope_that_holds_another_one_is_refused(history: History) -> None:
    made = history.create("scope", scope="global").model_copy(update={"scope": "user:1"})
    (Path(history.repository.location) / made.id / "manifest.json").write_bytes(pack(made))
    empty = open_store("memory")
    with pytest.raises(BackupDamaged, match="do not belong into a scope backup"):
        history.restore(empty, made.id)
    assert stored(empty) == {}


def test_a_scope_of_which_all_has_run_out_is_restored_as_nothing(history: History) -> None:
    done = history.restore(open_store("memory"), scope="user:1")
    assert (done.status, done.restored, done.expired) == ("nothing_to_do", 0, 1)


def test_a_dry_run_counts_all_changes_and_names_the_first_hundred(history: History) -> None:
    for number in range(150):
        history.store.write([Put("global", f"k{number}", encode(number), history.now)])
    done = history.restore(dry_run=True)
    assert (done.deleted, len(done.changes)) == (150, 100)


def test_a_backup_of_a_deletion_alone_is_one_of_a_store_that_has_entries(
    runtime: Runtime,
) -> None:
    state = runtime.state
    state.save("user:1", "later", 1)
    state.create_backup()
    state.delete("user:1", "later")
    last = state.create_backup("incremental")
    assert (last.entries, last.deletions) == (0, 1)
    state.save("user:1", "k", "spoiled")
    assert state.restore_backup().backup_id == last.id


def test_what_was_left_of_removing_a_backup_goes_with_the_next_one(runtime: Runtime) -> None:
    made = runtime.state.create_backup()
    left = Path("backups", f".deleted-{made.id}")
    left.mkdir()
    (left / "chunk-000001.msgpack.zst").write_bytes(b"x")
    runtime.state.create_backup()
    assert not left.exists()


def test_a_value_with_one_confidential_member_needs_a_key_where_it_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_MASTER_KEY", "ab" * 32)
    place = {"enabled": True, "backup_dir": str(tmp_path / "backups")}
    sealed = {"path": str(tmp_path / "state.db"), "backup": place, "sensitive": PINS}
    with Runtime(Config(state=sealed)) as runtime:
        runtime.state.save("user:1", "card", {"pin": "1234", "name": "Ada"})
        made = runtime.state.create_backup()
        empty = open_store("memory")
        with pytest.raises(RestoreFailed, match="no master key"):
            runtime.backups.restore(
                made.id, into=empty, writable=Writable(), pre_restore_backup=False
            )
        assert stored(empty) == {}
