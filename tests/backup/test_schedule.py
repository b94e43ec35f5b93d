"""When backups are due: cron expressions, clocks that are set, and what stands in for what."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.backup.model import time_of
from llmspell.backup.schedule import Due, Schedule
from llmspell.backup.zones import zone_of
from llmspell.errors import ConfigError

from .inventories import HOUR_US, backup, us

SUNDAY = us("2026-06-28T00:00:00+00:00")
WEEKLY = Schedule({"full": "0 3 * * 0", "incremental": "0 * * * *"})
EXPRESSIONS = ["30 2 * * *", "*/15 * * * *", "0 */6 * * *", "0 0 * * 1-5", "15 1,2,3 * * 0"]


def hour(number: float) -> int:
    return SUNDAY + round(number * HOUR_US)


def times(schedule: Schedule, after: str, count: int) -> list[str]:
    """The next times of the full backup, as the wall clock of UTC shows them."""
    at, found = us(after), []
    for _ in range(count):
        ((_, at),) = schedule.next(at)
        found.append(f"{time_of(at):%m-%dT%H:%M}")
    return found


def test_without_a_backup_a_full_one_is_due_at_once() -> None:
    assert WEEKLY.due([], [], hour(5)) == [Due("full", hour(5))]
    assert Schedule({"incremental": "@hourly"}).due([], [], hour(5)) == [Due("full", hour(5))]
    scope_only = [backup(1, hour(1), scope="user:1")]
    assert WEEKLY.due(scope_only, [], hour(5)) == [Due("full", hour(5))]


def test_without_a_schedule_nothing_is_ever_due() -> None:
    assert Schedule().due([], [], hour(5)) == []
    assert Schedule().next(hour(5)) == []


def test_a_type_is_due_when_its_time_came_after_the_last_one_and_not_before() -> None:
    full = backup(1, hour(3))
    assert WEEKLY.due([full], [], hour(3.99)) == []
    assert WEEKLY.due([full], [], hour(4)) == [Due("incremental", hour(4))]
    made = backup(2, hour(4.01), full)
    assert WEEKLY.due([full, made], [], hour(4.99)) == []
    assert WEEKLY.due([full, made], [], hour(9)) == [Due("incremental", hour(5))]


def test_a_full_backup_stands_in_for_the_incremental_one_of_its_hour() -> None:
    old = backup(1, hour(-24 * 7 + 3))
    newest = backup(2, hour(2), old)
    assert WEEKLY.due([old, newest], [], hour(3)) == [Due("full", hour(3))]
    assert WEEKLY.due([old, newest, backup(3, hour(3))], [], hour(3.5)) == []


def test_an_incremental_backup_stands_in_for_no_stronger_one() -> None:
    daily = Schedule({"differential": "0 0 * * *", "incremental": "0 * * * *"})
    full = backup(1, hour(-30))
    made = backup(2, hour(0), full, type="incremental")
    assert daily.due([full, made], [], hour(0.5)) == [Due("differential", hour(-24))]
    other = backup(3, hour(0), full, type="differential")
    assert daily.due([full, other], [], hour(0.5)) == []


def test_after_a_chain_is_broken_a_full_backup_is_due() -> None:
    full = backup(1, hour(3))
    lost = backup(2, hour(4), full)
    assert WEEKLY.due([full, backup(3, hour(5), lost)], [], hour(5.5)) == [Due("full", hour(5.5))]


def test_when_the_journal_does_not_reach_the_last_backup_a_full_one_is_due() -> None:
    log = [{"action": "create", "ok": False, "code": "backup_base_missing", "at_us": hour(4)}]
    assert WEEKLY.due([backup(1, hour(3))], log, hour(4.5)) == [Due("full", hour(4.5))]
    log += [{"action": "create", "ok": True, "type": "full", "at_us": hour(4.6)}]
    assert WEEKLY.due([backup(1, hour(3))], log, hour(4.7)) == []


def test_a_backup_that_was_made_and_removed_again_is_not_made_twice() -> None:
    log = [{"action": "create", "ok": True, "type": "incremental", "at_us": hour(4)}]
    assert WEEKLY.due([backup(1, hour(3))], log, hour(4.5)) == []


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"action": "create"},
        {"action": "create", "ok": True},
        {"action": "create", "ok": True, "type": "incremental", "at_us": "soon"},
        {"action": "create", "ok": 1, "type": ["incremental"], "at_us": hour(4)},
        {"action": "create", "ok": False, "type": "incremental", "at_us": hour(4)},
        {"action": "verify", "ok": True, "type": "incremental", "at_us": hour(4)},
        {"action": "create", "ok": True, "type": "incremental", "at_us": hour(400)},
    ],
)
def test_a_log_that_tells_nothing_changes_nothing(entry: dict[str, Any]) -> None:
    full = backup(1, hour(3))
    assert WEEKLY.due([full], [entry], hour(4.5)) == [Due("incremental", hour(4))]


def test_a_backup_dated_in_the_future_does_not_keep_others_from_being_made() -> None:
    full = backup(1, hour(3))
    ahead = backup(2, hour(10_000), full)
    assert WEEKLY.due([full, ahead], [], hour(4.5)) == [Due("incremental", hour(4))]
    assert WEEKLY.due([backup(3, hour(10_000))], [], hour(4.5)) == [Due("full", hour(4.5))]


def test_what_comes_next_is_told_the_soonest_first_and_the_stronger_first() -> None:
    assert WEEKLY.next(hour(2.5)) == [("full", hour(3)), ("incremental", hour(3))]
    assert WEEKLY.next(hour(3)) == [("incremental", hour(4)), ("full", hour(24 * 7 + 3))]


def test_a_time_that_clocks_leave_out_is_due_at_the_end_of_the_gap() -> None:
    berlin = Schedule({"full": "30 2 * * *"}, timezone="Europe/Berlin")
    assert times(berlin, "2026-03-27T12:00:00+00:00", 3) == [
        "03-28T01:30",
        "03-29T01:00",  # 02:30 does not exist that day: three o'clock in summer time
        "03-30T00:30",
    ]


def test_a_time_that_comes_twice_counts_once() -> None:
    berlin = Schedule({"full": "30 2 * * *"}, timezone="Europe/Berlin")
    expected = ["10-24T00:30", "10-25T00:30", "10-26T01:30"]
    assert times(berlin, "2026-10-23T12:00:00+00:00", 3) == expected
    # A backup of the second 02:30 is later than the first, and due again the next day only.
    assert times(berlin, "2026-10-25T01:10:00+00:00", 1) == ["10-26T01:30"]


def test_every_hour_is_every_hour_on_days_of_23_and_25_hours() -> None:
    berlin = Schedule({"full": "@hourly"}, timezone="Europe/Berlin")
    for start in ("2026-03-28T22:59:00+00:00", "2026-10-24T21:59:00+00:00"):
        found = times(berlin, start, 26)
        first = us(start) + 60_000_000
        assert found == [f"{time_of(first + n * HOUR_US):%m-%dT%H:%M}" for n in range(26)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Beirut"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
@given(start=st.integers(us("2025-01-01T00:00:00+00:00"), us("2027-01-01T00:00:00+00:00")))
@settings(max_examples=15, deadline=None)
def test_a_backup_made_when_it_is_due_is_due_again_later_and_never_at_the_same_time(
    zone: str, expression: str, start: int
) -> None:
    schedule = Schedule({"full": expression}, timezone=zone)
    made = backup(1, start)
    for _ in range(5):
        ((_, at),) = schedule.next(made.created_us)
        assert at > made.created_us
        assert at % 60_000_000 == 0
        assert schedule.due([made], [], at - 1) == []
        assert schedule.due([made], [], at) == [Due("full", at)]
        made = backup(1, at)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
@given(
    minute=st.integers(0, 24 * 60 - 1),
    start=st.integers(us("2025-01-01T00:00:00+00:00"), us("2027-01-01T00:00:00+00:00")),
)
@settings(max_examples=10, deadline=None)
def test_a_daily_backup_is_due_once_on_every_day_of_the_year(
    zone: str, minute: int, start: int
) -> None:
    schedule = Schedule({"full": f"{minute % 60} {minute // 60} * * *"}, timezone=zone)
    at, days = start, []
    for _ in range(366):
        ((_, at),) = schedule.next(at)
        days.append(time_of(at).astimezone(zone_of(zone)).date())
    assert days == [days[0] + dt.timedelta(days=number) for number in range(366)]


@given(st.integers(0, 24 * 14), st.integers(0, 24 * 14))
@settings(deadline=None)
def test_utc_needs_no_calendar_to_be_right(last: int, now: int) -> None:
    schedule = Schedule({"full": "0 */6 * * *"})
    fires = [hour(6 * n) for n in range(60)]
    missed = [at for at in fires if hour(last) < at <= hour(now)]
    expected = [Due("full", missed[0])] if missed else []
    if last <= now:
        assert schedule.due([backup(1, hour(last))], [], hour(now)) == expected


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "must have five fields, and has 0"),
        ("0 3 * *", "must have five fields, and has 4"),
        ("0 0 3 * * 0", "must have five fields, and has 6"),
        ("60 * * * *", "is no cron expression (bad minute)"),
        ("0 25 * * *", "is no cron expression (bad hour)"),
        ("0 0 * * MOON", "is no cron expression (bad day-of-week)"),
        ("*/0 * * * *", "is no cron expression (bad minute)"),
        ("0 0 30 2 *", "is no cron expression (bad day-of-month)"),
        ("@reboot", "is none of the names there are: @hourly"),
        ("1," * 200 + "1 * * * *", "must be a cron expression"),
        ("٣ * * * *", "is no cron expression (bad minute)"),
        (None, "must be a cron expression"),
        (5, "must be a cron expression"),
    ],
)
def test_a_wrong_expression_is_told_with_its_type_and_an_example(
    expression: Any, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Schedule({"incremental": expression})
    assert caught.value.message.startswith(f"the schedule of incremental backups {said}")
    assert '"0 3 * * 0" is every Sunday' in (caught.value.hint or "")
    assert caught.value.details["key"] == "incremental"


@pytest.mark.parametrize("entries", [{"scope": "@daily"}, {"fll": "@daily"}, {1: "@daily"}, "x"])
def test_what_cannot_be_scheduled_is_refused(entries: Any) -> None:
    with pytest.raises(ConfigError):
        Schedule(entries)


def test_a_time_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="time zone"):
        Schedule({"full": "@daily"}, timezone="Mars/Olympus")


def test_expressions_may_use_names_of_days_and_months_in_any_case() -> None:
    named, numbered = Schedule({"full": "0 3 * jan Sun"}), Schedule({"full": "0 3 * 1 0"})
    assert named.next(hour(0)) == numbered.next(hour(0))
    ((_, at),) = named.next(hour(0))
    assert time_of(at) == dt.datetime(2027, 1, 3, 3, tzinfo=dt.UTC)
