"""Which backups lead to a point in time, and which are not even read on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmspell.backup.manifest_file import pack
from llmspell.backup.model import Manifest
from llmspell.errors import BackupDamaged, PointUnreachable
from llmspell.store import Put, open_store
from llmspell.store.changes import Origin
from llmspell.store.codec import encode

from .histories import BackUp, History, Remove, Save, stored


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A full backup and two incremental ones in a row, with a change before each and after all."""
    history = History(tmp_path)
    history.run(
        [
            Save("global", "a", 0),
            BackUp("full"),
            Save("global", "a", 1),
            BackUp("incremental"),
            Save("global", "a", 2),
            BackUp("incremental", 1),
            Save("global", "a", 3),
        ]
    )
    return history


def folder_of(history: History, made: Manifest) -> Path:
    return Path(history.repository.location) / made.id


def rewrite(history: History, made: Manifest, **facts: object) -> None:
    """Have a manifest say something else, as if it had been written so."""
    changed = made.model_copy(update=facts)
    (folder_of(history, made) / "manifest.json").write_bytes(pack(changed))


def test_on_the_way_to_a_point_no_later_backup_is_read(history: History) -> None:
    last = history.backups[-1][0]
    (folder_of(history, last) / last.chunks[0].name).unlink()
    moment, empty = history.moments[2], open_store("memory")
    history.restore(empty, last.id, alone=True, at_us=moment.at, verify=True)
    assert stored(empty) == moment.model


def test_of_the_backups_before_a_point_the_nearest_one_leads_there(history: History) -> None:
    empty, moment = open_store("memory"), history.moments[-1]
    done = history.restore(empty, at_us=moment.at)
    assert done.backup_id == history.backups[-1][0].id
    assert stored(empty) == moment.model


def test_a_journal_that_ends_before_a_backup_leads_nowhere_from_it(
    tmp_path: Path, history: History
) -> None:
    (tmp_path / "other").mkdir()
    other = History(tmp_path / "other")
    other.catalogue, other.store_id = history.catalogue, history.store_id
    with pytest.raises(PointUnreachable, match="the journal ends before it"):
        other.restore(backup_id=history.backups[-1][0].id, at_us=history.moments[-1].at)
    assert stored(other.store) == {}


def test_an_older_backup_that_cannot_be_read_keeps_nobody_from_the_latest(
    history: History,
) -> None:
    made = history.create("full")
    older = history.create("full")
    folder_of(history, older).rename(Path(history.repository.location) / f"2001{older.id[4:]}")
    assert history.restore().backup_id == made.id


def test_a_manifest_that_names_another_chain_than_its_base_does_is_damaged(
    history: History,
) -> None:
    made = history.backups[1][0]
    rewrite(history, made, chain=("20200101T000000Z-000000", *made.chain))
    with pytest.raises(BackupDamaged, match="another chain than its bases do"):
        history.restore(backup_id=made.id)


def test_no_backup_can_be_based_on_one_of_a_scope(history: History) -> None:
    scope, made = history.create("scope", scope="global"), history.backups[1][0]
    rewrite(history, made, base=scope.id, base_checksum=scope.checksum, chain=(scope.id,))
    with pytest.raises(BackupDamaged, match="cannot be based on a scope one"):
        history.restore(backup_id=made.id)


def test_newer_leaves_what_is_as_old_as_in_the_backup(history: History) -> None:
    made, model = history.backups[0]
    other = open_store("memory")
    other.write([Put("global", "a", encode({"n": 9}), model["global", "a"].updated_at)])
    done = history.restore(other, made.id, policy="newer")
    assert (done.restored, done.skipped) == (0, 1)


def test_an_entry_that_is_the_same_but_for_a_lower_version_takes_the_version_it_had(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    history.run(
        [Save("global", "a", 1), Remove("global", "a"), Save("global", "a", 2), BackUp("full")]
    )
    row = history.model["global", "a"]
    other = open_store("memory", clock=lambda: row.updated_at)
    put = Put("global", "a", row.blob, row.updated_at, row.schema_version)
    other.write([put], origin=Origin("ann", None, row.correlation_id))
    assert stored(other) == {("global", "a"): row._replace(version=1)}
    history.restore(other)
    assert stored(other) == {("global", "a"): row._replace(version=3)}
