"""Where exactly the health report begins to warn, and what other reports count."""

from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.backup.counts import Counts
from llmspell.backup.health import HealthReport, health
from llmspell.backup.meant import found_damaged
from llmspell.backup.model import Manifest
from llmspell.backup.records import Gone
from llmspell.backup.schedule import Schedule

from .inventories import HOUR_US, NOW_US, backup, place_with

MINUTE_US = HOUR_US // 60


def report(
    folder: Path, *backups: Manifest, cron: str | None = None, log: tuple[dict[str, Any], ...] = ()
) -> HealthReport:
    # What is in the place takes a few bytes, whatever the manifests that are looked at say.
    repository = place_with(folder, [backup(0, NOW_US)])
    for entry in log:
        repository.note(entry)
    schedule = None if cron is None else Schedule({"full": cron})
    return health(repository, backups, {}, schedule, NOW_US)


@pytest.mark.parametrize(
    ("cron", "made_minutes_ago", "status"),
    [
        ("0 11 * * *", 24 * 60, "ok"),  # an hour ago to the second: it is noon
        ("59 10 * * *", 24 * 60, "warning"),
        ("30 * * * *", 120, "warning"),  # half past ten and half past eleven, that one just now
        ("0 * * * *", 150, "failing"),  # ten, and eleven an hour ago
    ],
)
def test_a_backup_is_overdue_after_an_hour_and_missed_twice_an_hour_after_its_next_time(
    tmp_path: Path, cron: str, made_minutes_ago: int, status: str
) -> None:
    made = backup(1, NOW_US - made_minutes_ago * MINUTE_US)
    assert report(tmp_path, made, cron=cron).status == status


@pytest.mark.parametrize(("hours", "count"), [(24 * 6.9, 1), (24 * 7.1, 0)])
def test_what_failed_is_told_for_seven_days(tmp_path: Path, hours: float, count: int) -> None:
    at_us = NOW_US - round(hours * HOUR_US)
    failed = {"action": "restore", "at_us": at_us, "ok": False, "code": "x"}
    assert len(report(tmp_path, backup(1, NOW_US), log=(failed,)).failures) == count


def test_averages_are_of_what_went_well(tmp_path: Path) -> None:
    entry = {"action": "create", "at_us": NOW_US - 1, "ok": True, "duration_ms": 10.0}
    failed = entry | {"ok": False, "duration_ms": 9000.0}
    found = report(tmp_path, backup(1, NOW_US), log=(failed, entry))
    assert found.average_create_ms == 10.0


def test_room_is_needed_for_one_as_large_as_the_newest_full_backup(tmp_path: Path) -> None:
    huge = {"stored_bytes": 1 << 60}
    older, newer = backup(1, NOW_US - HOUR_US, **huge), backup(2, NOW_US)
    assert report(tmp_path / "a", older, newer).status == "ok"
    assert report(tmp_path / "b", older, newer.model_copy(update=huge)).status == "warning"


@pytest.mark.parametrize(("seconds", "status"), [(59, "ok"), (61, "warning")])
def test_clocks_may_differ_by_a_minute(tmp_path: Path, seconds: int, status: str) -> None:
    ahead = backup(1, NOW_US + seconds * 1_000_000)
    assert report(tmp_path, ahead, backup(2, NOW_US)).status == status


def test_what_was_verified_again_and_found_whole_is_damaged_no_more() -> None:
    log = [{"action": "verify", "id": name, "ok": False} for name in ("a", "b")]
    log.append({"action": "verify", "id": "a", "ok": True})
    assert list(found_damaged(log)) == ["b"]


def test_verifying_a_chain_tells_how_far_it_is_in_all_of_it(runtime: Runtime) -> None:
    state, events = runtime.state, []
    state.create_backup()
    for number in range(2):
        state.save("user:1", f"k{number}", number)
        last = state.create_backup("incremental")
    state.validate_backup(last.id, on_event=events.append)
    assert [(event.done, event.total) for event in events] == [
        (0, 3),
        (1, 3),
        (2, 3),
        (3, 3),
        (3, 3),
    ]


def test_an_import_tells_the_size_of_what_is_new(runtime: Runtime, tmp_path: Path) -> None:
    state = runtime.state
    state.create_backup()
    state.save("user:1", "k", "later")
    last = state.create_backup("incremental")
    runtime.backups.export(last.id, tmp_path / "chain.tar")
    state.delete_backup(last.id)
    found = runtime.backups.import_(tmp_path / "chain.tar")
    assert (found.imported, found.size_bytes) == ((last.id,), last.stored_bytes)


def test_of_a_thousand_scopes_each_is_told_and_of_more_how_many_there_are() -> None:
    counts = Counts()
    for number in range(1002):
        counts.add([Gone(f"user:{number:04}", key, 1, 0) for key in "ab"])
    assert (len(counts.scopes()), counts.scope_count, counts.records) == (1000, 1002, 2004)
