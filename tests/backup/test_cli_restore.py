"""``backup restore``: at the command line, with the store there or lost."""

from __future__ import annotations

import datetime as dt

import pytest

from cli.conftest import Program, llmspell
from cli.test_checkpoints import answered

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
NOW = {"a": 7, "b": 2, "c": 3}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, str]:
    project = prepare(Program(tmp_path_factory.mktemp("made")), **THEN)
    full = create(project)
    put(project, a=7, c=3)
    return project, full


@pytest.fixture
def project(made: tuple[Program, str], llmspell: Program) -> tuple[Program, str]:
    """A store that has changed since its only backup."""
    return copied(made[0], llmspell), made[1]


def test_a_dry_run_tells_what_would_change_and_changes_nothing(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    done = backup(folder, "restore", full, "--dry-run")
    assert sorted(done.stdout.splitlines()) == [
        "delete   scope 'global' key 'c'",
        "replace  scope 'global' key 'a'",
    ]
    assert done.stderr.startswith(f"would restore 1 entry and delete 1, as in backup {full}\n")
    told = report(folder, "restore", "--dry-run")
    assert (told["status"], told["restored"], told["deleted"]) == ("dry_run", 1, 1)
    assert stored(folder) == NOW
    assert len(report(folder, "list")["backups"]) == 1


def test_a_restore_names_what_undoes_it(project: tuple[Program, str]) -> None:
    folder, full = project
    done = backup(folder, "restore", full, "--yes")
    assert done.stdout == ""
    assert done.stderr.startswith(f"restored 1 entry and deleted 1, as in backup {full}; it took ")
    assert stored(folder) == THEN
    undo = done.stderr.splitlines()[-1].partition("to undo it: llmspell ")[2]
    assert undo.startswith("-c b.toml backup restore ")
    assert folder.here(*undo.split(), "--yes").returncode == 0
    assert stored(folder) == NOW


def test_where_nobody_can_be_asked_yes_is_needed(project: tuple[Program, str]) -> None:
    folder, full = project
    error = refused(folder, "restore", full, code="usage", exit_code=2)
    assert "would restore 1 entry and delete 1" in error["message"]
    assert "--yes" in error["hint"]
    assert stored(folder) == NOW


def test_at_a_terminal_restore_asks_first(project: tuple[Program, str]) -> None:
    folder, full = project
    code, shown = answered(folder, "y\n", "-c", "b.toml", "backup", "restore", full)
    assert code == 0
    assert f"This would restore 1 entry and delete 1, as in backup {full}. Go on? [y/N]" in shown
    assert stored(folder) == THEN


def test_a_lost_store_is_restored(project: tuple[Program, str]) -> None:
    folder, full = project
    lose_store(folder)
    done = backup(folder, "restore", "--yes")
    assert done.stderr.startswith(f"restored 2 entries, as in backup {full}; it took ")
    assert "undo" not in done.stderr
    assert stored(folder) == THEN


def test_a_wrong_id_makes_no_new_store_in_place_of_a_lost_one(project: tuple[Program, str]) -> None:
    folder, full = project
    lose_store(folder)
    refused(folder, "restore", full[:-1], "--yes", code="invalid_argument")
    refused(folder, "restore", "20200101T000000Z-000000", "--yes", code="backup_not_found")
    backup(folder, "restore", full, "--dry-run")
    assert not (folder.folder / "state.db").exists()


def test_what_is_not_chosen_stays_and_undoing_leaves_it_too(project: tuple[Program, str]) -> None:
    folder, full = project
    put(folder, "user:1", x=1)
    done = backup(folder, "restore", full, "--scope", "global", "--key", "a", "--yes")
    assert stored(folder) == {"a": 1, "b": 2, "c": 3}
    assert stored(folder, "user:1") == {"x": 1}
    assert done.stderr.rstrip().endswith("--scope global --key a")


def test_the_policies_say_what_becomes_of_what_is_there(project: tuple[Program, str]) -> None:
    folder, full = project
    for policy in ("keep", "newer"):
        done = backup(folder, "restore", full, "--policy", policy)
        assert done.stderr.startswith("nothing to restore: nothing is missing ")
    backup(folder, "restore", full, "--keep-extra", "--no-pre-backup", "--yes")
    assert stored(folder) == {"a": 1, "b": 2, "c": 3}
    assert len(report(folder, "list")["backups"]) == 1


def test_a_point_in_time_is_reached_through_the_journal(project: tuple[Program, str]) -> None:
    folder, full = project
    moment = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    run(folder, "state", "checkpoint", "good")
    put(folder, a=100)
    for point in (["--at", moment], ["--checkpoint", "good"]):
        backup(folder, "restore", full, *point, "--yes")
        assert stored(folder) == NOW
        put(folder, a=100)


def test_another_store_is_made_only_when_it_is_restored_into(project: tuple[Program, str]) -> None:
    folder, full = project
    copy = folder.folder / "copy.db"
    told = report(folder, "restore", full, "--into", "copy.db", "--dry-run")
    assert (told["restored"], copy.exists()) == (2, False)
    done = backup(folder, "restore", full, "--into", "copy.db", "--yes")
    assert done.stderr.startswith("restored 2 entries")
    assert stored(folder) == NOW
    folder.write("b.toml", '[state]\npath = "copy.db"\n')
    assert stored(folder) == THEN


def test_another_store_that_is_not_empty_is_overwritten_only_when_that_is_said(
    project: tuple[Program, str],
) -> None:
    folder, full = project
    other = folder.folder / "other.db"
    folder.write("other.toml", f'[state]\npath = "{other.name}"\n')
    folder.here("-c", "other.toml", "state", "set", "mine", "k", "1")
    into = ("restore", full, "--into", "other.db")
    error = refused(folder, *into, "--yes", code="usage", exit_code=2)
    assert error["message"].startswith(f"{other} has entries, in 1 scope: ")
    assert "--overwrite" in error["hint"]
    assert report(folder, *into, "--dry-run")["deleted"] == 1
    error = refused(folder, *into, "--overwrite", code="usage", exit_code=2)
    assert f"delete 1 in {other}, as in backup {full}, which cannot be undone" in error["message"]
    done = backup(folder, *into, "--overwrite", "--yes")
    assert done.stderr.startswith(f"restored 2 entries and deleted 1 in {other}, as in backup ")
    assert "to undo it" not in done.stderr


def test_another_store_may_be_a_url(project: tuple[Program, str]) -> None:
    folder, full = project
    backup(folder, "restore", full, "--into", "sqlite:///copy.db", "--yes")
    assert (folder.folder / "copy.db").exists()
    refused(folder, "restore", "--into", "gopher://x", "--yes", code="config_error", exit_code=2)
    refused(folder, "restore", "--into", "./state.db", "--yes", code="usage", exit_code=2)
    assert stored(folder) == NOW


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["20200101T000000Z-000000"], "backup_not_found", "the nearest there are"),
        (["last"], "invalid_argument", "'last' is no id of a backup"),
        (["--at", "yesterday"], "invalid_argument", "--at must be a time such as 2026-01-31T12"),
        (["--at", "2020-01-01"], "point_unreachable", "backup"),
        (["--at", "2199-01-01"], "point_unreachable", ""),
        (["--checkpoint", "never"], "checkpoint_not_found", "never"),
        (["--scope", "no\nscope"], "invalid_scope", ""),
    ],
)
def test_a_mistake_restores_nothing(
    project: tuple[Program, str], options: list[str], code: str, words: str
) -> None:
    folder, _ = project
    error = refused(folder, "restore", *options, "--yes", code=code)
    assert words in error["message"] + error.get("hint", "")
    assert stored(folder) == NOW


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--at", "2026-01-01", "--checkpoint", "x"], "give one of them"),
        (["--key", "a"], "--scope"),
        (["--scope", ""], "is empty"),
        (["--policy", "merge"], "'replace', 'keep', 'newer'"),
        (["--overwrite"], "--into"),
        (["--into", ""], "is empty"),
    ],
)
def test_a_wrong_command_line_is_answered_before_anything_is_opened(
    llmspell: Program, options: list[str], words: str
) -> None:
    done = llmspell.here("backup", "restore", *options)
    assert done.returncode == 2
    assert words in done.stderr


def test_nothing_is_restored_of_a_chain_that_is_damaged(project: tuple[Program, str]) -> None:
    folder, full = project
    damage(folder, full)
    error = refused(folder, "restore", full, "--yes", code="backup_damaged")
    assert "chunk-000001" in str(error["details"]["problems"])
    assert stored(folder) == NOW


def test_what_is_so_already_is_not_asked_about(llmspell: Program) -> None:
    prepare(llmspell, **THEN)
    create(llmspell)
    done = backup(llmspell, "restore")
    assert done.stderr.startswith("nothing to restore: all is as in backup ")
