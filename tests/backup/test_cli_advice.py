"""What the backup commands say of their own accord: that something may not be what was meant."""

from __future__ import annotations

import shlex

import pytest

from cli.conftest import Program, llmspell

from .command_line import (
    backup,
    copied,
    create,
    damage,
    lose_store,
    prepare,
    put,
    refused,
    report,
    run,
    stored,
)

__all__ = ["llmspell"]

THEN = {"a": 1, "b": 2}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, str]:
    project = prepare(Program(tmp_path_factory.mktemp("made")), **THEN)
    return project, create(project)


@pytest.fixture
def project(made: tuple[Program, str], llmspell: Program) -> tuple[Program, str]:
    """A store with one backup."""
    return copied(made[0], llmspell), made[1]


def pasted(folder: Program, text: str, *more: str) -> int:
    """Run the command that a text ends with, and return its exit code."""
    command = text.rstrip().rpartition("llmspell ")[2]
    return folder.here(*shlex.split(command), *more).returncode


# A store that was lost ---------------------------------------------------------------------------


def test_a_backup_of_nothing_where_there_was_something_is_warned_of(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    lose_store(folder)
    assert run(folder, "state", "compact").returncode == 0
    done = backup(folder, "create")
    warning = done.stderr.splitlines()[-1]
    assert warning.startswith(f"warning: the store {folder.folder / 'state.db'} is empty, and")
    assert f"backup {full} of 20" in warning
    assert "has 2 entries. If it was lost: llmspell -c b.toml backup restore" in warning
    assert pasted(folder, warning, "--yes") == 0
    assert stored(folder) == THEN
    assert "warnings" not in report(folder, "create")


def test_a_store_that_is_not_there_is_not_backed_up_and_not_made(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    lose_store(folder)
    done = run(folder, "backup", "create")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"there is no store at {folder.folder / 'state.db'}" in done.stderr
    assert "if it was lost, `llmspell -c b.toml backup restore` brings it back" in done.stderr
    assert not (folder.folder / "state.db").exists()
    assert [each["id"] for each in report(folder, "list")["backups"]] == [full]


def test_a_restore_where_there_is_no_backup_makes_no_store(llmspell: Program) -> None:
    prepare(llmspell)
    refused(llmspell, "restore", "--yes", code="backup_not_found")
    assert not list(llmspell.folder.glob("state.db*"))


def test_the_first_backup_of_a_new_store_is_not_warned_of(llmspell: Program) -> None:
    prepare(llmspell)
    assert run(llmspell, "state", "compact").returncode == 0
    for _ in range(2):
        assert "warning" not in backup(llmspell, "create").stderr


def test_a_backup_of_a_scope_without_entries_is_warned_of(project: tuple[Program, str]) -> None:
    folder, _ = project
    done = backup(folder, "create", "--scope", "globl")
    assert "warning: nothing is stored in scope 'globl'; the nearest there are: global\n" in (
        done.stderr
    )
    (warning,) = report(folder, "create", "--scope", "zzz")["warnings"]
    assert warning == "nothing is stored in scope 'zzz'"


# The latest --------------------------------------------------------------------------------------


def test_verify_reads_what_restore_takes_which_tells_what_is_newer(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    put(folder, c=3)
    before = report(folder, "restore", "--yes")["pre_restore_backup_id"]
    lose_store(folder)
    assert f"backup {full}, " in backup(folder, "verify").stderr
    done = backup(folder, "restore", "--dry-run")
    note, restored = done.stderr.splitlines()
    assert note.startswith(f"note: backup {before} of 20")
    assert "UTC is newer (3 entries, made before a restore); to restore that: " in note
    assert restored.endswith(f"as in backup {full}")
    assert before in report(folder, "restore", "--dry-run")["note"]
    assert "is newer" not in backup(folder, "restore", full, "--dry-run").stderr
    assert pasted(folder, note, "--yes") == 0
    assert stored(folder) == {**THEN, "c": 3}


def test_latest_is_the_id_of_what_a_restore_takes(project: tuple[Program, str]) -> None:
    folder, full = project
    assert report(folder, "show", "latest")["id"] == full
    assert report(folder, "verify", "latest")["id"] == full
    assert report(folder, "restore", "latest", "--dry-run")["backup_id"] == full
    assert report(folder, "export", "latest", "x.tar")["backups"] == [full]
    refused(folder, "delete", "latest", "--yes", code="invalid_argument")


def test_an_id_that_is_cut_short_or_misspelt_names_the_nearest(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    for given in (full[:-1], full[:9], full[:3] + full[4:]):
        for command in (["show"], ["verify"], ["restore", "--yes"], ["delete", "--yes"]):
            error = refused(folder, command[0], given, *command[1:], code="invalid_argument")
            assert error["message"].startswith(f"'{given}' is no id of a backup")
            assert error["hint"].startswith(f"did you mean {full}?")


# What is damaged ---------------------------------------------------------------------------------


def test_a_damaged_backup_is_marked_and_the_whole_one_before_it_named(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    put(folder, c=3)
    step = create(folder, "--type", "incremental")
    put(folder, d=4)
    last = create(folder, "--type", "incremental", "--label", "last")
    damage(folder, step)
    error = refused(folder, "restore", "--yes", code="backup_damaged")
    assert f"llmspell -c b.toml backup restore {full}" in error["hint"]
    assert run(folder, "backup", "verify").returncode == 1
    titles, *lines = backup(folder, "list").stdout.splitlines()
    assert titles.endswith("label")
    assert ["DAMAGED" in line for line in lines] == [True, False, False]
    assert lines[0].endswith("DAMAGED last")
    assert report(folder, "list")["failed_verification"] == [last]
    assert report(folder, "show", last)["restorable"] is False
    assert "warning: it was damaged when" in backup(folder, "show", last).stderr
    damage(folder, step)  # the same bit again
    backup(folder, "verify")
    assert "DAMAGED" not in backup(folder, "list").stdout


# Names and times ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scope", "globl"], "did you mean 'global'?"),
        (["--scope", "globl", "--key", "a"], "did you mean 'global'?"),
        (["--scope", "global", "--key", "aa"], "did you mean 'a'?"),
        (["--scope", "glob*"], "no pattern"),
        (["--scope", "zzz"], "llmspell -c b.toml state scopes"),
    ],
)
def test_what_is_nowhere_names_the_nearest(
    project: tuple[Program, str], options: list[str], words: str
) -> None:
    error = refused(project[0], "restore", *options, "--yes", code="restore_failed")
    assert words in error["hint"]


def test_the_time_that_the_history_shows_has_that_change_in_it(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    put(folder, a=7)
    table = run(folder, "state", "history", "global", "a").stdout.splitlines()
    moment = "T".join(table[1].split()[2:4])
    put(folder, a=8)
    done = backup(folder, "restore", full, "--at", moment, "--yes")
    assert f" as of {moment.replace('T', ' ')} UTC" in done.stderr
    assert stored(folder)["a"] == 7


def test_a_time_before_the_first_backup_names_the_nearest(project: tuple[Program, str]) -> None:
    folder, _ = project
    error = refused(folder, "restore", "--at", "2020-01-01", "--yes", code="point_unreachable")
    nearest = error["hint"].splitlines()[0].rpartition("--at ")[2]
    assert backup(folder, "restore", "--at", nearest).stderr.startswith("nothing to restore: all")


# Commands to paste -------------------------------------------------------------------------------


def test_a_command_to_paste_has_profile_and_actor_too(project: tuple[Program, str]) -> None:
    folder, full = project
    put(folder, c=3)
    done = backup(folder, "restore", full, "-p", "development", "--actor", "ada b", "--yes")
    undo = done.stderr.splitlines()[-1]
    given = "llmspell -c b.toml -p development backup --actor 'ada b' restore 2"
    assert undo.startswith(f"to undo it: {given}")
    assert pasted(folder, undo, "--yes") == 0
    assert stored(folder) == {**THEN, "c": 3}


def test_a_backup_of_a_newer_llmspell_says_so_where_none_is_named(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    file = folder.folder / "backups" / full / "manifest.json"
    text = file.read_text()
    file.write_text(text.replace('"format_version": 1', '"format_version": 2'))
    assert file.read_text() != text
    for command in (["restore", "--yes"], ["restore", full, "--yes"], ["show", "latest"]):
        refused(folder, *command, code="unsupported_backup")
    assert "is of a newer llmspell" in run(folder, "backup", "verify").stdout


def test_a_name_that_is_nowhere_says_nothing_against_the_backups(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    refused(folder, "restore", full, "--scope", "globl", "--yes", code="restore_failed")
    assert backup(folder, "health").stdout.splitlines()[0] == "ok"
