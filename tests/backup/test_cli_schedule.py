"""``backup schedule``: what is due is made, in the foreground or once."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cli.conftest import Program, llmspell
from llmspell.backup.repository.folder import FolderRepository

from .command_line import CONFIG, backup, prepare, put, refused, report, run

__all__ = ["llmspell"]

YEARLY = '[state.backup.schedule]\nfull = "@yearly"\n'
WAIT_S = 30


@pytest.fixture
def project(llmspell: Program) -> Program:
    """A store without backups, of which a full one is due."""
    return prepare(llmspell, YEARLY, a=1)


@contextmanager
def scheduling(project: Program, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command in a process; it does not outlive the block."""
    process = project.start(
        *("-c", "b.toml", "backup", "schedule", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    killer = threading.Timer(WAIT_S, process.kill)
    killer.start()
    try:
        yield process
    finally:
        killer.cancel()
        process.kill()
        process.communicate()


@pytest.mark.parametrize("options", [["--once"], []], ids=["once", "foreground"])
def test_a_store_that_is_not_there_is_not_backed_up_as_if_it_were_empty(
    llmspell: Program, options: list[str]
) -> None:
    prepare(llmspell, YEARLY)
    error = refused(llmspell, "schedule", *options, code="storage_error")
    assert error["details"]["reason"] == "missing"
    assert not list(llmspell.folder.glob("state.db*"))
    assert not list(llmspell.folder.glob("backups/2*"))


def test_once_makes_what_is_due_and_then_nothing(project: Program) -> None:
    done = backup(project, "schedule", "--once")
    (made,) = report(project, "list")["backups"]
    assert f"  {made['id']}  made a full backup of {project.folder / 'state.db'}" in done.stdout
    done = backup(project, "schedule", "--once")
    assert done.stdout == ""
    assert done.stderr.startswith("nothing is due; next (UTC): full at 20")
    assert report(project, "schedule", "--once")["backups"] == []


def test_once_in_json_tells_what_was_made(project: Program) -> None:
    (made,) = report(project, "schedule", "--once")["backups"]
    assert (made["type"], made["entries"]) == ("full", 1)


def test_show_tells_when_and_makes_nothing(project: Program) -> None:
    lines = backup(project, "schedule", "--show").stdout.splitlines()
    assert lines[1].split()[:2] == ["full", "@yearly"]
    assert lines[1].endswith("never")
    (told,) = report(project, "schedule", "--show")["schedule"]
    assert (told["type"], told["cron"], told["last"]) == ("full", "@yearly", None)
    assert report(project, "list")["backups"] == []


def test_a_failure_of_once_ends_with_1(project: Program) -> None:
    with FolderRepository(project.folder / "backups").lock("test it"):
        refused(project, "schedule", "--once", code="backup_running")


def test_it_runs_until_it_is_told_to_end(project: Program) -> None:
    with scheduling(project) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        process.terminate()
        _, told = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, told
    assert "/backups: 1 entry, " in line
    assert told.decode().startswith("next (UTC): full at 20")
    assert "Traceback" not in told.decode()
    assert backup(project, "verify").stderr.startswith("all well: backup ")


def test_asked_twice_it_gives_up_the_backup_under_way(project: Program) -> None:
    slowly = CONFIG + "max_load = 0.01\n" + YEARLY
    put(project, **{f"k{number}": number for number in range(10_000)})
    project.write("b.toml", slowly)
    with scheduling(project) as process:
        while process.poll() is None and not list((project.folder / "backups").glob(".partial-*")):
            time.sleep(0.001)
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        while process.poll() is None and b"again gives it up" not in process.stderr.readline():
            pass  # two signals that come together are one
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()  # communicate() would miss what readline() has read ahead
        assert process.wait(timeout=WAIT_S) == 0, told
    assert "the backup under way was given up" in told.decode()
    assert [path.name for path in (project.folder / "backups").iterdir() if path.is_dir()] == []


def test_what_fails_is_told_and_it_goes_on(project: Program) -> None:
    locked = FolderRepository(project.folder / "backups").lock("test it")
    with locked, scheduling(project, "--json") as process:
        assert process.stdout is not None
        error = json.loads(process.stdout.readline())["error"]
        assert process.poll() is None
        process.terminate()
        assert process.wait(timeout=WAIT_S) == 0
    assert error["code"] == "backup_running"


def test_a_killed_one_leaves_nothing_half(project: Program) -> None:
    """A large store, so that it is killed while the backup is being made."""
    put(project, **{f"k{number}": "x" * 1000 for number in range(3000)})
    with scheduling(project) as process:
        place = project.folder / "backups"
        while process.poll() is None and not (place / ".lock").exists():
            time.sleep(0.001)
        process.kill()
        process.wait(timeout=WAIT_S)
    told = report(project, "list")
    assert told["damaged"] == {}
    backup(project, "schedule", "--once")
    assert report(project, "verify", "--all")["ok"]
    assert not list(place.glob(".partial-*"))


def test_without_a_schedule_it_says_how_to_make_one(project: Program) -> None:
    project.write("b.toml", CONFIG)
    for options in ([], ["--once"], ["--show"]):
        error = refused(project, "schedule", *options, code="config_error", exit_code=2)
        assert 'state.backup.schedule.full, for example to "0 3 * * 0"' in error["hint"]


def test_a_wrong_schedule_or_command_line_is_an_error(project: Program) -> None:
    project.write("b.toml", CONFIG + '[state.backup.schedule]\nfull = "at noon"\n')
    error = refused(project, "schedule", "--show", code="config_error", exit_code=2)
    assert "schedule.full must have five fields" in error["message"]
    done = run(project, "backup", "schedule", "--once", "--show")
    assert (done.returncode, "give one of them" in done.stderr) == (2, True)
