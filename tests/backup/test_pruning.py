"""Removing what a plan says: as the dry run told, children first, and never half a chain."""

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.backup.model import BackupEvent, Manifest
from llmspell.backup.retention import CountBased, SizeBased, TimeBased, plan_retention, prune

from .inventories import CHUNK, DAY_US, NOW_US, backup, inventories, place_with

POLICIES = st.sampled_from(
    [TimeBased(dt.timedelta(days=9), 2), CountBased(2, keep_daily=2), SizeBased(60)]
)


@given(POLICIES, inventories())
@settings(max_examples=12, deadline=None)
def test_a_dry_run_tells_what_the_real_one_does(
    policy: TimeBased | CountBased | SizeBased, backups: list[Manifest]
) -> None:
    with TemporaryDirectory() as folder:
        repository = place_with(Path(folder) / "backups", backups)
        plan = plan_retention(policy, backups, NOW_US)
        told = prune(repository, plan, dry_run=True)
        assert repository.ids() == sorted(each.id for each in backups)
        with repository.lock("test"):
            done = prune(repository, plan)
        assert repository.ids() == sorted(verdict.id for verdict in done.kept)
        expected = told.to_dict() | {"dry_run": False}
        assert done.to_dict() == expected
        assert not done.failed


def chain() -> list[Manifest]:
    old = [backup(1, NOW_US - 90 * DAY_US)]
    old.append(backup(2, NOW_US - 80 * DAY_US, old[0]))
    old.append(backup(3, NOW_US - 70 * DAY_US, old[1]))
    return [*old, backup(4, NOW_US - DAY_US), backup(5, NOW_US - 60 * DAY_US)]


def test_what_one_that_could_not_be_removed_needs_stays_as_well(tmp_path: Path) -> None:
    backups = chain()
    repository = place_with(tmp_path / "backups", backups)
    plan = plan_retention(TimeBased(dt.timedelta(days=30)), backups, NOW_US)
    # Something foreign is where the backup is put before its files are removed.
    (tmp_path / "backups" / f".deleted-{backups[1].id}").write_text("in the way")
    with repository.lock("test"):
        result = prune(repository, plan)
    assert [verdict.id for verdict in result.deleted] == [backups[2].id, backups[4].id]
    assert [(failure.id, failure.code) for failure in result.failed] == [
        (backups[1].id, "backup_error"),
        (backups[0].id, "backup_in_use"),
    ]
    assert result.freed_bytes == 20
    assert repository.ids() == sorted(backups[n].id for n in (0, 1, 3))


def test_progress_is_told_for_each_backup(tmp_path: Path) -> None:
    backups = chain()
    repository = place_with(tmp_path / "backups", backups)
    plan = plan_retention(TimeBased(dt.timedelta(days=30)), backups, NOW_US)
    told: list[BackupEvent] = []
    with repository.lock("test"):
        prune(repository, plan, on_event=told.append)
    assert [(event.kind, event.action, event.done, event.total) for event in told] == [
        ("started", "prune", 0, 4),
        *(("progress", "prune", done, 4) for done in (1, 2, 3, 4)),
        ("finished", "prune", 4, 4),
    ]
    assert [event.id for event in told[1:-1]] == [verdict.id for verdict in plan.delete]


def test_a_callback_that_raises_leaves_no_half_chain(tmp_path: Path) -> None:
    backups = chain()
    repository = place_with(tmp_path / "backups", backups)
    plan = plan_retention(TimeBased(dt.timedelta(days=30)), backups, NOW_US)

    def stop(event: BackupEvent) -> None:
        if event.done == 1:
            raise KeyboardInterrupt

    with repository.lock("test"), pytest.raises(KeyboardInterrupt):
        prune(repository, plan, on_event=stop)
    assert repository.ids() == sorted(backups[n].id for n in (0, 1, 3, 4))
    assert repository.read(backups[1].id, CHUNK) == b"x" * 10
