"""How well backups are doing, and how much room they take."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from llmspell.backup.health import HealthReport, health
from llmspell.backup.model import Manifest, time_of
from llmspell.backup.repository.opening import open_repository
from llmspell.backup.schedule import Schedule
from llmspell.backup.usage import storage_usage

from .inventories import DAY_US, HOUR_US, NOW_US, backup, place_with

DAILY = Schedule({"full": "0 3 * * *"})


def aged(number: int, hours: float, base: Manifest | None = None, **facts: Any) -> Manifest:
    return backup(number, NOW_US - round(hours * HOUR_US), base, **facts)


def operation(action: str, hours: float, **facts: Any) -> dict[str, Any]:
    at_us = NOW_US - round(hours * HOUR_US)
    return {"action": action, "at_us": at_us, "ok": True, "duration_ms": 10.0, **facts}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def report(
    folder: Path,
    *backups: Manifest,
    log: tuple[dict[str, Any], ...] = (),
    damaged: dict[str, str] | None = None,
    schedule: Schedule | None = DAILY,
) -> HealthReport:
    repository = place_with(folder, backups)
    for entry in log:
        repository.note(entry)
    return health(repository, backups, damaged or {}, schedule, NOW_US)


def test_fresh_backups_that_went_well_are_healthy(folder: Path) -> None:
    log = (
        operation("create", 30, duration_ms=100.0),
        operation("create", 6, duration_ms=300.0),
        operation("verify", 5, duration_ms=7.5),
    )
    found = report(folder, aged(1, 30), aged(2, 6), log=log)
    assert (found.status, found.problems) == ("ok", ())
    assert found.newest_id == aged(2, 6).id
    assert found.newest_age_s == 6 * 3600
    assert (found.backups, found.storage.total_bytes) == (2, 20)
    assert found.average_create_ms == 200.0
    assert found.average_verify_ms == 7.5
    assert found.average_restore_ms is None
    assert "average_restore_ms" not in found.to_dict()


def test_an_empty_place_is_failing_and_says_what_to_do(folder: Path) -> None:
    found = health(open_repository(folder), [], {}, None, NOW_US)
    assert found.status == "failing"
    assert found.problems == ("there is no backup that can be restored: make a full one",)
    assert found.newest_age_s is None


def test_what_is_damaged_or_lacks_its_base_is_failing_and_named(folder: Path) -> None:
    full, lost = aged(1, 9), aged(2, 8)
    orphan = aged(3, 7, lost)
    found = report(folder, full, orphan, damaged={lost.id: "the manifest is no JSON"})
    assert found.status == "failing"
    assert found.damaged == {
        lost.id: "the manifest is no JSON",
        orphan.id: f"its base {lost.id} is not there",
    }
    assert found.newest_id == full.id
    assert f"damaged: {lost.id}" in found.problems
    assert any(text.startswith(f"cannot be restored: {orphan.id}") for text in found.problems)


@pytest.mark.parametrize(
    ("hours", "status"), [(9, "ok"), (9.5, "warning"), (32, "warning"), (34, "failing")]
)
def test_what_is_overdue_is_a_warning_and_failing_when_it_is_missed_twice(
    folder: Path, hours: float, status: str
) -> None:
    # It is noon: three o'clock was nine hours ago.
    found = report(folder, aged(1, hours))
    assert found.status == status
    assert len(found.overdue) == (status != "ok")
    if found.overdue:
        assert "is due since 2026-0" in found.problems[0]
        assert found.to_dict()["overdue"][0]["type"] == "full"


def test_a_backup_that_is_being_made_is_not_overdue_yet(folder: Path) -> None:
    schedule = Schedule({"full": "30 11 * * *"})
    assert report(folder, aged(1, 24), schedule=schedule).status == "ok"


@pytest.mark.parametrize(
    ("log", "status"),
    [
        ((operation("create", 2, ok=False, code="storage_error"),), "failing"),
        ((operation("create", 9, ok=False, code="x"), operation("create", 6)), "warning"),
        ((operation("create", 24 * 8, ok=False, code="x"), operation("create", 6)), "ok"),
        ((operation("prune", 2, ok=False, code="x"),), "warning"),
        ((operation("restore", 2, ok=False, code="x"),), "warning"),
        ((operation("verify", 2, ok=False, id=aged(1, 6).id),), "failing"),
        ((operation("verify", 2, ok=False, id="20200101T000000Z-000000"),), "ok"),
        (
            (
                operation("verify", 2, ok=False, id=aged(1, 6).id),
                operation("verify", 1, id=aged(1, 6).id),
            ),
            "ok",
        ),
    ],
)
def test_failures_of_the_log_count_until_it_went_well_again(
    folder: Path, log: tuple[dict[str, Any], ...], status: str
) -> None:
    found = report(folder, aged(1, 6), log=log)
    assert found.status == status
    week = [entry for entry in log if not entry["ok"] and entry["at_us"] > NOW_US - 7 * DAY_US]
    assert list(found.failures) == week


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"action": 1, "at_us": NOW_US},
        {"action": "create", "at_us": "now", "ok": False},
        {"action": "create", "at_us": NOW_US + DAY_US, "ok": False},
        {"action": "verify", "at_us": NOW_US - 1, "ok": True, "id": ["x"], "duration_ms": "long"},
    ],
)
def test_an_odd_entry_of_the_log_says_nothing(folder: Path, entry: dict[str, Any]) -> None:
    found = report(folder, aged(1, 6), log=(entry,))
    assert (found.status, found.average_verify_ms) == ("ok", None)


def test_a_backup_dated_in_the_future_is_a_warning_and_not_the_newest(folder: Path) -> None:
    ahead = aged(1, -48)
    found = report(folder, ahead, aged(2, 6))
    assert found.status == "warning"
    assert found.newest_id == aged(2, 6).id
    assert ahead.id in found.problems[0]


def test_a_full_backup_that_would_not_fit_again_is_a_warning(folder: Path) -> None:
    place_with(folder, [aged(1, 6)])
    huge = aged(1, 6, stored_bytes=1 << 60)
    found = health(open_repository(folder), [huge], {}, DAILY, NOW_US)
    assert found.status == "warning"
    assert "no room for another full backup" in found.problems[0]


def test_a_chain_of_hundreds_is_a_warning(folder: Path) -> None:
    full = aged(1, 9)
    long = aged(2, 6, full).model_copy(update={"chain": (full.id,) * 501})
    place_with(folder, [full])
    found = health(open_repository(folder), [full, long], {}, DAILY, NOW_US)
    assert found.problems == ("the newest backup needs 501 others: make a full one",)


def test_the_report_is_json_like(folder: Path) -> None:
    found = report(folder, aged(1, 100), log=(operation("create", 2, ok=False, code="x"),))
    assert orjson.loads(orjson.dumps(found.to_dict()))["status"] == "failing"


def test_usage_is_told_by_type_with_what_cannot_be_read(folder: Path) -> None:
    full = aged(1, 9)
    backups = [full, aged(2, 8, full), aged(3, 7, scope="user:1"), aged(4, 6)]
    repository = place_with(folder, backups)
    lost = backups.pop()
    (folder / lost.id / "chunk-000002.msgpack").write_bytes(b"x" * 7)
    manifest_bytes = os.path.getsize(folder / lost.id / "manifest.json")
    used = storage_usage(repository, backups)
    assert used.by_type.keys() == {"full", "incremental", "scope"}
    assert (used.backups, used.total_bytes, used.uncompressed_bytes) == (3, 30, 300)
    assert (used.unreadable, used.unreadable_bytes) == (1, 17 + manifest_bytes)
    told = used.to_dict()
    assert told["oldest"] == time_of(full.created_us)
    assert told["by_type"]["scope"]["total_bytes"] == 10
    assert told["free_bytes"] > 0
    assert told["location"] == str(folder)


def test_usage_of_an_empty_place_is_nothing(folder: Path) -> None:
    used = storage_usage(open_repository(folder), [])
    assert (used.backups, used.total_bytes, used.by_type, used.oldest_us) == (0, 0, {}, None)
    assert "oldest" not in used.to_dict()
