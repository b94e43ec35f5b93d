"""Backups at the command line where the store is encrypted, or not everybody may do everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Program, llmspell
from llmspell.backup.repository.folder import FolderRepository

from .command_line import (
    backup,
    create,
    lose_store,
    prepare,
    refused,
    report,
    run,
    stored,
)

__all__ = ["llmspell"]

ENCRYPTED = """
[state.security]
encryption_enabled = true
key_file = "master.key"
"""
GUARDED = """
[state.security]
access_control_enabled = true
[state.access.actors.ada]
grants = [{ scope = "*", permission = "admin" }]
"""


def new_key(project: Program) -> None:
    (project.folder / "master.key").unlink(missing_ok=True)
    assert project.here("keys", "generate", "--file", "master.key").returncode == 0


@pytest.fixture
def sealed(llmspell: Program) -> Program:
    """An encrypted store with one backup."""
    new_key(llmspell)
    prepare(llmspell, ENCRYPTED, a="xyzzy" * 10)
    create(llmspell)
    return llmspell


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_lost_encrypted_store_is_restored_with_the_master_key(sealed: Program) -> None:
    lose_store(sealed)
    backup(sealed, "verify")
    backup(sealed, "restore", "--yes")
    assert stored(sealed) == {"a": "xyzzy" * 10}
    assert b"xyzzy" not in contents(sealed.folder / "backups")


def test_an_exported_backup_stays_encrypted(sealed: Program) -> None:
    (made,) = report(sealed, "list")["backups"]
    assert made["encrypted"] is True
    done = backup(sealed, "export", made["id"], "x.tar")
    assert "not encrypted" not in done.stderr
    assert b"xyzzy" not in (sealed.folder / "x.tar").read_bytes()


def test_with_another_master_key_it_says_which_one_is_needed(sealed: Program) -> None:
    lose_store(sealed)
    new_key(sealed)
    for command in (["verify"], ["restore", "--yes"]):
        error = refused(sealed, *command, code="wrong_key")
        assert "the master key of the time it was made" in error["message"]
    done = run(sealed, "backup", "verify", "--all")
    assert (done.returncode, ": not verified: " in done.stdout) == (1, True)


def test_a_lost_store_is_not_made_anew_with_a_key_that_does_not_open_the_backup(
    sealed: Program,
) -> None:
    lose_store(sealed)
    key = (sealed.folder / "master.key").read_bytes()
    new_key(sealed)
    for options in (["--dry-run"], ["--yes"], []):
        refused(sealed, "restore", *options, code="wrong_key")
    (sealed.folder / "master.key").write_bytes(key)
    assert report(sealed, "restore", "--dry-run")["restored"] == 1
    assert not (sealed.folder / "state.db").exists()
    backup(sealed, "restore", "--yes")
    assert stored(sealed) == {"a": "xyzzy" * 10}


def test_without_a_master_key_it_says_so(sealed: Program) -> None:
    lose_store(sealed)
    (sealed.folder / "master.key").unlink()
    (sealed.folder / "b.toml").write_text(
        (sealed.folder / "b.toml").read_text().replace('key_file = "master.key"', "")
    )
    refused(sealed, "verify", code="key_missing")
    assert len(report(sealed, "list")["backups"]) == 1


@pytest.mark.parametrize(
    "command",
    [
        ["create"],
        ["restore", "--yes"],
        ["prune", "--yes"],
        ["delete", "ID", "--yes"],
        ["schedule", "--once"],
    ],
    ids=lambda command: command[0],
)
def test_who_does_not_administer_the_store_changes_nothing(
    llmspell: Program, command: list[str]
) -> None:
    schedule = '[state.backup.schedule]\nfull = "@yearly"\n'
    prepare(llmspell, schedule + GUARDED)
    assert run(llmspell, "state", "set", "global", "k", "1", "--actor", "ada").returncode == 0
    made = create(llmspell, "--actor", "ada")
    given = [made if each == "ID" else each for each in command]
    refused(llmspell, *given, "--actor", "bob", code="access_denied")
    assert FolderRepository(llmspell.folder / "backups").ids() == [made]
