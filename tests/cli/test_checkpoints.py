"""``state checkpoint``, ``checkpoints``, ``rollback`` and ``clear``: everything at once."""

from __future__ import annotations

import json
import os
import pty
import select
import time
from typing import Any

import pytest

from .conftest import Program
from .test_history import report, state


@pytest.fixture
def marked(llmspell: Program) -> Program:
    """A checkpoint ``c1`` labelled "start", and after it a change, a new key and a deletion."""
    for key in ("changed", "deleted", "same"):
        state(llmspell, "set", "global", key, "1")
    assert state(llmspell, "checkpoint", "start") == "c1\n"
    state(llmspell, "set", "global", "changed", "2")
    state(llmspell, "set", "user:42", "new", "2")
    state(llmspell, "delete", "global", "deleted")
    return llmspell


def everything(llmspell: Program) -> dict[str, Any]:
    entries = json.loads(state(llmspell, "export", "-"))["entries"]
    return {f"{entry['scope']}/{entry['key']}": entry["value"] for entry in entries}


START = {"global/changed": 1, "global/deleted": 1, "global/same": 1}
NOW = {"global/changed": 2, "global/same": 1, "user:42/new": 2}


def test_checkpoints_are_listed_the_latest_first(marked: Program) -> None:
    assert state(marked, "checkpoint") == "c2\n"
    told = report(marked, "checkpoint", "third")
    assert (told["checkpoint"], told["label"]) == ("c3", "third")
    titles, *lines = state(marked, "checkpoints").splitlines()
    assert titles.split()[0] == "id"
    assert [line.split()[0] for line in lines] == ["c3", "c2", "c1"]
    assert lines[2].endswith("usable  start")
    marks = report(marked, "checkpoints")["checkpoints"]
    assert [mark.get("label") for mark in marks] == ["third", None, "start"]


def test_without_checkpoints_the_list_is_empty(llmspell: Program) -> None:
    assert state(llmspell, "checkpoints") == ""
    assert report(llmspell, "checkpoints")["checkpoints"] == []


def test_a_dry_run_tells_what_would_change_and_changes_nothing(marked: Program) -> None:
    done = marked.here("state", "rollback", "start", "--dry-run")
    assert done.returncode == 0
    assert done.stderr == "would restore 2 entries and remove 1\n"
    told = report(marked, "rollback", "c1", "--dry-run", "--yes")
    assert (told["restored"], told["removed"], told["before"]) == (2, 1, None)
    assert everything(marked) == NOW
    assert len(report(marked, "checkpoints")["checkpoints"]) == 1


def test_a_rollback_names_the_checkpoint_that_undoes_it(marked: Program) -> None:
    done = marked.here("state", "rollback", "start", "--yes")
    assert done.returncode == 0
    assert done.stderr == (
        "restored 2 entries and removed 1\nto undo it: llmspell state rollback c2\n"
    )
    assert everything(marked) == START
    assert report(marked, "rollback", "c2", "--yes")["before"] == "c3"
    assert everything(marked) == NOW


def test_a_rollback_can_be_of_one_scope(marked: Program) -> None:
    told = report(marked, "rollback", "c1", "--scope", "user:42", "--yes")
    assert (told["restored"], told["removed"]) == (0, 1)
    assert everything(marked) == {"global/changed": 2, "global/same": 1}


def test_where_nothing_differs_nothing_is_done(marked: Program) -> None:
    state(marked, "checkpoint", "now")
    done = marked.here("state", "rollback", "now")
    assert done.returncode == 0
    assert done.stderr == "nothing differs from checkpoint 'now'\n"
    assert len(report(marked, "checkpoints")["checkpoints"]) == 2


def test_rollbacks_can_be_undone_again_and_again(marked: Program) -> None:
    """Also under the longest label there can be."""
    long = "x" * 200
    state(marked, "checkpoint", long)
    state(marked, "set", "global", "same", "3")
    name = long
    for _ in range(3):
        name = report(marked, "rollback", name, "--yes")["before"]
    assert everything(marked) == NOW


# Asking ----------------------------------------------------------------------------------------


def answered(llmspell: Program, answer: str, *arguments: str) -> tuple[int, str]:
    """Run at a terminal, answer its question; return the exit code and what was shown."""
    leader, follower = pty.openpty()
    process = llmspell.start(
        *arguments, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    )
    os.close(follower)
    shown, deadline = "", time.monotonic() + 30
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if select.select([leader], [], [], 0.05)[0]:
                shown += os.read(leader, 65_536).decode()
                if shown.endswith(": ") and answer:
                    os.write(leader, answer.encode())
                    answer = ""
    except OSError:  # how a terminal tells that the program has ended
        pass
    finally:
        os.close(leader)
    return process.wait(timeout=20), shown


