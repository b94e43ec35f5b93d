"""Which backup is the latest, when a clock was wrong or stores share a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmspell.backup.bases import base_for
from llmspell.backup.model import Manifest
from llmspell.errors import BackupError
from llmspell.store import open_store

from .histories import DAY, SECOND, History, Save, living, stored, without_versions

YEAR = 365 * DAY


def backed_up(history: History, value: int, wrong_us: int = 0) -> Manifest:
    """Save a value and make a full backup; the clock is wrong meanwhile."""
    history.run([Save("global", "k", value)])
    history.now += wrong_us
    made = history.create("full")
    history.now -= wrong_us
    return made


@pytest.mark.parametrize("wrong_us", [3600 * SECOND, YEAR])
def test_the_latest_backup_is_that_of_the_latest_state_whatever_the_clock_said(
    tmp_path: Path, wrong_us: int
) -> None:
    history = History(tmp_path)
    backed_up(history, 1, wrong_us)
    right = backed_up(history, 2)
    then = living(history.model)
    history.run([Save("global", "k", 3)])
    assert history.restore().backup_id == right.id
    assert without_versions(stored(history.store)) == without_versions(then)


def test_the_next_backup_is_based_on_the_latest_state_whatever_the_clock_said(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    backed_up(history, 1, YEAR)
    right = backed_up(history, 2)
    base = base_for(
        "incremental", None, history.catalogue, history.store, history.store_id, check=print
    )
    assert base is not None
    assert base.id == right.id


def test_without_the_store_a_backup_dated_in_the_future_is_not_taken_for_the_latest(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    wrong = backed_up(history, 1, YEAR)
    backed_up(history, 2)
    empty = open_store("memory")
    with pytest.raises(BackupError, match="dated in the future"):
        history.restore(empty, alone=True)
    assert stored(empty) == {}
    assert history.restore(empty, wrong.id, alone=True).restored == 1


def test_a_backup_dated_in_the_future_is_the_latest_if_all_others_come_before_it(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    backed_up(history, 1)
    wrong = backed_up(history, 2, YEAR)
    assert history.restore(open_store("memory"), alone=True).backup_id == wrong.id


def test_of_backups_that_two_stores_made_side_by_side_a_third_one_takes_none_for_its_own(
    tmp_path: Path,
) -> None:
    one, other = (History(tmp_path / name, location=tmp_path / "shared") for name in ("a", "b"))
    backed_up(one, 1)
    named = backed_up(other, 2)
    backed_up(one, 3)
    empty = open_store("memory")
    with pytest.raises(BackupError, match="several stores"):
        one.restore(empty, alone=True)
    assert stored(empty) == {}
    assert one.restore(empty, named.id, alone=True).restored == 1
    assert other.restore().backup_id == named.id


def test_the_latest_backup_of_a_store_that_took_the_place_of_a_lost_one_is_the_latest(
    tmp_path: Path,
) -> None:
    lost, new = (History(tmp_path / name, location=tmp_path / "shared") for name in ("a", "b"))
    backed_up(lost, 1)
    backed_up(lost, 2)
    backed_up(new, 3)
    latest = backed_up(new, 4)
    assert lost.restore(open_store("memory"), alone=True).backup_id == latest.id


def test_a_change_that_a_clock_dated_later_keeps_none_that_came_after_it_from_counting(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    history.run([Save("global", "before", 1)])
    history.create("full")
    history.now += DAY
    history.run([Save("global", "ahead", 2)])
    history.now -= DAY
    history.run([Save("global", "after", 3), Save("global", "before", 4)])
    then = history.now
    history.now += SECOND
    history.run([Save("global", "before", 5)])
    for _ in ("by the journal", "by an incremental backup"):
        into = open_store("memory")
        history.restore(into, at_us=then)
        assert {(row.key, row.version) for row in into.scan("global")} == {
            ("before", 2),
            ("after", 1),
        }
        history.create("incremental")
