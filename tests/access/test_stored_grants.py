"""Stored grants: given and taken back by those who may, counting everywhere within a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmspell import StateManager, acting
from llmspell.errors import AccessDenied, FeatureUnavailable, InvalidArgument
from llmspell.state.access_grants import StoredGrants
from llmspell.store import open_store
from llmspell.store.base import INTERNAL, Put

from .conftest import Clock, grant

Open = Callable[..., StateManager]
S, K = "user:1", "k"


def test_a_grant_counts_at_once_and_until_it_is_revoked(guarded: Open) -> None:
    state = guarded()
    made = state.grant("ada", "read", "user:*", granted_by="boss")
    assert (made.id, made.granted_by, made.actor) == ("g1", "boss", "ada")
    with acting("ada"):
        assert state.load(S, K) is None
    assert state.revoke("g1")
    with acting("ada"), pytest.raises(AccessDenied):
        state.load(S, K)
    assert not state.revoke("g1")


def test_an_id_is_never_given_twice(guarded: Open) -> None:
    state = guarded()
    assert state.grant("ada", "read", S).id == "g1"
    state.revoke("g1")
    assert state.grant("ada", "read", S).id == "g2"


def test_a_grant_of_another_process_counts_within_a_second(
    guarded: Open, tmp_path: Path, clock: Clock
) -> None:
    here, there = guarded(path=tmp_path / "s.db"), guarded(path=tmp_path / "s.db")
    with acting("ada"), pytest.raises(AccessDenied):
        there.load(S, K)
    made = here.grant("ada", "read_write", S)
    clock.pass_s(1)
    with acting("ada"):
        there.save(S, K, 1)
        kept = there.load_frozen(S, K)
        assert kept is not None
        assert kept.is_current()
    here.revoke(made.id)
    clock.pass_s(1)
    with acting("ada"):
        assert not kept.is_current()
        with pytest.raises(AccessDenied):
            there.load(S, K)


def test_grants_given_by_many_at_once_are_all_kept(guarded: Open) -> None:
    state = guarded()

    def give(name: str) -> None:
        for number in range(10):
            state.grant(name, "read", f"user:{number}")

    threads = [threading.Thread(target=give, args=(f"ada{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    ids = [each.id for each in state.list_grants()]
    assert sorted(ids, key=lambda each: int(each[1:])) == [f"g{n}" for n in range(1, 41)]


@pytest.mark.parametrize(
    ("held", "given", "may"),
    [
        ("user:*", "user:1", True),
        ("user:*", "user:1*", True),
        ("user:*", "user:*:notes", True),
        ("user:*", "user*", False),
        ("user:*", "*", False),
        ("user:1", "user:1*", False),
        ("*", "*", True),
        ("*", "**", True),
        ("user:{actor}", "user:ada", True),
        ("user:{actor}", "user:{actor}", False),
        ("user:*", "user:{actor}", True),
    ],
)
def test_who_administers_all_that_a_pattern_covers_may_grant_and_revoke_it(
    guarded: Open, held: str, given: str, may: bool
) -> None:
    state = guarded(grant("ada", "admin", held))
    if not may:
        there = state.grant("bob", "read", given)
        for call in (lambda: state.grant("bob", "read", given), lambda: state.revoke(there.id)):
            with acting("ada"), pytest.raises(AccessDenied):
                call()
        return
    with acting("ada"):
        made = state.grant("bob", "read", given)
        assert made.granted_by == "ada"
        assert state.revoke(made.id)


def test_reading_and_writing_everything_is_not_enough_to_grant(guarded: Open) -> None:
    state = guarded(grant("ada", "read_write,delete", "*"))
    with acting("ada"), pytest.raises(AccessDenied, match="may not administer"):
        state.grant("ada", "admin", "*")


def test_a_program_that_acts_as_somebody_is_not_the_operator(guarded: Open) -> None:
    state = guarded(actor="ada")
    with pytest.raises(AccessDenied, match="actor 'ada'"):
        state.grant("ada", "read", S)


def test_each_is_told_his_own_grants_and_those_he_administers(guarded: Open) -> None:
    state = guarded(
        grant("ada", "admin", "user:*"),
        grant("bob", "read", "user:1"),
        grant("eve", "read", "global"),
        grant(None, "read", "docs", role="reader"),
        roles={"bob": ("reader",)},
    )

    def told(actor: str | None = None) -> list[str]:
        return [f"{each.actor or each.role}" for each in state.list_grants(actor)]

    assert told() == ["ada", "bob", "eve", "reader"]
    assert told("bob") == ["bob", "reader"]
    with acting("ada"):
        assert told() == ["ada", "bob"]
    with acting("bob"):
        assert told() == ["bob", "reader"]
        assert told("eve") == []


def test_who_does_not_administer_a_scope_learns_nothing_of_others_there(guarded: Open) -> None:
    state = guarded(grant("ada", "admin", "user:*"), grant("bob", "read", "global"))
    with acting("ada"):
        assert not state.explain("bob", "read", "user:1").allowed
        with pytest.raises(AccessDenied):
            state.explain("bob", "read", "global")
        assert not state.explain("ada", "read", "global").allowed


def test_a_grant_to_a_role_is_for_all_who_have_it(guarded: Open) -> None:
    state = guarded(roles={"ada": ("reader",)})
    state.grant(None, "read", S, role="reader")
    with acting("ada"):
        state.load(S, K)


def test_a_grant_ends_when_it_says(guarded: Open, clock: Clock) -> None:
    state = guarded()
    state.grant("ada", "read", S, until="2030-03-17T12:00:05Z")
    with acting("ada"):
        state.load(S, K)
        clock.pass_s(5)
        with pytest.raises(AccessDenied, match="it expired"):
            state.load(S, K)


@pytest.mark.parametrize(
    "facts",
    [
        {"actor": "ada", "permission": "ReadOnly", "scope": S},
        {"actor": "ada", "permission": "read", "scope": "step:1:a"},
        {"actor": None, "permission": "read", "scope": S},
        {"actor": "ada", "permission": "read", "scope": S, "role": "editor"},
        {"actor": "ada", "permission": "read", "scope": S, "until": "2020-01-01"},
        {"actor": "ada", "permission": "read", "scope": S, "conditions": {"weather": 1}},
        {"actor": "ada", "permission": "read", "scope": S, "conditions": {"actor": "bob"}},
        {"actor": "ada", "permission": "read", "scope": S, "conditions": {"rate": "fast"}},
    ],
)
def test_a_grant_that_makes_no_sense_is_refused_and_nothing_is_stored(
    guarded: Open, facts: dict[str, Any]
) -> None:
    state = guarded()
    with pytest.raises(InvalidArgument):
        state.grant(facts.pop("actor"), facts.pop("permission"), facts.pop("scope"), **facts)
    assert state.list_grants() == []


def test_a_configured_grant_is_taken_away_in_the_configuration(guarded: Open) -> None:
    configured = grant("ada", "read", S)
    with pytest.raises(InvalidArgument, match="stands in the configuration"):
        guarded(configured).revoke(configured.id)


@pytest.mark.parametrize("blob", [b"", b"\xc1", b"\x93abc", b"\x81\xa5actor\xa3ada"])
def test_a_stored_grant_that_cannot_be_read_permits_nothing_and_harms_no_other(
    guarded: Open, blob: bytes
) -> None:
    state = guarded()
    state.grant("ada", "read", S)
    state.store.write([Put(INTERNAL + "access", "g1", blob, 1)])
    state.grant("bob", "read", S)
    assert [each.actor for each in state.list_grants()] == ["bob"]


def test_no_script_and_no_program_reaches_the_grants_as_entries(guarded: Open) -> None:
    state = guarded(grant("boss", "admin", "*"))
    state.grant("ada", "read", S)
    with acting("boss"):
        assert state.list_scopes() == []
        assert list(state.export_entries()) == []
        with pytest.raises(ValueError, match="control character"):
            state.load(INTERNAL + "access", "g1")


def test_nothing_is_read_again_while_nothing_was_written() -> None:
    store = open_store("memory")
    source = StoredGrants(lambda: store)
    assert source.changed() == []
    assert source.changed() is None
    store.write([Put("global", "k", b"x", 1)])
    assert source.changed() is None
    store.close()


def test_without_access_control_grants_are_kept_for_when_it_is_switched_on(tmp_path: Path) -> None:
    state = StateManager(open_store("sqlite", path=tmp_path / "s.db"))
    with acting("ada"):
        state.save(S, K, 1)
        state.grant("ada", "read", S)
        assert [each.id for each in state.list_grants("ada")] == ["g1"]
        state.check_access(S, "admin")
        with pytest.raises(FeatureUnavailable, match="access control is off"):
            state.explain("ada", "read", S)
    state.close()
