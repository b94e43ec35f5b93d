"""``state history``, ``diff``, ``revert`` and ``watch``: what became of a key."""

from __future__ import annotations

import json
import os
import pty
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import Program

WITHOUT_JOURNAL = "[state.journal]\nenabled = false\n"


def state(llmspell: Program, *arguments: str) -> str:
    """Run a command that must succeed and return what it printed."""
    done = llmspell.here("state", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(llmspell: Program, *arguments: str) -> dict[str, Any]:
    """Run a command with --json and return its object."""
    done = llmspell.here("state", *arguments, "--json")
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["ok"] is (done.returncode == 0)
    return told


@pytest.fixture
def written(llmspell: Program) -> Program:
    """Three versions of one key."""
    for value in ({"size": 1, "tags": ["a"]}, {"size": 2, "tags": ["a", "b"]}, {"tags": []}):
        state(llmspell, "set", "global", "prefs", json.dumps(value))
    return llmspell


def test_the_history_is_a_table_the_latest_first(written: Program) -> None:
    state(written, "delete", "global", "prefs")
    titles, *lines = state(written, "history", "global", "prefs").splitlines()
    assert titles.split()[:2] == ["version", "op"]
    assert [line.split()[:2] for line in lines] == [
        ["4", "delete"],
        ["3", "put"],
        ["2", "put"],
        ["1", "put"],
    ]


def test_the_history_names_who_wrote(llmspell: Program) -> None:
    code = "State.save('global', 'k', 1)"
    llmspell("exec", code, "--engine", "lua")
    (version,) = report(llmspell, "history", "global", "k")["versions"]
    assert version["run_id"] in state(llmspell, "history", "global", "k")
    assert version["class"] == "standard"


def test_the_history_comes_in_pages_and_with_values(written: Program) -> None:
    told = report(written, "history", "global", "prefs", "--limit", "2", "--values")
    assert [each["version"] for each in told["versions"]] == [3, 2]
    assert told["versions"][1]["value"] == {"size": 2, "tags": ["a", "b"]}
    rest = report(written, "history", "global", "prefs", "--before", "2")["versions"]
    assert [each["version"] for each in rest] == [1]
    assert "value" not in rest[0]
    assert state(written, "history", "global", "prefs", "--before", "1") == ""
    shown = state(written, "history", "global", "prefs", "--values", "--limit", "1")
    assert '{"tags": []}' in shown.splitlines()[2]


def test_a_value_cannot_write_to_the_terminal(llmspell: Program) -> None:
    """Control characters in a value are spelled out; a version stays on its line."""
    state(llmspell, "set", "global", "k", "\x1b[2Jred\nalert\x9b", "--text")
    shown = state(llmspell, "history", "global", "k", "--values")
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert len(shown.splitlines()) == 3


def test_diff_shows_each_place_that_differs(written: Program) -> None:
    assert state(written, "diff", "global", "prefs", "1", "2").splitlines() == [
        "changed  $.size  1 -> 2",
        'added    $.tags[1]  "b"',
    ]
    assert state(written, "diff", "global", "prefs", "1").splitlines() == [
        "removed  $.size  1",
        'removed  $.tags[0]  "a"',
    ]
    told = report(written, "diff", "global", "prefs", "1", "2")
    assert (told["old"], told["new"]) == (1, 2)
    assert told["differences"][0] == {"path": "$.size", "kind": "changed", "old": 1, "new": 2}


def test_equal_versions_differ_in_nothing_and_that_is_said(written: Program) -> None:
    done = written.here("state", "diff", "global", "prefs", "2", "2")
    assert (done.returncode, done.stdout) == (0, "")
    assert "equal" in done.stderr
    assert report(written, "diff", "global", "prefs", "2", "2")["differences"] == []


def test_differences_are_coloured_on_a_terminal_only(written: Program) -> None:
    assert "\x1b" not in state(written, "diff", "global", "prefs", "1", "2")
    leader, follower = pty.openpty()
    written.environ |= {"TERM": "xterm"}
    del written.environ["NO_COLOR"]
    process = written.start("state", "diff", "global", "prefs", "1", "2", stdout=follower)
    assert process.wait(timeout=30) == 0
    os.close(follower)
    shown = os.read(leader, 65_536).decode()
    os.close(leader)
    assert "\x1b[33mchanged" in shown
    assert "\x1b[32madded" in shown


def test_revert_is_a_new_version_with_the_old_value(written: Program) -> None:
    done = written.here("state", "revert", "global", "prefs", "1")
    assert done.stderr == "version 4 has the value of version 1\n"
    assert json.loads(state(written, "get", "global", "prefs")) == {"size": 1, "tags": ["a"]}
    state(written, "delete", "global", "prefs")
    told = report(written, "revert", "global", "prefs", "3")
    assert (told["reverted_to"], told["metadata"]["version"]) == (3, 6)
    assert json.loads(state(written, "get", "global", "prefs")) == {"tags": []}


MISTAKES = (
    (["history", "global", "nope"], 1, "no_such_key", "no version of key 'nope'"),
    (["history", "agent:", "prefs"], 1, "invalid_scope", "no id after the colon"),
    (["history", "global", ""], 1, "invalid_key", "empty"),
    (["history", "global", "prefs", "--limit", "0"], 2, "usage", "--limit"),
    (["history", "global", "prefs", "--before", "0"], 2, "usage", "--before"),
    (["history", "global", "prefs", "--before", "9" * 30], 1, "invalid_value", "before"),
    (["history", "global"], 2, "usage", "KEY"),
    (["history", "global", "prefs", "2"], 2, "usage", "extra argument"),
    (["diff", "global", "prefs"], 2, "usage", "V1"),
    (["diff", "global", "prefs", "one"], 2, "usage", "V1"),
    (["diff", "global", "prefs", "0"], 2, "usage", "V1"),
    (["diff", "global", "prefs", "9"], 1, "version_not_found", "version 9"),
    (["diff", "global", "prefs", "1", "9"], 1, "version_not_found", "version 9"),
    (["diff", "global", "nope", "1"], 1, "no_such_key", "no key 'nope' to compare with"),
    (["diff", "global", "prefs", "9223372036854775807"], 1, "version_not_found", "not in"),
    (["diff", "workflow:", "prefs", "1"], 1, "invalid_scope", "workflow"),
    (["revert", "global", "prefs"], 2, "usage", "VERSION"),
    (["revert", "global", "prefs", "last"], 2, "usage", "VERSION"),
    (["revert", "global", "prefs", "0"], 2, "usage", "VERSION"),
    (["revert", "global", "prefs", "-1"], 2, "usage", "-1"),
    (["revert", "global", "prefs", "9"], 1, "version_not_found", "version 9"),
    (["revert", "global", "prefs", "9223372036854775807"], 1, "version_not_found", "not in"),
    (["revert", "global", "prefs", "9" * 30], 1, "invalid_value", "64 bits"),
    (["revert", "global", "nope", "1"], 1, "version_not_found", "'nope'"),
    (["revert", "agent:x", "prefs", "1"], 1, "version_not_found", "agent:x"),
    (["watch"], 2, "usage", "SCOPE"),
    (["watch", "session:"], 1, "invalid_scope", "session"),
    (["watch", "global", "prefs"], 2, "usage", "extra argument"),
)


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "part"), MISTAKES, ids=lambda part: str(part)[:40]
)
def test_a_mistake_is_told_and_changes_nothing(
    written: Program, arguments: list[str], code: int, kind: str, part: str
) -> None:
    before = state(written, "history", "global", "prefs")
    done = written.here("state", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error[{kind}]: ")
    assert part in done.stderr
    assert state(written, "history", "global", "prefs") == before


def test_a_deleted_version_cannot_be_returned_to(written: Program) -> None:
    state(written, "delete", "global", "prefs")
    done = written.here("state", "revert", "global", "prefs", "4")
    assert done.returncode == 1
    assert "was deleted by version 4" in done.stderr


def test_errors_are_json_where_json_was_asked_for(written: Program) -> None:
    assert report(written, "revert", "global", "prefs", "9")["error"]["code"] == "version_not_found"
    assert report(written, "history", "global", "nope")["error"]["code"] == "no_such_key"


@pytest.mark.parametrize(
    "arguments",
    [
        ["history", "global", "k"],
        ["diff", "global", "k", "1"],
        ["revert", "global", "k", "1"],
        ["watch", "global"],
        ["checkpoint"],
        ["checkpoints"],
        ["rollback", "c1", "--yes"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_a_journal_there_is_no_way_back(llmspell: Program, arguments: list[str]) -> None:
    llmspell.write("off.toml", WITHOUT_JOURNAL)
    assert llmspell.here("-c", "off.toml", "state", "set", "global", "k", "1").returncode == 0
    done = llmspell.here("-c", "off.toml", "state", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error[feature_unavailable]: ")
    assert "state.journal.enabled = true" in done.stderr


# Watching --------------------------------------------------------------------------------------


class Watching:
    """A running ``state watch`` whose lines can be taken."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        assert process.stderr is not None
        assert b"watching" in process.stderr.readline()
        threading.Thread(target=self._collect, args=(process.stdout,), daemon=True).start()

    def _collect(self, stdout: Any) -> None:
        for line in stdout:
            self._lines.put(line.decode())

    def next(self) -> str:
        return self._lines.get(timeout=20)


@contextmanager
def watching(llmspell: Program, *arguments: str) -> Iterator[Watching]:
    """Watch; at the end Ctrl-C must end it well."""
    with llmspell.start(
        "state", "watch", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield Watching(process)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0


def test_a_watch_prints_what_others_change_until_ctrl_c(llmspell: Program) -> None:
    with watching(llmspell, "user:42", "--prefix", "p.") as watch:
        state(llmspell, "set", "user:42", "other", "0")
        state(llmspell, "set", "user:41", "p.a", "0")
        state(llmspell, "set", "user:42", "p.a", '{"x": "dark"}')
        state(llmspell, "delete", "user:42", "p.a")
        first, second = watch.next(), watch.next()
    assert first.split(maxsplit=2)[2] == 'put     p.a  v1  {"x": "dark"}\n'
    assert second.split(maxsplit=2)[2] == "delete  p.a  v2\n"


def test_a_watch_prints_json_lines(llmspell: Program) -> None:
    with watching(llmspell, "global", "--json") as watch:
        state(llmspell, "set", "global", "k", "[1]")
        told = json.loads(watch.next())
    assert (told["key"], told["op"], told["version"], told["value"]) == ("k", "put", 1, [1])


def test_a_watch_leaves_nothing_out_however_slowly_it_is_read(llmspell: Program) -> None:
    """What the reader is too slow for waits in the journal."""
    with watching(llmspell, "global", "--json") as watch:
        code = "for i = 1, 3000 do State.save('global', 'k', i) end"
        assert llmspell("exec", code, "--engine", "lua").returncode == 0
        time.sleep(0.2)
        assert [json.loads(watch.next())["value"] for _ in range(3000)] == list(range(1, 3001))


def test_a_watch_whose_reader_went_away_ends(llmspell: Program) -> None:
    with llmspell.start(
        "state", "watch", "global", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.readline()
        process.stdout.close()
        state(llmspell, "set", "global", "k", "1")
        assert process.wait(timeout=20) == 141
