"""What cannot be restored says why, and nothing is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import Any

import pytest

from llmspell.backup.manifest_file import pack
from llmspell.backup.model import time_of
from llmspell.backup.restoring import RestoreOptions
from llmspell.errors import (
    BackupBaseMissing,
    BackupDamaged,
    BackupNotFound,
    InvalidArgument,
    LlmSpellError,
    PointUnreachable,
)
from llmspell.store import open_store

from .histories import SECOND, BackUp, History, Save, stored


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A full backup, an incremental one on it, a differential one, and a change after all."""
    history = History(tmp_path)
    steps: list[Any] = []
    for number, type_ in enumerate(["full", "incremental", "differential"]):
        steps += [Save("global", "a", number), Save("user:1", f"k{number}", 1), BackUp(type_)]
    history.run([*steps, Save("global", "a", 9)])
    return history


@contextmanager
def refused(history: History, kind: type[LlmSpellError], match: str) -> Iterator[Any]:
    """Expect an error and that nothing of the store was changed."""
    before, last = stored(history.store), history.store.span().last
    with pytest.raises(kind, match=match) as caught:
        yield caught
    assert stored(history.store) == before
    assert history.store.span().last == last


def folder_of(history: History, number: int) -> Path:
    return Path(history.repository.location) / history.backups[number][0].id


# Options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "name", "says"),
    [
        ({"policy": "merge"}, "policy", "replace, keep, newer"),
        ({"policy": None}, "policy", "replace, keep, newer"),
        ({"on_error": "ignore"}, "on_error", "stop, skip"),
        ({"delete_extra": True, "policy": "keep"}, "delete_extra", "policy replace only"),
        ({"delete_extra": "yes"}, "delete_extra", "true, false"),
        ({"dry_run": 1}, "dry_run", "true or false"),
        ({"scope": ""}, "scope", "name of a scope"),
        ({"scope": "\x01keys"}, "scope", "name of a scope"),
        ({"scope": 5}, "scope", "name of a scope"),
        ({"keys": ("a",)}, "keys", "of a scope"),
        ({"scope": "global", "keys": ()}, "keys", "no key"),
        ({"scope": "global", "keys": "abc"}, "keys", "texts"),
        ({"scope": "global", "keys": ("a", "")}, "keys", "texts"),
        ({"scope": "global", "keys": ["a"]}, "keys", "texts"),
        ({"at_us": 1_700_000_000}, "at_us", "microseconds"),
        ({"at_us": 1.5}, "at_us", "microseconds"),
        ({"at_us": 1_700_000_000_000_000, "seq": 1}, "at_us", "one of them"),
        ({"seq": -1}, "seq", "position"),
        ({"seq": True}, "seq", "position"),
    ],
)
def test_options_that_cannot_be_meant_are_told(
    options: dict[str, Any], name: str, says: str
) -> None:
    with pytest.raises(InvalidArgument, match=says) as caught:
        RestoreOptions(**options)
    assert caught.value.details["parameter"] == name


@pytest.mark.parametrize("backup_id", ["", "latest", "../x", "20260131T120000Z-0a1b2c/..", None])
def test_what_is_no_id_of_a_backup_is_told(history: History, backup_id: Any) -> None:
    with refused(history, InvalidArgument, "no id of a backup"):
        history.catalogue.get(backup_id)


def test_another_scope_than_that_of_the_backup_is_refused(history: History) -> None:
    made = history.create("scope", scope="global")
    with refused(history, InvalidArgument, "of scope 'global' only"):
        history.restore(backup_id=made.id, scope="user:1")


# Backups ---------------------------------------------------------------------------------------


def test_an_id_that_is_not_there_is_told_with_those_near_it(history: History) -> None:
    with refused(history, BackupNotFound, "no backup 20200101T000000Z-000000") as caught:
        history.restore(backup_id="20200101T000000Z-000000")
    assert history.catalogue.repository.ids()[0] in caught.value.hint


