"""Decisions: nothing is permitted that no grant permits, and the grants add up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import AccessDenied, InvalidArgument, StateError
from llmspell.security.access import WHOLE_STORE, AccessControl, Grant, Permission, Policy
from llmspell.security.access.moments import moment_text
from llmspell.security.access.pattern import compiled
from llmspell.security.access.permission import PERMISSIONS

from .conftest import NOON_US, Clock, grant

Make = Callable[..., AccessControl]
READ, WRITE, DELETE, ADMIN = (
    Permission.READ,
    Permission.WRITE,
    Permission.DELETE,
    Permission.ADMIN,
)


def test_nobody_may_do_anything_without_a_grant(control: Make) -> None:
    with pytest.raises(AccessDenied) as caught:
        control().check("ada", "user:1", READ)
    error = caught.value
    assert error.details == {"actor": "ada", "scope": "user:1", "permission": "read"}
    assert error.hint == (
        "to permit it, under the same configuration: llmspell access grant ada read user:1"
    )
    assert isinstance(error, PermissionError)
    assert isinstance(error, StateError)


@pytest.mark.parametrize("name", PERMISSIONS)
def test_a_permission_permits_itself_and_nothing_else(control: Make, name: str) -> None:
    access = control(grant("ada", name, "user:1"))
    for permission in (READ, WRITE, DELETE, ADMIN):
        assert access.may("ada", "user:1", permission) == (permission in PERMISSIONS[name])
        assert not access.may("ada", "user:2", permission)
        assert not access.may("bob", "user:1", permission)


def test_several_grants_add_up(control: Make) -> None:
    access = control(
        grant("ada", "read", "user:*"),
        grant("ada", "write", "*:1", time={"daily": "09:00-17:00"}),
        grant(None, "delete", "user:1", role="cleaner"),
        roles={"ada": ("cleaner",)},
    )
    access.check("ada", "user:1", Permission.NOT_ADMIN)
    with pytest.raises(AccessDenied) as caught:
        access.check("ada", "user:2", Permission.NOT_ADMIN)
    assert caught.value.details["permission"] == "write,delete"


def test_who_has_no_name_is_anonymous_and_granted_things_like_any_other(control: Make) -> None:
    access = control(grant("anonymous", "read", "global"))
    access.check(None, "global", READ)
    with pytest.raises(AccessDenied, match="actor 'anonymous' may not write"):
        access.check(None, "global", WRITE)


def test_only_admin_on_everything_administers_the_store_as_a_whole(control: Make) -> None:
    access = control(
        grant("ada", "admin", "user:*"),
        grant("bob", "admin", "*"),
        grant("*", "admin", "{actor}"),
        grant("eve", "read_write,delete", "*"),
    )
    assert access.may("bob", WHOLE_STORE, ADMIN)
    for actor in ("ada", "*", "eve"):
        with pytest.raises(AccessDenied, match="may not administer the store as a whole"):
            access.check(actor, WHOLE_STORE, ADMIN)


def test_a_grant_permits_until_it_expires_and_not_at_that_moment(
    control: Make, clock: Clock
) -> None:
    access = control(grant("ada", "read", "user:1", until=moment_text(NOON_US + 1_000_000)))
    assert access.may("ada", "user:1", READ)
    clock.pass_s(1)
    with pytest.raises(AccessDenied, match="it expired at 2030-03-17T12:00:01Z"):
        access.check("ada", "user:1", READ)


def test_a_clock_that_goes_back_revives_no_grant(control: Make, clock: Clock) -> None:
    access = control(
        grant("ada", "read", "user:1", until=moment_text(NOON_US + 1_000_000)),
        grant("bob", "read", "user:1", time={"until": moment_text(NOON_US + 1_000_000)}),
    )
    clock.pass_s(2)
    assert not access.may("ada", "user:1", READ)
    clock.pass_s(-3600)
    assert not access.may("ada", "user:1", READ)
    assert not access.may("bob", "user:1", READ)


def test_an_actor_whose_grants_have_all_expired_is_not_known(control: Make) -> None:
    access = control(grant("ada", "read", "user:1", until="2020-01-01"))
    access.check_known("agent:ada")
    with pytest.raises(AccessDenied, match="holds no grant"):
        access.check_known("ada")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ada", "bob"]),
            st.sampled_from(list(PERMISSIONS)),
            st.text("ab:*", min_size=1, max_size=4).filter(lambda text: text != ":"),
            st.sampled_from([None, "2020-01-01", "2040-01-01"]),
        ),
        max_size=12,
    ),
    st.text("ab:", min_size=1, max_size=5),
)
def test_a_decision_is_the_union_of_the_grants_that_match_however_they_are_indexed(
    facts: list[tuple[str, str, str, str | None]], scope: str
) -> None:
    grants = [grant(actor, name, pattern, until=until) for actor, name, pattern, until in facts]
    access = AccessControl(Policy(grants), clock=lambda: NOON_US)
    expected = Permission.NONE
    for each in grants:
        applies = each.actor == "ada" and not each.has_expired(NOON_US)
        if applies and compiled(each.scope, "ada").matches(scope):
            expected |= each.permission
    for _ in range(2):  # the second time from what is kept
        found = [name for name in PERMISSIONS if access.may("ada", scope, PERMISSIONS[name])]
        assert found == [name for name in PERMISSIONS if PERMISSIONS[name] & ~expected == 0]
    for name, permission in PERMISSIONS.items():
        assert access.explain("ada", permission, scope).allowed == (name in found)


def test_an_explanation_says_of_each_grant_why_it_does_not_help(control: Make) -> None:
    access = control(
        grant("ada", "read", "user:1"),
        grant("ada", "write", "user:2"),
        grant("ada", "write", "user:1", until="2020-01-01"),
        grant("ada", "write", "user:*", time={"days": ["mon"]}),
        grant("bob", "write", "*"),
    )
    decision = access.explain("ada", WRITE, "user:1")
    assert not decision.allowed
    assert decision.missing == "write"
    assert [each.reason for each in decision.considered] == [
        "it permits read",
        "it is for user:2",
        "it expired at 2020-01-01T00:00:00Z",
        "it holds on mon (UTC) only",
    ]


def test_an_explanation_names_what_permits_it(control: Make) -> None:
    role = grant(None, "write", "user:*", role="editor")
    access = control(role, roles={"agent:ada": ("editor",)})
    decision = access.explain("agent:ada", WRITE, "user:1")
    assert (decision.allowed, decision.by, decision.roles) == (True, (role.id,), ("editor",))
    assert access.explain("agent:ada", WRITE, "agent:ada").owns


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ReadOnly", "read"),
        ("ReadWrite", "read_write"),
        ("Read", "read"),
        ("Admin", "admin"),
        ("writ", "write"),
        ("all", "admin"),
    ],
)
def test_a_permission_by_another_name_is_refused_with_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Permission.named(name)
    assert caught.value.hint == f"did you mean '{meant}'?"


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"scope": "a", "permission": "read"},
        {"scope": "a", "permission": "read", "actor": "x", "role": "y"},
        {"scope": "a", "permission": "", "actor": "x"},
        {"scope": "a", "permission": 3, "actor": "x"},
        {"scope": "a", "permission": "read,", "actor": "x"},
        {"permission": "read", "actor": "x"},
        {"scope": "a", "permission": "read", "actor": ""},
        {"scope": "a", "permission": "read", "actor": " x"},
        {"scope": "a", "permission": "read", "actor": "x\ny"},
        {"scope": "a", "permission": "read", "actor": "x" * 201},
        {"scope": "a", "permission": "read", "actor": "\ud800"},
        {"scope": "a", "permission": "read", "actor": 7},
        {"scope": "a", "permission": "read", "actor": "x", "until": "soon"},
        {"scope": "a", "permission": "read", "actor": "x", "until": 20300101},
        {"scope": "a", "permission": "read", "actor": "x", "until": "1960-01-01"},
        {"scope": "a", "permission": "read", "actor": "x", "whenever": True},
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        Grant.read("g1", facts)


def test_a_grant_tells_of_itself_what_it_reads() -> None:
    facts = {
        "actor": "ada",
        "scope": "user:*",
        "permission": "read_write,delete",
        "until": "2031-01-01T00:00:00Z",
        "at": "2030-01-01T00:00:00.000001Z",
        "by": "bob",
        "size": 10,
    }
    assert Grant.read("g1", facts).told() == facts


def test_who_has_no_name_is_told_to_give_one_and_not_to_be_given_everything() -> None:
    control = AccessControl(Policy())
    with pytest.raises(AccessDenied) as caught:
        control.check(None, "user:1", Permission.READ)
    assert "--actor NAME" in caught.value.hint
    assert "llmspell access grant anonymous read user:1" in caught.value.hint
    with pytest.raises(AccessDenied) as caught:
        control.check(None, "*", Permission.ADMIN)
    assert "--actor NAME" in caught.value.hint
    assert "grant" not in caught.value.hint
