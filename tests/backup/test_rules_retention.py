"""What stays by the configuration, exactly at the edge of a time, and by several policies at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from llmspell.backup.model import Manifest
from llmspell.backup.retention import (
    AllOf,
    Custom,
    ImportanceBased,
    RetentionPolicy,
    TimeBased,
    plan_retention,
)
from llmspell.config import load_config
from llmspell.state.backup_policy import configured_policy

from .inventories import DAY_US, NOW_US, backup

#: One backup for each of the last ten days, the youngest ten hours old, and one of long ago.
TEN_DAYS = [backup(number, NOW_US - round((number - 0.5) * DAY_US)) for number in range(1, 11)]
ALL = [*TEN_DAYS, backup(11, NOW_US - 400 * DAY_US)]


def numbers(policy: RetentionPolicy, backups: list[Manifest]) -> set[int]:
    plan = plan_retention(policy, backups, NOW_US)
    return {int(verdict.id[-6:], 16) for verdict in plan.keep}


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, set(range(1, 11))),
        ({"retention_days": 3}, set(range(1, 6))),  # and the newest five
        ({"retention_days": 3, "min_backups": 1}, {1, 2, 3}),
        ({"retention_days": 0}, set(range(1, 12))),
        ({"retention_days": 0, "max_backups": 4}, {1, 2, 3, 4}),
        ({"retention_days": 0, "max_backups": 0}, set(range(1, 12))),
        ({"retention.kind": "count", "max_backups": 2, "retention.keep_daily": 0}, {1, 2}),
        (
            {"retention.kind": "count", "max_backups": 0, "retention.keep_daily": 7},
            set(range(1, 8)),
        ),
        (
            {"retention.kind": "count", "max_backups": 0, "retention.keep_weekly": 1},
            set(range(1, 6)),
        ),
        ({"retention.kind": "size", "retention.max_total_bytes": 75}, set(range(1, 8))),
        ({"retention.kind": "size", "retention.max_total_bytes": 1}, set(range(1, 6))),
        ({"retention.kind": "importance", "retention.full_days": 6}, set(range(1, 7))),
        ({"retention.kind": "importance", "retention.full_days": 1}, set(range(1, 6))),
        ({"retention.kind": "importance", "retention.full_days": 1, "min_backups": 0}, {1}),
    ],
)
def test_the_configuration_says_what_stays(settings: dict[str, Any], kept: set[int]) -> None:
    wanted = {f"state.backup.{key}": value for key, value in settings.items()}
    section = load_config(environ={}, overrides=wanted).state.backup
    assert numbers(configured_policy(section), ALL) == kept


WEEK = dt.timedelta(days=7)


@pytest.mark.parametrize("policy", [TimeBased(WEEK, 0), ImportanceBased(full=WEEK)])
@pytest.mark.parametrize(("too_old_us", "kept"), [(0, {1, 2}), (1, {1})])
def test_what_is_as_old_as_it_may_be_stays(
    policy: RetentionPolicy, too_old_us: int, kept: set[int]
) -> None:
    backups = [backup(1, NOW_US), backup(2, NOW_US - 7 * DAY_US - too_old_us)]
    assert numbers(policy, backups) == kept


def test_all_of_three_policies_keep_what_each_of_them_does() -> None:
    backups = [backup(number, NOW_US - number * DAY_US) for number in range(4)]
    ids = [each.id for each in backups]
    chosen = [[ids[1], ids[2]], [ids[2], ids[3]], [ids[1], ids[2], ids[3]]]
    policies = [Custom(lambda _, __, these=these: these) for these in chosen]
    assert numbers(AllOf(*policies), backups) == {0, 2}
