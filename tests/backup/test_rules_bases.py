"""What the next backup may be made from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from llmspell import Runtime
from llmspell.backup.bases import base_for
from llmspell.backup.manifest_file import pack
from llmspell.backup.model import Manifest
from llmspell.errors import BackupBaseMissing

from .histories import History, Save

Open = Callable[..., Runtime]


@pytest.mark.parametrize("changes", [0, 9])
def test_a_backup_of_what_was_undone_by_putting_the_file_back_is_no_base(
    open_runtime: Open, changes: int
) -> None:
    with open_runtime() as runtime:
        runtime.state.save("global", "k", 0)
        first = runtime.state.create_backup()
    shutil.copy("state.db", "copy.db")
    with open_runtime() as runtime:
        runtime.state.save("global", "k", "undone")
        undone = runtime.state.create_backup()
    shutil.copy("copy.db", "state.db")
    with open_runtime() as runtime:
        state = runtime.state
        for number in range(changes):
            state.save("global", "k", number)
        with pytest.raises(BackupBaseMissing, match="put back to an earlier state"):
            state.create_backup("incremental", base=undone.id)
        assert state.create_backup("incremental").base == first.id


def test_a_base_that_lacks_its_own_base_is_refused(runtime: Runtime) -> None:
    state = runtime.state
    full = state.create_backup()
    base = state.create_backup("incremental")
    shutil.rmtree(Path("backups", full.id))
    with pytest.raises(BackupBaseMissing, match=f"since backup {full.id}, which is not there"):
        state.create_backup("incremental", base=base.id)


def test_a_backup_that_left_nothing_out_is_the_base_before_later_ones_that_did(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    history.run([Save("global", "k", 1)])
    whole = history.create("full")
    history.run([Save("global", "k", 2)])
    lacking = history.create("full").model_copy(update={"unreadable": 1})
    (Path(history.repository.location) / lacking.id / "manifest.json").write_bytes(pack(lacking))
    assert _chosen(history).id == whole.id
    history.run([Save("global", "k", 3)])
    history.create("incremental", base=lacking)
    assert _chosen(history).id == whole.id


def test_the_configuration_says_how_backups_are_made_and_when(open_runtime: Open) -> None:
    times = {"full": "@daily", "timezone": "Europe/Berlin"}
    section = {"max_load": 0.5, "verification_enabled": False, "parallel_backup_streams": 2}
    backups = open_runtime(section | {"schedule": times | {"prune": False}}).backups
    assert (backups.settings.max_load, backups.settings.verify) == (0.5, False)
    assert backups.settings.streams == 2
    assert (backups.schedule.timezone, backups.schedule.prune) == ("Europe/Berlin", False)
    assert backups.schedule.entries == {"full": "@daily"}
    assert backups.create().verified_us is None


def _chosen(history: History) -> Manifest:
    found = base_for(
        "incremental", None, history.catalogue, history.store, history.store_id, check=print
    )
    assert found is not None
    return found
