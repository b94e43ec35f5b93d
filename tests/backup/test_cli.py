"""``backup create``, ``list``, ``show``, ``verify``, ``health`` and ``usage``."""

from __future__ import annotations

import pytest

from cli.conftest import Program, llmspell
from llmspell.backup.repository.folder import FolderRepository

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
)

__all__ = ["llmspell"]

NOBODY = "20200101T000000Z-000000"


@pytest.fixture
def project(llmspell: Program) -> Program:
    """A store with three entries, of which there is no backup yet."""
    return prepare(llmspell, a=1, b=2, c=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, str, str]:
    project = prepare(Program(tmp_path_factory.mktemp("made")), a=1, b=2, c=3)
    full = create(project)
    put(project, d=4)
    return project, full, create(project, "--type", "incremental")


@pytest.fixture
def chain(made: tuple[Program, str, str], llmspell: Program) -> tuple[Program, str, str]:
    """A full backup and an incremental one that is made from it."""
    return copied(made[0], llmspell), *made[1:]


def files(project: Program) -> list[str]:
    return sorted(path.name for path in (project.folder / "backups").glob("2*"))


# Creating --------------------------------------------------------------------------------------


def test_create_prints_the_id_and_what_was_made(project: Program) -> None:
    done = backup(project, "create", "--label", "first")
    (made,) = report(project, "list")["backups"]
    assert done.stdout == f"{made['id']}\n"
    store, place = project.folder / "state.db", project.folder / "backups"
    assert done.stderr.startswith(f"made a full backup of {store} in {place}: 3 entries, ")
    assert done.stderr.endswith(" s, verified\n")
    assert (made["type"], made["entries"], made["label"]) == ("full", 3, "first")


def test_an_incremental_backup_tells_what_it_is_made_from(chain: tuple[Program, str, str]) -> None:
    project, _, last = chain
    put(project, e=5, f=6)
    done = backup(project, "create", "--type", "incremental")
    made, base = done.stderr.splitlines()
    assert made.startswith("made an incremental backup of ")
    assert ": 2 changes, " in made
    assert base == f"it is made from {last}"


def test_a_base_or_a_scope_is_enough_to_tell_the_type(chain: tuple[Program, str, str]) -> None:
    project, full, _ = chain
    made = report(project, "create", "--base", full)
    assert (made["type"], made["base"]) == ("incremental", full)
    made = report(project, "create", "--scope", "global")
    assert (made["type"], made["scope"], made["entries"]) == ("scope", "global", 4)
    assert report(project, "create", "--type", "differential")["base"] == full


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--type", "half"], "invalid_argument", "full, incremental, differential, scope"),
        (["--type", "incremental"], "backup_base_missing", "llmspell -c b.toml backup create"),
        (["--type", "differential"], "backup_base_missing", "llmspell -c b.toml backup create"),
        (["--base", NOBODY], "backup_not_found", "there are no backups"),
        (["--base", "yesterday"], "invalid_argument", "llmspell -c b.toml backup list"),
        (["--type", "full", "--base", NOBODY], "invalid_argument", "has no base"),
        (["--type", "scope"], "invalid_argument", "needs a scope"),
        (["--type", "full", "--scope", "global"], "invalid_argument", "leave scope out"),
        (["--label", "two\nlines"], "invalid_argument", "printable"),
        (["--label", ""], "invalid_argument", "1 to 200"),
        (["--scope", ""], "invalid_scope", "scope"),
    ],
)
def test_a_mistake_makes_no_backup_and_says_what_would(
    project: Program, options: list[str], code: str, words: str
) -> None:
    error = refused(project, "create", *options, code=code)
    assert words in error["message"] + error.get("hint", "")
    assert files(project) == []


