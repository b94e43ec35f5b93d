"""``state conflicts``: what became of writes while the database was away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Program

CONFIG = """
[state]
path = "share/state.db"
[state.failover]
enabled = true
failures = 1
"""


def outage(llmspell: Program, *, begins: bool) -> None:
    """Take the folder of the database away, as a network share can be, or bring it back."""
    share, away = llmspell.folder / "share", llmspell.folder / "away"
    if begins:
        share.rename(away)
        share.touch()
    else:
        share.unlink()
        away.rename(share)


def state(llmspell: Program, *arguments: str) -> str:
    done = llmspell.here("-c", "failover.toml", "state", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(llmspell: Program, *arguments: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(state(llmspell, "conflicts", *arguments, "--json"))
    assert parsed["ok"] is True
    return parsed


@pytest.fixture
def two_sides(llmspell: Program) -> Program:
    """Two entries that were written both during an outage and by somebody else."""
    llmspell.write("failover.toml", CONFIG)
    llmspell.write("others.toml", '[state]\npath = "share/state.db"\n')
    for key in ("theme", "size"):
        state(llmspell, "set", "global", key, '"base"')
    outage(llmspell, begins=True)
    for key in ("theme", "size", "new"):
        state(llmspell, "set", "global", key, '"ours"')
    assert state(llmspell, "get", "global", "theme") == "ours\n"
    outage(llmspell, begins=False)
    for key in ("theme", "size"):
        others = ("-c", "others.toml", "state", "set", "global", key, '"theirs"')
        assert llmspell.here(*others).returncode == 0
    return llmspell


def numbers(llmspell: Program) -> list[str]:
    return [str(conflict["id"]) for conflict in report(llmspell)["conflicts"]]


def test_conflicts_are_listed_and_the_rest_is_there(two_sides: Program) -> None:
    lines = state(two_sides, "conflicts").splitlines()
    assert [line.split("  ")[2:4] for line in lines] == [
        ["global theme", "base: version 1"],
        ["global size", "base: version 1"],
    ]
    assert all(line.endswith("theirs: version 2") for line in lines)
    assert state(two_sides, "conflicts", "list").splitlines() == lines
    assert state(two_sides, "get", "global", "new") == "ours\n"
    assert state(two_sides, "get", "global", "theme") == "theirs\n"


def test_a_conflict_shows_both_values(two_sides: Program) -> None:
    number, _ = numbers(two_sides)
    shown = state(two_sides, "conflicts", "show", number)
    assert "  base    version 1\n  ours    ours\n  theirs  theirs  (version 2)\n" in shown
    (entry,) = report(two_sides, "show", number)["conflict"]["entries"]
    assert (entry["scope"], entry["key"], entry["base_version"]) == ("global", "theme", 1)
    assert (entry["ours"]["value"], entry["theirs"]["value"]) == ("ours", "theirs")
    assert entry["theirs"]["version"] == 2


def test_one_side_of_each_conflict_is_kept(two_sides: Program) -> None:
    first, second = numbers(two_sides)
    done = two_sides.here("-c", "failover.toml", "state", "conflicts", "resolve", first, "--ours")
    assert (done.returncode, done.stderr) == (0, "kept ours of 1 conflict\n")
    assert report(two_sides, "resolve", second, "--theirs") == {
        "ok": True,
        "resolved": [int(second)],
        "kept": "theirs",
    }
    assert state(two_sides, "get", "global", "theme") == "ours\n"
    assert state(two_sides, "get", "global", "size") == "theirs\n"
    assert numbers(two_sides) == []
    assert state(two_sides, "conflicts") == ""


def test_all_conflicts_are_resolved_at_once(two_sides: Program) -> None:
    assert len(report(two_sides, "resolve", "--all", "--ours")["resolved"]) == 2
    assert state(two_sides, "get", "global", "size") == "ours\n"
    assert numbers(two_sides) == []


def test_during_an_outage_conflicts_are_listed_and_ours_has_to_wait(two_sides: Program) -> None:
    number, _ = numbers(two_sides)
    outage(two_sides, begins=True)
    listed = two_sides.here("-c", "failover.toml", "state", "conflicts")
    assert len(listed.stdout.splitlines()) == 2
    assert "the database cannot be reached; waiting for it: 0 writes" in listed.stderr
    refused = two_sides.here(
        "-c", "failover.toml", "state", "conflicts", "resolve", number, "--ours"
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("error[storage_error]: ")
    state(two_sides, "conflicts", "resolve", number, "--theirs")
    assert len(numbers(two_sides)) == 1


def test_stats_show_the_breaker(two_sides: Program) -> None:
    shown = state(two_sides, "stats")
    assert "failover.breaker" in shown
    assert "closed" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "99"], 1, "error[invalid_argument]: there is no conflict 99"),
        (["resolve", "99", "--ours"], 1, "error[invalid_argument]: there is no conflict 99"),
        (["resolve", "99"], 2, "error[usage]: say which side to keep: --ours or --theirs"),
        (["resolve", "--ours"], 2, "error[usage]: give either IDs or --all"),
        (["shw"], 2, "error[usage]: no such command 'shw'"),
    ],
)
def test_what_cannot_be_done_is_told(
    llmspell: Program, arguments: list[str], code: int, message: str
) -> None:
    llmspell.write("failover.toml", CONFIG)
    done = llmspell.here("-c", "failover.toml", "state", "conflicts", *arguments)
    assert done.returncode == code
    assert done.stderr.startswith(message)


def test_without_failover_there_is_nothing_to_show(llmspell: Program) -> None:
    done = llmspell.here("state", "conflicts")
    assert done.returncode == 2
    assert done.stderr.startswith("error[config_error]: failover is not switched on")
    assert "state.failover.enabled = true" in done.stderr


def test_facts_are_shown_and_nothing_is_checked_while_the_database_is_away(
    llmspell: Program,
) -> None:
    llmspell.write("failover.toml", CONFIG)
    state(llmspell, "set", "global", "theme", '"base"')
    outage(llmspell, begins=True)
    assert "failover.breaker             open" in state(llmspell, "stats")
    done = llmspell.here("-c", "failover.toml", "state", "verify", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["details"] == {"reason": "unavailable"}
