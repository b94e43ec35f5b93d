"""``state compact``, ``verify``, ``stats`` and what ``set`` can ask for."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing

import pytest

from .conftest import Program
from .test_history import report, state


@pytest.fixture
def used(llmspell: Program) -> Program:
    """Ten versions of one key and one of another."""
    for number in range(10):
        state(llmspell, "set", "global", "k", str(number))
    state(llmspell, "set", "global", "other", "1")
    return llmspell


def versions(llmspell: Program) -> list[int]:
    return [each["version"] for each in report(llmspell, "history", "global", "k")["versions"]]


# Compaction ------------------------------------------------------------------------------------


def test_compact_goes_by_the_configured_bounds(used: Program) -> None:
    done = used.here("state", "compact")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "removed 0 changes\n")
    used.write("small.toml", "[state.journal]\nmax_changes = 3\n")
    assert used.here("-c", "small.toml", "state", "compact").returncode == 0
    assert len(versions(used)) == 3
    assert state(used, "get", "global", "k") == "9\n"


def test_compact_leaves_as_many_changes_as_it_is_told(used: Program) -> None:
    told = report(used, "compact", "--max-changes", "4")
    assert told == {"ok": True, "removed": 6, "expired": 0, "purged": 0}
    assert versions(used) == [10, 9, 8, 7]


def test_compact_removes_what_is_older_and_keeps_what_holds(used: Program) -> None:
    time.sleep(0.01)
    assert report(used, "compact", "--older-than", "1d")["removed"] == 0
    assert report(used, "compact", "--older-than", "5ms")["removed"] == 9
    assert versions(used) == [10]
    assert len(json.loads(state(used, "export", "-"))["entries"]) == 2


def test_compact_tells_what_expired(llmspell: Program) -> None:
    state(llmspell, "set", "global", "k", "1", "--ttl", "300ms")
    time.sleep(0.35)
    done = llmspell.here("state", "compact", "--max-changes", "100")
    assert done.stderr == "removed 0 changes, 1 expired, 0 forgotten that were deleted long ago\n"


COMPACT_MISTAKES = (
    ["--older-than", "0"],
    ["--older-than", "-1d"],
    ["--older-than", "nan"],
    ["--older-than", "inf"],
    ["--older-than", "1 month"],
    ["--older-than", ""],
    ["--max-changes", "-1"],
    ["--max-changes", "1.5"],
    ["--max-changes", "9" * 30],
    ["--max-changes"],
    ["global"],
)


@pytest.mark.parametrize("arguments", COMPACT_MISTAKES, ids=" ".join)
def test_a_bound_that_cannot_be_meant_removes_nothing(used: Program, arguments: list[str]) -> None:
    done = used.here("state", "compact", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error[usage]: ")
    assert len(versions(used)) == 10


def test_a_very_long_time_is_no_mistake(used: Program) -> None:
    assert report(used, "compact", "--older-than", "1e300d")["removed"] == 0


# Checking --------------------------------------------------------------------------------------


def test_a_sound_store_is_all_well(used: Program) -> None:
    assert state(used, "verify") == "all well: 2 entries, 11 changes\n"
    assert report(used, "verify") == {"ok": True, "entries": 2, "changes": 11}


def test_an_empty_store_is_all_well(llmspell: Program) -> None:
    assert llmspell.here("state", "compact").returncode == 0
    assert state(llmspell, "verify") == "all well: 0 entries, 0 changes\n"


@pytest.mark.parametrize("command", [["verify"], ["stats"], ["export", "all.json"]])
def test_of_a_store_that_is_not_there_nothing_good_is_said(
    llmspell: Program, command: list[str]
) -> None:
    done = llmspell.here("state", *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"there is no store at {llmspell.folder}/.llmspell/state.db" in done.stderr
    assert report(llmspell, *command)["error"]["details"]["reason"] == "missing"
    assert not list(llmspell.folder.iterdir())


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (["list", "global"], 0),
        (["scopes"], 0),
        (["checkpoints"], 0),
        (["get", "global", "k"], 1),
        (["history", "global", "k"], 1),
        (["diff", "global", "k", "1", "2"], 1),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_reading_makes_no_store(llmspell: Program, command: list[str], exit_code: int) -> None:
    done = llmspell.here("state", *command)
    assert (done.returncode, done.stdout) == (exit_code, "")
    place = f"{llmspell.folder}/.llmspell/state.db"
    assert (f"note: there is no store at {place} yet\n" == done.stderr) is (exit_code == 0)
    assert not list(llmspell.folder.iterdir())


def test_damage_is_listed_with_its_place_and_fails(used: Program) -> None:
    with closing(sqlite3.connect(used.folder / ".llmspell/state.db")) as raw:
        raw.execute("UPDATE entries SET version = 8 WHERE key = 'k'")
        raw.execute("DELETE FROM journal WHERE seq = 4")
        raw.commit()
    done = used.here("state", "verify")
    assert done.returncode == 1
    assert "scope 'global' key 'k' version 8 change 10: it is at version 8" in done.stdout
    assert "change 4 is missing from the journal" in done.stdout
    assert done.stderr.startswith("error[storage_error]: found ")
    error = report(used, "verify")["error"]
    assert error["details"]["reason"] == "corrupt"
    places = [problem.get("key") for problem in error["details"]["problems"]]
    assert "k" in places
    assert error["details"]["found"] == len(places) == len(done.stdout.splitlines())


def test_verify_needs_no_journal(llmspell: Program) -> None:
    llmspell.write("off.toml", "[state.journal]\nenabled = false\n")
    llmspell.here("-c", "off.toml", "state", "set", "global", "k", "1")
    done = llmspell.here("-c", "off.toml", "state", "verify")
    assert (done.returncode, done.stdout) == (0, "all well: 1 entry, 0 changes\n")


@pytest.mark.parametrize("argument", ["global", "--fix", "--scope"])
def test_verify_checks_everything_or_nothing(used: Program, argument: str) -> None:
    done = used.here("state", "verify", argument)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error[usage]: ")


def test_stats_tell_of_the_journal_and_the_cache(used: Program) -> None:
    shown = dict(line.split(maxsplit=1) for line in state(used, "stats").splitlines())
    assert shown["journal.rows"] == "11"
    assert {"cache.entries", "cache.hit_rate"} <= shown.keys()


# What set can ask for --------------------------------------------------------------------------


def test_a_value_can_be_given_a_time_to_live(llmspell: Program) -> None:
    told = report(llmspell, "set", "global", "k", "1", "--ttl", "2h")
    assert told["metadata"]["expires_at"] > told["metadata"]["updated_at"]
    state(llmspell, "set", "global", "brief", "1", "--ttl", "20ms")
    time.sleep(0.03)
    assert llmspell.here("state", "get", "global", "brief").returncode == 1


def test_a_value_can_be_given_a_class(llmspell: Program) -> None:
    told = report(llmspell, "set", "global", "k", "1", "--class", "archive")
    assert told["metadata"]["class"] == "archive"


def test_a_value_can_be_set_only_over_the_version_that_was_seen(llmspell: Program) -> None:
    assert report(llmspell, "set", "global", "k", "1", "--if-version", "0")["metadata"]
    assert report(llmspell, "set", "global", "k", "2", "--if-version", "1")["metadata"]
    told = report(llmspell, "set", "global", "k", "3", "--if-version", "1")
    assert told["error"]["code"] == "version_conflict"
    assert told["error"]["details"]["actual"] == 2
    assert state(llmspell, "get", "global", "k") == "2\n"


SET_MISTAKES = (
    (["--ttl", "0"], 2, "usage"),
    (["--ttl", "-5"], 2, "usage"),
    (["--ttl", "soon"], 2, "usage"),
    (["--ttl", "nan"], 2, "usage"),
    (["--ttl", "1e9d"], 1, "invalid_value"),
    (["--class", "critcal"], 1, "invalid_argument"),
    (["--class", ""], 1, "invalid_argument"),
    (["--class", "ephemeral"], 2, "usage"),
    (["--class", "sensitive"], 1, "key_missing"),
    (["--if-version", "-1"], 2, "usage"),
    (["--if-version", "two"], 2, "usage"),
    (["--if-version", "9" * 30], 1, "invalid_value"),
    (["--if-version", "7"], 1, "version_conflict"),
)


@pytest.mark.parametrize(("options", "code", "kind"), SET_MISTAKES, ids=str)
def test_what_set_cannot_do_changes_nothing(
    used: Program, options: list[str], code: int, kind: str
) -> None:
    done = used.here("state", "set", "global", "k", '"new"', *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error[{kind}]: ")
    assert state(used, "get", "global", "k") == "9\n"
