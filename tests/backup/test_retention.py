"""What stays and what goes: examples of each policy, of what overrides them, and of mistakes."""

import datetime as dt
from typing import Any

import pytest

from llmspell.backup.model import Manifest
from llmspell.backup.retention import (
    CountBased,
    Custom,
    ImportanceBased,
    RetentionPolicy,
    SizeBased,
    TimeBased,
    plan_retention,
    policy_of,
)
from llmspell.errors import BackupError, ConfigError

from .inventories import DAY_US, NOW_US, backup, us

MONTH = TimeBased(dt.timedelta(days=30))
NONE = Custom(lambda backups, now_us: ())


def aged(number: int, days: float, base: Manifest | None = None, **facts: Any) -> Manifest:
    return backup(number, NOW_US - round(days * DAY_US), base, **facts)


def reasons(
    policy: RetentionPolicy, *backups: Manifest, unreadable: tuple[str, ...] = ()
) -> dict[int, str]:
    """Why each one stays, by the number it was made with."""
    plan = plan_retention(policy, backups, NOW_US, unreadable=unreadable)
    return {int(verdict.id[-6:], 16): verdict.reason for verdict in plan.keep}


def test_a_base_stays_for_what_is_made_from_it_and_the_report_says_so() -> None:
    full = aged(1, 90)
    middle = aged(2, 60, full)
    young = aged(3, 10, middle)
    kept = reasons(MONTH, full, middle, young, aged(4, 80), aged(5, 1))
    assert kept == {
        1: f"base of {young.id}",
        2: f"base of {young.id}",
        3: "not older than 30 days",
        5: "not older than 30 days",
    }


def test_what_goes_goes_the_oldest_chain_first_and_each_chain_from_its_end() -> None:
    old, older = aged(1, 80), aged(2, 90)
    child = aged(3, 85, older)
    grandchild = aged(4, 84, child)
    plan = plan_retention(MONTH, [old, older, child, grandchild, aged(5, 1)], NOW_US)
    assert [verdict.id for verdict in plan.delete] == [
        each.id for each in (grandchild, child, older, old)
    ]
    assert plan.freed_bytes == 40
    assert plan.delete[0].reason == (
        "not among what is kept: those of the last 30 days, and the newest 1"
    )


def test_the_newest_backup_of_the_whole_store_stays_although_no_policy_keeps_it() -> None:
    full = aged(1, 900)
    kept = reasons(NONE, aged(2, 1000), full, aged(3, 800, full), aged(4, 1, scope="user:1"))
    assert kept.keys() == {1, 3}
    assert kept[3] == "the newest backup"
    assert reasons(NONE, aged(1, 9, scope="a"), aged(2, 8, scope="b")) == {2: "the newest backup"}


@pytest.mark.parametrize(
    ("label", "stays"), [("keep", True), ("keep: for the audit", True), ("keeper", False)]
)
def test_a_label_that_begins_with_keep_pins_a_backup(label: str, stays: bool) -> None:
    kept = reasons(NONE, aged(1, 500, label=label), aged(2, 1))
    assert kept.get(1) == ("pinned by its label" if stays else None)


def test_a_backup_dated_in_the_future_stays_and_takes_no_place_of_another() -> None:
    kept = reasons(CountBased(1), aged(1, -400), aged(2, 3), aged(3, 4))
    assert kept == {1: "dated in the future: a clock was wrong", 2: "among the newest 1"}


def test_a_child_dated_before_its_base_goes_first_all_the_same() -> None:
    base = aged(1, 40)
    plan = plan_retention(MONTH, [base, aged(2, 50, base), aged(3, 1)], NOW_US)
    assert [verdict.id[-1] for verdict in plan.delete] == ["2", "1"]


def test_what_lacks_its_base_counts_for_nothing_and_stays_with_all_it_still_needs() -> None:
    full = aged(1, 90)
    lost = aged(2, 80, full)
    orphan = aged(3, 70, lost)
    kept = reasons(CountBased(1), full, orphan, aged(4, 60))
    assert kept[3] == f"its base {lost.id} is not there"
    assert kept.keys() == {1, 3, 4}


def test_a_backup_whose_base_was_replaced_by_another_is_not_taken_for_a_good_one() -> None:
    full = aged(1, 9)
    child = aged(2, 1, full)
    kept = reasons(CountBased(1), full.model_copy(update={"checksum": "f" * 64}), child)
    assert kept[2] == f"{full.id} is not the base it was made from"
    assert kept[1] == "among the newest 1"


def test_what_an_unreadable_backup_was_probably_made_from_stays() -> None:
    full, lost = aged(1, 90), aged(2, 80).id
    kept = reasons(MONTH, full, aged(3, 95), aged(4, 1), unreadable=(lost,))
    assert kept[1] == f"perhaps the base of {lost}, which cannot be read"
    assert kept.keys() == {1, 4}


def test_manifests_that_name_each_other_as_base_are_left_alone() -> None:
    one, two = aged(1, 90), aged(2, 80)
    ring = [
        one.model_copy(update={"base": two.id, "base_checksum": two.checksum}),
        two.model_copy(update={"base": one.id, "base_checksum": one.checksum}),
    ]
    assert reasons(MONTH, *ring, aged(3, 1)).keys() == {1, 2, 3}


