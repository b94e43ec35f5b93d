"""Conditions: a grant whose condition does not hold is as if it were not there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from llmspell.errors import AccessDenied, InvalidArgument
from llmspell.security.access import AccessControl, Permission, Request
from llmspell.security.access.conditions import KINDS, read_conditions

from .conftest import NOON_US, Clock, grant

Make = Callable[..., AccessControl]
HOUR_S = 3600


def may(access: AccessControl, **options: Any) -> bool:
    try:
        access.check("ada", "user:1", Permission.READ, **options)
    except AccessDenied:
        return False
    return True


@pytest.mark.parametrize(
    ("spec", "hours", "holds"),
    [
        ({"daily": "09:00-17:00"}, 0, True),
        ({"daily": "09:00-17:00"}, 5, False),
        ({"daily": "09:00-12:00"}, 0, False),  # the end is not in it
        ({"daily": "12:00-24:00"}, 0, True),
        ({"daily": "22:00-06:00"}, 0, False),
        ({"daily": "22:00-06:00"}, 11, True),
        ({"daily": "22:00-06:00"}, 17, True),
        ({"days": ["sun"]}, 0, True),
        ({"days": "mon-sat"}, 0, False),
        ({"days": "sat-mon"}, 24, True),
        # The night that begins on a Sunday reaches into Monday, and belongs to Sunday.
        ({"daily": "22:00-06:00", "days": ["sun"]}, 17, True),
        ({"daily": "22:00-06:00", "days": ["mon"]}, 17, False),
        ({"from": "2030-03-17T12:00:00Z"}, 0, True),
        ({"from": "2030-03-17T14:00:00+01:00"}, 0, False),
        ({"until": "2030-03-17T12:00:00Z"}, 0, False),
        ({"until": "2030-03-17T12:00:01"}, 0, True),
    ],
)
def test_time_holds_within_its_moments_its_hours_and_its_days(
    control: Make, clock: Clock, spec: dict[str, Any], hours: int, holds: bool
) -> None:
    access = control(grant("ada", "read", "user:1", time=spec))
    clock.pass_s(hours * HOUR_S)
    assert may(access) == holds


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("2001:db8::7", True),
        ("::1", False),
        (None, False),
    ],
)
def test_an_address_must_be_known_and_in_one_of_the_networks(
    control: Make, address: str | None, holds: bool
) -> None:
    access = control(grant("ada", "read", "user:1", address=["10.0.0.0/8", "2001:db8::/32"]))
    assert may(access, address=address) == holds


def test_a_rate_never_lets_more_pass_in_any_window(control: Make, clock: Clock) -> None:
    access = control(grant("ada", "read", "user:*", rate="2/60s"))
    assert [may(access) for _ in range(3)] == [True, True, False]
    clock.pass_s(59)
    assert not may(access)
    clock.pass_s(1)
    assert [may(access) for _ in range(3)] == [True, True, False]


def test_a_burst_rate_fills_up_steadily(control: Make, clock: Clock) -> None:
    access = control(grant("ada", "read", "user:*", rate="2/60s burst"))
    assert [may(access) for _ in range(3)] == [True, True, False]
    clock.pass_s(30)
    assert [may(access) for _ in range(2)] == [True, False]


def test_a_rate_counts_each_actor_of_a_role_for_himself(control: Make) -> None:
    rate = grant(None, "read", "user:*", role="reader", rate="1/60s")
    access = control(rate, roles={"ada": ("reader",), "bob": ("reader",)})
    access.check("ada", "user:1", Permission.READ)
    access.check("bob", "user:1", Permission.READ)
    with pytest.raises(AccessDenied, match="1 requests in 60 s"):
        access.check("bob", "user:1", Permission.READ)


def test_a_request_that_another_grant_permits_is_not_counted(control: Make) -> None:
    access = control(
        grant("ada", "read", "user:*", rate="1/60s"),
        grant("ada", "read", "user:1", time={"daily": "00:00-24:00"}),
    )
    assert all(may(access) for _ in range(5))
    access.check("ada", "user:2", Permission.READ)


def test_asking_for_an_explanation_counts_nothing(control: Make) -> None:
    access = control(grant("ada", "read", "user:*", rate="1/60s"))
    for _ in range(3):
        assert access.explain("ada", Permission.READ, "user:1").allowed
    assert may(access)


def test_the_audit_condition_holds_while_there_is_an_audit_log(control: Make) -> None:
    audited = grant("ada", "read", "user:1", audit=True)
    assert not may(control(audited))
    assert may(control(audited, is_audited=lambda: True))


def test_a_function_of_ones_own_decides_by_the_request(control: Make) -> None:
    seen = list[Request]()

    def small_hours(request: Request) -> bool:
        seen.append(request)
        return request.now_us < NOON_US

    access = control(
        grant("ada", "read", "user:1", custom="small_hours"),
        conditions={"small_hours": small_hours},
    )
    assert not may(access)
    assert (seen[0].actor, seen[0].scope, seen[0].permission) == ("ada", "user:1", Permission.READ)


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
def test_only_true_is_a_yes(control: Make, answer: object) -> None:
    own = grant("ada", "read", "user:1", custom="own")
    assert not may(control(own, conditions={"own": lambda _: answer}))


def test_a_function_that_fails_denies_and_is_logged_by_its_type_alone(
    control: Make, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(_: Request) -> bool:
        raise KeyError("4111 1111 1111 1111")

    access = control(grant("ada", "read", "user:1", custom="own"), conditions={"own": failing})
    with caplog.at_level(logging.ERROR, "llmspell.access"):
        assert not may(access)
    assert "KeyError" in caplog.text
    assert "4111" not in caplog.text


def test_a_condition_that_this_program_does_not_know_denies(control: Make) -> None:
    access = control(grant("ada", "read", "user:1", custom="elsewhere"))
    with pytest.raises(AccessDenied, match="not registered in this program"):
        access.check("ada", "user:1", Permission.READ)


def test_the_error_names_the_condition_that_stood_in_the_way(control: Make) -> None:
    access = control(grant("ada", "read", "user:1", time={"daily": "01:00-02:00"}))
    with pytest.raises(AccessDenied, match=r"holds daily 01:00-02:00 \(UTC\) only"):
        access.check("ada", "user:1", Permission.READ)


@pytest.mark.parametrize(
    "specs",
    [
        {"time": {}},
        {"time": {"daly": "09:00-17:00"}},
        {"time": {"daily": "9-17"}},
        {"time": {"daily": "09:00-09:00"}},
        {"time": {"daily": "25:00-26:00"}},
        {"time": {"days": ["someday"]}},
        {"time": {"from": "2030-01-02", "until": "2030-01-01"}},
        {"time": {"until": "tomorrow"}},
        {"time": "always"},
        {"address": []},
        {"address": ["10.0.0.1/8"]},
        {"address": ["example.com"]},
        {"rate": "10"},
        {"rate": "0/60s"},
        {"rate": "10/0s"},
        {"rate": 10},
        {"size": 0},
        {"size": "1k"},
        {"size": True},
        {"encryption": False},
        {"audit": "yes"},
        {"custom": ""},
        {"custom": "rm -rf"},
        {"weather": "fine"},
        ["time"],
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(specs: Any) -> None:
    with pytest.raises(InvalidArgument):
        read_conditions(specs)


def test_every_kind_tells_of_itself_what_it_reads() -> None:
    specs = {
        "time": {
            "from": "2030-01-01T00:00:00Z",
            "until": "2031-01-01T00:00:00Z",
            "daily": "22:00-06:00",
            "days": ["mon", "sun"],
        },
        "address": ["10.0.0.0/8", "::1/128"],
        "rate": "10/60s burst",
        "size": 4096,
        "encryption": True,
        "audit": True,
        "custom": "own",
    }
    assert set(specs) == set(KINDS)
    assert {each.kind: each.told() for each in read_conditions(specs)} == specs