def test_without_any_backup_of_everything_there_is_none_to_restore(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.run([Save("global", "a", 1)])
    with refused(history, BackupNotFound, "no backup of everything"):
        history.restore()
    history.create("scope", scope="global")
    with refused(history, BackupNotFound, "no backup of everything"):
        history.restore()


def test_a_missing_base_is_named(history: History) -> None:
    base, made = history.backups[0][0].id, history.backups[1][0].id
    history.repository.delete(base)
    with refused(history, BackupBaseMissing, f"since backup {base}, which is not there") as caught:
        history.restore(backup_id=made)
    assert caught.value.details == {"backup": made, "missing": base}


def test_a_base_that_another_backup_was_put_in_the_place_of_is_found_out(history: History) -> None:
    base, made = history.backups[0][0], history.backups[1][0]
    other = history.create("full")
    history.repository.delete(base.id)
    folder_of(history, -1).rename(folder_of(history, 0))
    manifest = folder_of(history, 0) / "manifest.json"
    manifest.write_bytes(pack(other.model_copy(update={"id": base.id})))
    with refused(history, BackupDamaged, "not the backup it was made from"):
        history.restore(backup_id=made.id)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("number", [0, 1])
def test_a_damaged_chunk_anywhere_in_the_chain_is_named(
    history: History, number: int, verify: bool
) -> None:
    (chunk,) = folder_of(history, number).glob("chunk-*")
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with refused(history, BackupDamaged, "checksum") as caught:
        history.restore(backup_id=history.backups[1][0].id, verify=verify)
    assert any(chunk.name in problem for problem in caught.value.details["problems"])


@pytest.mark.parametrize("verify", [True, False])
def test_a_missing_chunk_is_named(history: History, verify: bool) -> None:
    (chunk,) = folder_of(history, 0).glob("chunk-*")
    chunk.unlink()
    with refused(history, BackupDamaged, "missing"):
        history.restore(backup_id=history.backups[0][0].id, verify=verify)


def test_a_later_backup_that_cannot_be_read_is_not_passed_over(history: History) -> None:
    made = history.create("full")
    # Ids of one second are in no order: a day later it is the latest one in any case.
    later = f"20991231{made.id[8:]}"
    folder_of(history, -1).rename(Path(history.repository.location) / later)
    with refused(history, BackupDamaged, f"the latest backup, {later}, cannot be read") as caught:
        history.restore()
    assert "name the backup" in caught.value.hint


def test_records_that_do_not_belong_into_a_backup_of_its_type_are_refused(
    history: History,
) -> None:
    made = history.backups[1][0]
    forged = {"type": "full", "base": None, "base_checksum": None, "chain": ()}
    manifest = folder_of(history, 1) / "manifest.json"
    manifest.write_bytes(pack(made.model_copy(update=forged)))
    with refused(history, BackupDamaged, "do not belong into a full backup"):
        history.restore(backup_id=made.id)


def test_damaged_backups_are_listed_apart(history: History) -> None:
    manifest = folder_of(history, 1) / "manifest.json"
    told = json.loads(manifest.read_bytes()) | {"records": 1000}
    manifest.write_text(json.dumps(told))
    whole = history.catalogue.manifests()
    assert {each.id for each in whole} == {history.backups[at][0].id for at in (0, 2)}
    assert list(history.catalogue.damaged) == [history.backups[1][0].id]


def test_dependents_are_all_that_need_a_backup_directly_or_not(history: History) -> None:
    full, incremental, differential = (made.id for made, _ in history.backups)
    last = history.create("incremental", base=history.backups[1][0]).id
    assert set(history.catalogue.dependents(full)) == {incremental, differential, last}
    assert history.catalogue.dependents(incremental) == [last]
    assert history.catalogue.dependents(last) == []


def test_the_latest_whole_backup_is_found_by_type_and_store(history: History) -> None:
    full, incremental, differential = (made for made, _ in history.backups)
    latest = history.catalogue.latest
    assert latest() == differential
    assert latest(("incremental", "full")) == incremental
    assert latest(store_id="another") is None
    history.repository.delete(full.id)
    assert latest() is None


# Points ----------------------------------------------------------------------------------------


def test_a_point_before_the_first_backup_says_the_earliest_there_is(history: History) -> None:
    first = history.backups[0][0]
    earliest = f"{time_of(first.snapshot_us):%Y-%m-%d %H:%M:%S.%f} UTC"
    for backup_id in (None, first.id, history.backups[1][0].id):
        with refused(history, PointUnreachable, f"lies before {earliest}") as caught:
            history.restore(backup_id=backup_id, at_us=first.snapshot_us - 1)
        assert caught.value.details["nearest_us"] == first.snapshot_us


def test_a_position_before_the_first_backup_says_the_earliest_there_is(history: History) -> None:
    with refused(history, PointUnreachable, "lies before position 2 of the journal"):
        history.restore(seq=1)


def test_a_point_after_the_journals_end_says_where_that_is(history: History) -> None:
    last = history.store.span().last
    with refused(history, PointUnreachable, f"the journal ends at position {last}"):
        history.restore(seq=last + 1)


def test_a_point_in_the_future_is_refused(history: History) -> None:
    with refused(history, PointUnreachable, "lies in the future"):
        history.restore(at_us=time_ns() // 1000 + 60 * SECOND)


def test_the_journal_of_another_store_leads_nowhere(history: History) -> None:
    last = history.moments[-1]
    with refused(history, PointUnreachable, "journal of another store"):
        history.restore(open_store("memory"), alone=True, at_us=last.at)


def test_a_position_of_this_store_is_none_of_another_ones_backups(
    tmp_path: Path, history: History
) -> None:
    (tmp_path / "other").mkdir()
    other = History(tmp_path / "other")
    other.run([Save("global", "a", number) for number in range(20)])
    other.catalogue = history.catalogue
    for backup_id in (None, history.backups[1][0].id):
        with refused(other, PointUnreachable, "of another store, whose positions are others"):
            other.restore(backup_id=backup_id, seq=3)


def test_a_journal_that_has_gone_another_way_is_known_by_its_marks(
    tmp_path: Path, history: History
) -> None:
    (tmp_path / "other").mkdir()
    other = History(tmp_path / "other")
    other.run([Save("global", "a", number) for number in range(20)])
    other.catalogue, other.store_id = history.catalogue, history.store_id
    with refused(other, PointUnreachable, "gone another way"):
        other.restore(seq=history.moments[-1].seq)


def test_a_journal_that_was_compacted_leads_only_from_later_backups(history: History) -> None:
    early = history.backups[2][0]
    history.run([Save("global", "z", 1), BackUp("full"), Save("global", "z", 2)])
    moment = history.moments[-1]
    while not history.store.compact(keep=1).done:
        pass
    with refused(history, PointUnreachable, "does not reach back") as caught:
        history.restore(backup_id=early.id, seq=moment.seq)
    assert caught.value.details["nearest_us"] == early.snapshot_us
    empty = open_store("memory")
    history.restore(empty, seq=moment.seq)
    assert stored(empty) == moment.model


def test_a_store_without_a_journal_has_only_the_moments_of_its_backups(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.store, history.store_id = open_store("memory", journal=False), None
    history.run([Save("global", "a", 1), BackUp("full"), Save("global", "a", 2)])
    made, model = history.backups[0]
    with refused(history, PointUnreachable, "kept no journal"):
        history.restore(at_us=made.snapshot_us + 1)
    with refused(history, PointUnreachable, "without a journal"):
        history.restore(backup_id=made.id, seq=1)
    empty = open_store("memory")
    history.restore(empty, at_us=made.snapshot_us)
    assert stored(empty) == model


def test_moments_before_a_store_was_lost_are_in_the_backups_of_the_lost_one(
    tmp_path: Path, history: History
) -> None:
    (tmp_path / "new").mkdir()
    new = History(tmp_path / "new")
    new.catalogue, new.repository, new.settings = (
        history.catalogue,
        history.repository,
        history.settings,
    )
    new.now = history.moments[-1].at
    new.run([Save("global", "new", 1), BackUp("full")])
    moment = history.moments[2]
    empty = open_store("memory")
    new.restore(empty, at_us=moment.at + 1)
    assert stored(empty) == moment.model