def test_an_empty_place_has_an_empty_plan() -> None:
    plan = plan_retention(MONTH, [], NOW_US)
    assert (plan.keep, plan.delete, plan.freed_bytes) == ((), (), 0)


def test_ten_thousand_backups_in_one_chain_are_planned_at_once() -> None:
    chain: list[Manifest] = []
    for number in range(10_000):
        made = backup(number, NOW_US - (10_001 - number) * 60_000_000)
        last = chain[-1] if chain else None
        update = {"type": "incremental", "base": last.id} if last else {}
        chain.append(made.model_copy(update=update))
    assert len(plan_retention(CountBased(1), chain, NOW_US).keep) == 10_000


def test_backups_of_a_scope_stand_in_for_none_of_the_whole_store() -> None:
    policy = CountBased(1, keep_daily=1)
    kept = reasons(policy, aged(1, 0.3), aged(2, 0.2, scope="a"), aged(3, 0.1, scope="b"))
    assert kept.keys() == {1, 2, 3}


@pytest.mark.parametrize(
    ("zone", "kept"),
    [
        # 22:30 and 23:30 UTC before the clocks of Berlin go forward are 23:30 and 00:30 there.
        ("UTC", {1, 3}),
        ("Europe/Berlin", {0, 3}),
        ("America/New_York", {2, 3}),
        ("Asia/Kolkata", {3}),
    ],
)
def test_a_day_begins_at_midnight_of_the_time_zone(zone: str, kept: set[int]) -> None:
    times = ["03-28T22:30", "03-28T23:30", "03-29T00:30", "03-29T13:00"]
    if zone == "Asia/Kolkata":  # 18:30 UTC is midnight there: all four are of one day
        times[3] = "03-29T18:00"
    made = [backup(n, us(f"2026-{at}:00+00:00")) for n, at in enumerate(times)]
    policy = CountBased(1, keep_daily=2, timezone=zone)
    assert reasons(policy, *made).keys() == kept


def test_a_day_of_twenty_five_hours_is_one_day() -> None:
    # In Berlin 2026-10-25 lasts from 22:00 UTC of the day before to 23:00 UTC.
    times = ["24T21:59", "24T22:00", "25T22:59", "25T23:00"]
    made = [backup(n, us(f"2026-10-{at}:00+00:00")) for n, at in enumerate(times)]
    now = us("2026-10-27T00:00:00+00:00")
    policy = CountBased(1, keep_daily=9, timezone="Europe/Berlin")
    kept = policy.decide(made, now)
    assert [int(id_[-6:]) for id_ in sorted(kept)] == [0, 2, 3]


def test_weeks_are_those_of_iso_also_across_a_new_year() -> None:
    # 2024-12-30 to 2025-01-05 is week 1 of 2025.
    days = ["2024-12-29", "2024-12-30", "2025-01-05", "2025-01-06"]
    made = [backup(n, us(f"{day}T12:00:00+00:00")) for n, day in enumerate(days)]
    kept = reasons(CountBased(1, keep_weekly=9), *made)
    assert kept == {
        0: "the last of 2024-W52",
        2: "the last of 2025-W01",
        3: "the last of 2025-W02",
    }


def test_by_size_a_backup_costs_what_it_needs_as_well() -> None:
    full = aged(1, 9, stored_bytes=60)
    child = aged(2, 2, full, stored_bytes=5)
    newest = aged(3, 1, stored_bytes=30)
    assert reasons(SizeBased(95), full, child, newest).keys() == {1, 2, 3}
    assert reasons(SizeBased(94), full, child, newest).keys() == {3}


def test_by_size_the_minimum_stays_although_it_is_too_much() -> None:
    made = [aged(number, number, stored_bytes=60) for number in (1, 2, 3)]
    assert reasons(SizeBased(1, min_backups=2), *made).keys() == {1, 2}


def test_by_importance_each_type_and_scope_has_its_time() -> None:
    policy = policy_of(
        {"kind": "importance", "full_days": 90, "scope_days": 30, "scopes": {"agent:*": 180}}
    )
    kept = reasons(
        policy,
        aged(1, 100),
        aged(2, 80),
        aged(3, 100, scope="agent:a"),
        aged(4, 100, scope="user:a"),
        aged(5, 1),
        aged(6, 20, aged(5, 1)),
    )
    assert kept.keys() == {2, 3, 5}
    assert kept[3] == "scope, not older than 180 days"


def test_of_the_patterns_that_fit_a_scope_the_longest_time_counts() -> None:
    policy = ImportanceBased(scope_priorities={"*": 2, "agent:*": dt.timedelta(days=10)})
    scoped = [aged(1, 59, scope="agent:a"), aged(2, 61, scope="agent:a")]
    assert reasons(policy, *scoped, aged(3, 1)).keys() == {1, 3}