def test_at_a_terminal_a_rollback_asks_first(marked: Program) -> None:
    command = ("state", "rollback", "start")
    code, shown = answered(marked, "n\n", *command)
    assert code == 1
    assert "This would restore 2 entries and remove 1. Go on? [y/N]" in shown
    assert "nothing was done" in shown
    assert everything(marked) == NOW
    assert answered(marked, "y\n", *command)[0] == 0
    assert everything(marked) == START


def test_at_a_terminal_clear_asks_first(marked: Program) -> None:
    code, shown = answered(marked, "\n", "state", "clear", "global")
    assert code == 1
    assert "would delete 2 entries of scope 'global'" in shown
    assert everything(marked) == NOW


@pytest.mark.parametrize("command", [["rollback", "start"], ["clear", "global"]])
def test_where_nobody_can_be_asked_yes_is_needed(marked: Program, command: list[str]) -> None:
    done = marked("state", *command, stdin="y\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    assert report(marked, *command)["error"]["code"] == "usage"
    assert everything(marked) == NOW


# Clearing --------------------------------------------------------------------------------------


def test_clear_removes_all_of_one_scope(marked: Program) -> None:
    done = marked.here("state", "clear", "global", "--yes")
    assert done.stderr == "deleted 2 entries\n"
    assert everything(marked) == {"user:42/new": 2}
    assert report(marked, "clear", "user:42", "--yes")["entries"] == 1
    state(marked, "rollback", "c1", "--yes")
    assert everything(marked) == START


MISTAKES = (
    (["checkpoint", ""], 1, "invalid_argument", "1 to 200 characters"),
    (["checkpoint", "x" * 201], 1, "invalid_argument", "not 201"),
    (["checkpoint", "two\nlines"], 1, "invalid_argument", "printable"),
    (["checkpoint", "a", "b"], 2, "usage", "extra argument"),
    (["checkpoint", "--label", "a"], 2, "usage", "--label"),
    (["checkpoints", "start"], 2, "usage", "extra argument"),
    (["rollback"], 2, "usage", "CHECKPOINT"),
    (["rollback", "", "--yes"], 1, "checkpoint_not_found", "''"),
    (["rollback", "c9", "--yes"], 1, "checkpoint_not_found", "'c9'"),
    (["rollback", "Start", "--yes"], 1, "checkpoint_not_found", "'Start'"),
    (["rollback", "1", "--yes"], 1, "checkpoint_not_found", "'1'"),
    (["rollback", "start", "--scope", "agent:", "--yes"], 1, "invalid_scope", "agent:"),
    (["rollback", "start", "--scope", "", "--yes"], 1, "invalid_scope", "empty"),
    (["rollback", "start", "global", "--yes"], 2, "usage", "extra argument"),
    (["rollback", "start", "--dryrun"], 2, "usage", "--dry-run"),
    (["clear", "--yes"], 2, "usage", "SCOPE"),
    (["clear", "globl", "--yes"], 1, "no_such_key", "holds no entries"),
    (["clear", "agent:", "--yes"], 1, "invalid_scope", "agent:"),
    (["clear", "", "--yes"], 1, "invalid_scope", "empty"),
    (["clear", "global", "changed", "--yes"], 2, "usage", "extra argument"),
)


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "part"), MISTAKES, ids=lambda part: str(part)[:40]
)
def test_a_mistake_is_told_and_changes_nothing(
    marked: Program, arguments: list[str], code: int, kind: str, part: str
) -> None:
    done = marked.here("state", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error[{kind}]: ")
    assert part in done.stderr
    assert everything(marked) == NOW
    assert len(report(marked, "checkpoints")["checkpoints"]) == 1


def test_a_checkpoint_the_journal_has_passed_is_no_way_back(marked: Program) -> None:
    state(marked, "compact", "--max-changes", "1")
    assert "compacted" in state(marked, "checkpoints")
    for options in (["--yes"], ["--dry-run"]):
        done = marked.here("state", "rollback", "start", *options)
        assert done.returncode == 1
        assert "no longer reaches back to checkpoint 'c1'" in done.stderr
    assert everything(marked) == NOW
    assert len(report(marked, "checkpoints")["checkpoints"]) == 1
