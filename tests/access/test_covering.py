"""Who administers a pattern may grant what it covers, and nothing beyond it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from llmspell import StateManager, acting
from llmspell.errors import AccessDenied

from .conftest import grant

Open = Callable[..., StateManager]


@pytest.mark.parametrize(
    ("administers", "grants"),
    [
        ("notes:*", "notes:a"),
        ("notes:*", "notes:a*"),
        ("notes:*", "notes:{actor}"),
        ("notes:bob", "notes:{actor}"),
        ("*:a*c", "notes:ab*bc"),
        ("**", "*"),
    ],
)
def test_what_a_pattern_covers_may_be_granted(guarded: Open, administers: str, grants: str) -> None:
    state = guarded(grant("ada", "admin", administers))
    with acting("ada"):
        assert state.grant("bob", "read", grants).id == "g1"
        assert state.revoke("g1")


@pytest.mark.parametrize(
    ("administers", "grants"),
    [
        ("notes:a", "notes:*"),
        ("notes:a*", "notes:*"),
        ("notes:a*b*c", "notes:a*c"),
        ("notes:{*", "notes:{actor}"),
        ("notes:ada", "notes:{actor}"),
        ("notes:*", "*"),
    ],
)
def test_nothing_beyond_it_may_be_granted(guarded: Open, administers: str, grants: str) -> None:
    state = guarded(grant("ada", "admin", administers))
    with acting("ada"), pytest.raises(AccessDenied) as caught:
        state.grant("bob", "read", grants)
    assert caught.value.message.isprintable()
    assert state.list_grants("bob") == []


@pytest.mark.parametrize("name", ["agent:*", "{actor}", "*"])
def test_a_name_with_a_star_or_braces_administers_no_more_than_itself(
    guarded: Open, name: str
) -> None:
    state = guarded(grant(None, "admin", "{actor}", role="own"), roles={name: ("own",)})
    for pattern in ("agent:*", "{actor}", "*", "agent:{actor}"):
        with acting(name), pytest.raises(AccessDenied):
            state.grant("bob", "admin", pattern)


def test_a_role_is_granted_the_actors_own_by_who_administers_all_of_them(guarded: Open) -> None:
    state = guarded(grant("ada", "admin", "notes:ada"), grant("root", "admin", "notes:*"))
    with acting("ada"), pytest.raises(AccessDenied):
        state.grant(None, "read", "notes:{actor}", role="ada")
    with acting("root"):
        assert state.grant(None, "read", "notes:{actor}", role="ada").role == "ada"


@pytest.mark.parametrize("number", [b"", b"x", b"-3", b"9" * 5000, b"0"])
def test_granting_goes_on_where_the_number_of_the_last_grant_was_damaged(
    guarded: Open, tmp_path: Path, number: bytes
) -> None:
    file = tmp_path / "s.db"
    state = guarded(path=file)
    assert [state.grant("ada", "read", f"docs:{at}").id for at in range(2)] == ["g1", "g2"]
    with closing(sqlite3.connect(file, isolation_level=None)) as raw:
        raw.execute("UPDATE entries SET blob = ? WHERE key = 'last'", (number,))
    assert state.grant("ada", "read", "docs:3").id == "g3"
    assert state.revoke("g1")
    assert [each.id for each in state.list_grants("ada")] == ["g2", "g3"]


def test_who_may_not_revoke_a_grant_does_not_learn_whether_there_is_one(guarded: Open) -> None:
    state = guarded()
    state.grant("bob", "read", "secret:plans")
    refusals = []
    for id_ in ("g1", "g2"):
        with acting("ada"), pytest.raises(AccessDenied) as caught:
            state.revoke(id_)
        refusals.append((caught.value.message, caught.value.details))
    assert refusals[0] == refusals[1]


def test_a_condition_on_the_address_holds_for_managing_too(guarded: Open) -> None:
    state = guarded(grant("ada", "admin", "docs:*", address=["10.0.0.0/8"]))
    made = state.grant("bob", "read", "docs:1")
    with acting("ada", address="10.1.2.3"):
        assert [each.id for each in state.list_grants("bob")] == [made.id]
        assert state.revoke(made.id)
