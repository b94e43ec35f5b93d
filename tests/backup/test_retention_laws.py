"""Laws of retention, over random places: whatever the policy, nothing that stays is of no use."""

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.backup.model import Manifest, time_of
from llmspell.backup.retention import (
    AllOf,
    AnyOf,
    CountBased,
    Custom,
    ImportanceBased,
    RetentionPolicy,
    SizeBased,
    TimeBased,
    plan_retention,
)

from .inventories import NOW_US, inventories

DAYS = st.integers(1, 50).map(lambda days: dt.timedelta(days=days))
SMALL = st.integers(0, 4)
TIME = st.builds(TimeBased, DAYS, SMALL)
COUNT = st.builds(CountBased, st.integers(1, 6), SMALL, SMALL, SMALL)
SIZE = st.builds(SizeBased, st.integers(1, 300), SMALL)
IMPORTANCE = st.builds(
    ImportanceBased,
    DAYS,
    DAYS,
    DAYS,
    DAYS,
    st.dictionaries(st.sampled_from(["agent:*", "*", "user:1"]), DAYS | st.integers(1, 5)),
)
EVERY_OTHER = st.just(Custom(lambda backups, now_us: [each.id for each in backups[::2]]))
NOTHING = st.just(Custom(lambda backups, now_us: []))
SIMPLE = TIME | COUNT | SIZE | IMPORTANCE | EVERY_OTHER | NOTHING
POLICIES = SIMPLE | st.builds(AnyOf, SIMPLE, SIMPLE) | st.builds(AllOf, SIMPLE, SIMPLE)


def restorable(backups: list[Manifest]) -> set[str]:
    """The ids of what has all it needs, found out by adding what can be added."""
    found: dict[str, Manifest] = {}
    while True:
        more = [
            each
            for each in backups
            if each.id not in found
            and (
                each.base is None
                or (each.base in found and found[each.base].checksum == each.base_checksum)
            )
        ]
        if not more:
            return set(found)
        found |= {each.id: each for each in more}


@given(POLICIES, inventories())
@settings(max_examples=100, deadline=None)
def test_whatever_is_broken_off_when_no_chain_is_broken(
    policy: RetentionPolicy, backups: list[Manifest]
) -> None:
    whole = restorable(backups)
    plan = plan_retention(policy, backups, NOW_US)
    left = list(backups)
    for verdict in plan.delete:
        left = [each for each in left if each.id != verdict.id]
        assert restorable(left) == whole & {each.id for each in left}
    assert {each.id for each in left} == {verdict.id for verdict in plan.keep}


@given(POLICIES, inventories())
@settings(max_examples=100, deadline=None)
def test_what_no_policy_may_remove_stays(policy: RetentionPolicy, backups: list[Manifest]) -> None:
    whole = restorable(backups)
    plan = plan_retention(policy, backups, NOW_US)
    kept = {verdict.id for verdict in plan.keep}
    for each in backups:
        pinned = each.label in ("keep", "keep: x")
        if pinned or each.created_us > NOW_US or each.id not in whole:
            assert each.id in kept
    past = [each for each in backups if each.id in whole and each.created_us <= NOW_US]
    of_all = [each for each in past if each.scope is None] or past
    if of_all:
        assert max(of_all, key=lambda each: (each.created_us, each.id)).id in kept


@given(POLICIES, inventories())
@settings(max_examples=100, deadline=None)
def test_a_plan_is_the_same_in_any_order_and_leaves_nothing_for_a_second_one(
    policy: RetentionPolicy, backups: list[Manifest]
) -> None:
    if "<lambda>" in str(policy):  # what these keep depends on what there is
        return
    plan = plan_retention(policy, backups, NOW_US)
    assert plan_retention(policy, backups[::-1], NOW_US).delete == plan.delete
    kept = {verdict.id for verdict in plan.keep}
    left = [each for each in backups if each.id in kept]
    assert plan_retention(policy, left, NOW_US).delete == ()


@given(POLICIES, inventories(), st.integers(0, 400))
@settings(max_examples=50, deadline=None)
def test_a_clock_that_is_behind_everything_removes_nothing(
    policy: RetentionPolicy, backups: list[Manifest], days: int
) -> None:
    then = min((each.created_us for each in backups), default=NOW_US) - 1 - days
    assert plan_retention(policy, backups, then).delete == ()


def counted_together(backups: list[Manifest]) -> list[list[Manifest]]:
    newest = sorted(backups, key=lambda each: (each.created_us, each.id))[::-1]
    scopes = {each.scope for each in backups}
    return [[each for each in newest if each.scope == scope] for scope in scopes]


@given(DAYS, SMALL, inventories(damaged=False))
@settings(deadline=None)
def test_by_time_the_young_and_the_newest_few_stay(
    max_age: dt.timedelta, least: int, backups: list[Manifest]
) -> None:
    now = time_of(NOW_US)
    expected = set()
    for line in counted_together(backups):
        expected |= {each.id for each in line[:least]}
        expected |= {each.id for each in line if time_of(each.created_us) >= now - max_age}
    assert set(TimeBased(max_age, least).decide(backups, NOW_US)) == expected


@given(st.integers(1, 8), SMALL, SMALL, SMALL, inventories(damaged=False))
@settings(deadline=None)
def test_by_count_the_last_of_each_period_and_then_the_newest_stay(
    most: int, days: int, weeks: int, months: int, backups: list[Manifest]
) -> None:
    expected = set()
    for line in counted_together(backups):
        chosen = set()
        for number, period in ((days, "%Y-%m-%d"), (weeks, "%G-%V"), (months, "%Y-%m")):
            last = {time_of(each.created_us).strftime(period): each.id for each in line[::-1]}
            chosen |= {last[name] for name in sorted(last)[::-1][:number]}
        others = [each.id for each in line if each.id not in chosen]
        expected |= chosen | set(others[: max(0, most - len(chosen))])
    policy = CountBased(most, keep_daily=days, keep_weekly=weeks, keep_monthly=months)
    assert set(policy.decide(backups, NOW_US)) == expected


@given(st.integers(1, 300), inventories(damaged=False))
@settings(deadline=None)
def test_by_size_what_stays_fits_and_the_next_one_would_not(
    most: int, backups: list[Manifest]
) -> None:
    plan = plan_retention(SizeBased(most, min_backups=0), backups, NOW_US)
    taken = sum(verdict.stored_bytes for verdict in plan.keep)
    always = plan_retention(Custom(lambda all_, now_us: []), backups, NOW_US)
    assert taken <= max(most, sum(verdict.stored_bytes for verdict in always.keep))
    if plan.delete:
        newest = max(plan.delete, key=lambda verdict: (verdict.created_us, verdict.id))
        by_id = {each.id: each for each in backups}
        kept = {verdict.id for verdict in plan.keep}
        needed = {newest.id, *by_id[newest.id].chain} - kept
        assert taken + sum(by_id[each].stored_bytes for each in needed) > most