def test_policies_combine_as_any_and_as_all() -> None:
    made = [aged(number, 10 * number) for number in range(1, 6)]
    month, three = {"kind": "time", "max_age_days": 40}, {"kind": "count", "max_backups": 3}
    either = policy_of({"kind": "any", "policies": [month, three]})
    both = policy_of({"kind": "all", "policies": [month, three]})
    assert reasons(either, *made).keys() == {1, 2, 3, 4}
    assert reasons(both, *made) == dict.fromkeys(
        (1, 2, 3), "not older than 40 days, among the newest 3"
    )


def _raise(backups: object, now_us: int) -> list[str]:
    raise ZeroDivisionError("values of the host")


@pytest.mark.parametrize(
    "choose",
    [
        _raise,
        lambda backups, now_us: None,
        lambda backups, now_us: "20260101T000000Z-000000",
        lambda backups, now_us: ["20260101T000000Z-000000"],
        lambda backups, now_us: [[]],
        lambda backups, now_us: [7],
        lambda backups: [],
    ],
)
def test_a_function_that_fails_or_returns_no_ids_removes_nothing(choose: Any) -> None:
    with pytest.raises(BackupError) as caught:
        plan_retention(Custom(choose), [aged(1, 900), aged(2, 1)], NOW_US)
    assert "values" not in caught.value.message


def test_a_function_may_return_backups_for_ids() -> None:
    policy = Custom(lambda backups, now_us: [each for each in backups if each.label == "x"])
    assert reasons(policy, aged(1, 900, label="x"), aged(2, 800), aged(3, 1)).keys() == {1, 3}


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({}, "kind"),
        ({"kind": "tim", "max_age_days": 1}, "kind"),
        ({"kind": ["time"]}, "kind"),
        ({"kind": "time"}, "max_age_days"),
        ({"kind": "time", "max_age": 30}, "max_age"),
        ({"kind": "time", "max_age_days": 0}, "max_age_days"),
        ({"kind": "time", "max_age_days": -1}, "max_age_days"),
        ({"kind": "time", "max_age_days": True}, "max_age_days"),
        ({"kind": "time", "max_age_days": "30d"}, "max_age_days"),
        ({"kind": "time", "max_age_days": float("nan")}, "max_age_days"),
        ({"kind": "time", "max_age_days": 1e300}, "max_age_days"),
        ({"kind": "time", "max_age_days": 1e-9}, "max_age_days"),
        ({"kind": "time", "max_age_days": 1, "min_backups": -1}, "min_backups"),
        ({"kind": "time", "max_age_days": 1, "min_backups": 1.5}, "min_backups"),
        ({"kind": "count"}, "max_backups"),
        ({"kind": "count", "max_backups": 0}, "max_backups"),
        ({"kind": "count", "max_backups": 5, "keep_daily": -1}, "keep_daily"),
        ({"kind": "count", "max_backups": 5, "timezone": "Berlin"}, "timezone"),
        ({"kind": "count", "max_backups": 5, "timezone": "../etc/passwd"}, "timezone"),
        ({"kind": "count", "max_backups": 5, "timezone": "Europe"}, "timezone"),
        ({"kind": "count", "max_backups": 5, "timezone": 1}, "timezone"),
        ({"kind": "count", "max_backups": 5, "timezone": ""}, "timezone"),
        ({"kind": "size", "max_total_bytes": 0}, "max_total_bytes"),
        ({"kind": "size", "max_total_bytes": "1GB"}, "max_total_bytes"),
        ({"kind": "importance", "full_days": []}, "full_days"),
        ({"kind": "importance", "scopes": 5}, "scopes"),
        ({"kind": "importance", "scopes": {"agent:*": 0}}, "scopes.agent:*"),
        ({"kind": "importance", "scopes": {"": 5}}, "scope_priorities"),
        ({"kind": "any"}, "policies"),
        ({"kind": "any", "policies": []}, "policies"),
        ({"kind": "all", "policies": {"kind": "time"}}, "policies"),
        ({"kind": "any", "policies": [5]}, "policies[0]"),
        ({"kind": "any", "policies": [{"kind": "size"}]}, "policies[0].max_total_bytes"),
        (
            {"kind": "all", "policies": [{"kind": "count", "max_backups": 0}]},
            "policies[0].max_backups",
        ),
    ],
)
def test_a_wrong_table_names_the_key_that_is_wrong(table: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy_of(table)
    assert caught.value.details["key"] == key
    assert key.split(".")[0] in caught.value.message


def test_what_is_no_table_is_told_with_an_example() -> None:
    with pytest.raises(ConfigError) as caught:
        policy_of("time")  # type: ignore[arg-type]
    assert caught.value.hint == 'such as {kind = "time", max_age_days = 30}'


def test_a_kind_or_zone_that_is_nearly_right_is_guessed() -> None:
    with pytest.raises(ConfigError) as caught:
        policy_of({"kind": "tiem"})
    assert (caught.value.hint or "").startswith("did you mean 'time'?")
    with pytest.raises(ConfigError) as caught:
        CountBased(1, timezone="Europe/Berln")
    assert caught.value.hint == "did you mean 'Europe/Berlin'?"