def test_where_backups_are_off_it_says_how_to_switch_them_on(
    project: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = project.here("backup", "list")
    assert done.returncode == 2
    assert done.stderr.startswith("error[feature_unavailable]: backups are switched off")
    assert "state.backup.enabled = true" in done.stderr
    assert "LLMSPELL_STATE__BACKUP__ENABLED=true llmspell backup" in done.stderr
    monkeypatch.setenv("LLMSPELL_STATE__BACKUP__ENABLED", "true")
    assert project.here("backup", "list").returncode == 0


def test_two_at_a_time_cannot_be(project: Program) -> None:
    with FolderRepository(project.folder / "backups").lock("test the lock"):
        error = refused(project, "create", code="backup_running")
    assert "test the lock" in error["message"]


def test_a_place_that_is_a_file_is_an_error_that_names_it(project: Program) -> None:
    project.write("backups", "not a folder")
    error = refused(project, "create", code="backup_error")
    assert str(project.folder / "backups") in error["message"]


# Looking ---------------------------------------------------------------------------------------


def test_the_list_is_latest_first_and_can_be_cut(chain: tuple[Program, str, str]) -> None:
    project, full, last = chain
    titles, *lines = backup(project, "list").stdout.splitlines()
    assert titles.split()[:2] == ["id", "type"]
    assert [line.split()[:2] for line in lines] == [[last, "incremental"], [full, "full"]]
    assert [each["id"] for each in report(project, "list", "--limit", "1")["backups"]] == [last]
    assert [each["id"] for each in report(project, "list", "--type", "full")["backups"]] == [full]
    refused(project, "list", "--type", "half", code="invalid_argument")


def test_without_backups_the_list_says_how_to_make_one(project: Program) -> None:
    done = backup(project, "list")
    assert done.stdout == ""
    assert "llmspell -c b.toml backup create" in done.stderr


def test_show_tells_chain_chunks_scopes_and_moment(chain: tuple[Program, str, str]) -> None:
    project, full, last = chain
    shown = backup(project, "show", last).stdout
    for words in (full, "chunk-000001.msgpack.zst", "global  1", "position", "when it was made"):
        assert words in shown
    told = report(project, "show", last)
    assert told["chain"] == [full, last]
    assert (told["restorable"], told["journal"]["seq"]) == (True, 4)
    assert [chunk["records"] for chunk in told["chunks"]] == [1]
    assert told["scopes"] == [{"scope": "global", "records": 1}]


def test_show_names_the_nearest_of_an_id_that_is_not_there(project: Program) -> None:
    full = create(project)
    error = refused(project, "show", NOBODY, code="backup_not_found")
    assert full in error["hint"]
    refused(project, "show", "../../etc", code="invalid_argument")


def test_a_backup_whose_base_is_gone_shows_that(chain: tuple[Program, str, str]) -> None:
    project, full, last = chain
    (project.folder / "backups" / full).rename(project.folder / "elsewhere")
    assert f"warning: backup {last} holds the changes since" in backup(project, "show", last).stderr
    assert report(project, "show", last)["restorable"] is False


def test_looking_needs_no_store_and_makes_none(chain: tuple[Program, str, str]) -> None:
    project, _, last = chain
    lose_store(project)
    for command in (
        ["list"],
        ["show", last],
        ["verify"],
        ["verify", "--all"],
        ["usage"],
        ["health"],
        ["export", last, "last.tar"],
        ["import", "last.tar"],
    ):
        backup(project, *command)
    assert not (project.folder / "state.db").exists()


# Verifying -------------------------------------------------------------------------------------


def test_verify_reads_the_latest_and_all_it_is_made_from(chain: tuple[Program, str, str]) -> None:
    project, full, last = chain
    done = backup(project, "verify")
    well = f"all well: backup {last} and 1 that it is made from, 2 chunks, "
    assert done.stderr.startswith(well)
    assert backup(project, "verify", "--all").stderr.startswith("all well: 2 backups, 2 chunks, ")
    told = report(project, "verify")
    assert (told["id"], told["backups"], told["records"]) == (last, [full, last], 4)
    assert report(project, "verify", last, "--no-chain")["backups"] == [last]
    assert len(report(project, "verify", "--all")["backups"]) == 2


def test_verify_names_every_damaged_chunk(chain: tuple[Program, str, str]) -> None:
    project, full, last = chain
    damage(project, full)
    damage(project, last)
    done = run(project, "backup", "verify")
    assert done.returncode == 1
    shown = done.stdout.splitlines()
    assert ["chunk-000001" in line for line in shown] == [True] * 2
    assert full in shown[0]
    assert "if the store is well, make a full one now: llmspell -c b.toml" in done.stderr
    told = report(project, "verify", "--all")
    assert {each["id"]: each["valid"] for each in told["backups"]} == {full: False, last: False}


def test_verify_finds_what_is_missing(chain: tuple[Program, str, str]) -> None:
    project, full, last = chain
    (project.folder / "backups" / full).rename(project.folder / "elsewhere")
    (problem,) = report(project, "verify", last)["problems"]
    assert full in problem
    assert report(project, "verify", last, "--no-chain")["valid"]
    assert not report(project, "verify", "--all")["ok"]


def test_verify_finds_a_damaged_manifest_which_the_list_warns_of(project: Program) -> None:
    full = create(project)
    damage(project, full, "manifest.json")
    done = backup(project, "list")
    assert f"warning: the manifest of backup {full} is damaged" in done.stderr
    assert list(report(project, "list")["damaged"]) == [full]
    for options in ([], ["--all"]):
        done = run(project, "backup", "verify", *options)
        assert done.returncode == 1
        assert done.stdout.startswith(f"{full}: ")


def test_verify_answers_mistakes(project: Program) -> None:
    refused(project, "verify", code="backup_not_found")
    refused(project, "verify", "x", code="invalid_argument")
    done = run(project, "backup", "verify", NOBODY, "--all")
    assert done.returncode == 2
    assert "leave ID and --no-chain out" in done.stderr


# Health and room -------------------------------------------------------------------------------


def test_health_ends_with_1_when_data_may_be_lost(project: Program) -> None:
    done = run(project, "backup", "health")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "failing")
    assert "there is no backup" in done.stdout
    full = create(project)
    assert backup(project, "health").stdout == "ok\n"
    assert report(project, "health")["newest_id"] == full
    damage(project, full, "manifest.json")
    assert report(project, "health")["status"] == "failing"


def test_usage_tells_the_room_by_type(chain: tuple[Program, str, str]) -> None:
    project, _, _ = chain
    _, *lines = backup(project, "usage").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["full", "1"],
        ["incremental", "1"],
        ["all", "2"],
    ]
    told = report(project, "usage")
    assert told["backups"] == 2
    assert told["total_bytes"] == sum(each["total_bytes"] for each in told["by_type"].values())
