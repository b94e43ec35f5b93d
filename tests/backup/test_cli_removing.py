"""``backup prune`` and ``backup delete``."""

from __future__ import annotations

import pytest

from cli.conftest import Program, llmspell
from cli.test_checkpoints import answered

from .command_line import backup, copied, create, damage, prepare, put, refused, report, run

__all__ = ["llmspell"]

KEEP_TWO = """
min_backups = 0
max_backups = 2
retention.kind = "count"
"""
NOBODY = "20200101T000000Z-000000"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, list[str]]:
    project = prepare(Program(tmp_path_factory.mktemp("made")), KEEP_TWO, a=1)
    ids = [create(project), create(project, "--label", "keep: for the auditors"), create(project)]
    put(project, b=2)
    return project, [*ids, create(project, "--type", "incremental")]


@pytest.fixture
def project(made: tuple[Program, list[str]], llmspell: Program) -> tuple[Program, list[str]]:
    """A full backup, one that is pinned, one more, and an incremental one made from that."""
    return copied(made[0], llmspell), made[1]


def there(folder: Program) -> set[str]:
    return {each["id"] for each in report(folder, "list")["backups"]}


def test_a_dry_run_tells_what_stays_and_why(project: tuple[Program, list[str]]) -> None:
    folder, (first, pinned, base, last) = project
    done = backup(folder, "prune", "--dry-run")
    lines = [line.split()[:2] for line in done.stdout.splitlines()[1:]]
    assert lines == [["remove", first], ["keep", last], ["keep", base], ["keep", pinned]]
    assert done.stderr.startswith("would remove 1 backup of ")
    told = report(folder, "prune", "--dry-run")
    assert [each["id"] for each in told["deleted"]] == [first]
    assert len(there(folder)) == 4


def test_prune_removes_what_the_retention_lets_go(project: tuple[Program, list[str]]) -> None:
    folder, ids = project
    error = refused(folder, "prune", code="usage", exit_code=2)
    assert "would remove 1 backup of " in error["message"]
    done = backup(folder, "prune", "--yes")
    assert done.stderr.startswith("removed 1 backup of ")
    assert there(folder) == set(ids[1:])
    done = backup(folder, "prune")
    assert (done.stdout, done.stderr) == ("", "nothing to remove: 3 stay\n")


def test_delete_asks_first(project: tuple[Program, list[str]]) -> None:
    folder, ids = project
    code, shown = answered(folder, "n\n", "-c", "b.toml", "backup", "delete", ids[0])
    assert code == 1
    assert f"This would delete backup {ids[0]} for good. Go on?" in shown
    assert "nothing was done" in shown
    refused(folder, "delete", ids[0], code="usage", exit_code=2)
    assert there(folder) == set(ids)


def test_delete_removes_in_an_order_that_breaks_no_chain(
    project: tuple[Program, list[str]],
) -> None:
    folder, (first, pinned, base, last) = project
    told = report(folder, "delete", base, first, last, base, "--yes")
    assert set(told["deleted"]) == {first, base, last}
    assert told["deleted"].index(last) < told["deleted"].index(base)
    assert there(folder) == {pinned}


def test_what_others_are_made_from_stays(project: tuple[Program, list[str]]) -> None:
    folder, ids = project
    error = refused(folder, "delete", ids[0], ids[2], "--yes", code="backup_in_use")
    assert error["details"]["needed_by"] == [ids[3]]
    assert there(folder) == set(ids)


def test_of_several_ids_all_are_there_or_none_is_deleted(
    project: tuple[Program, list[str]],
) -> None:
    folder, ids = project
    refused(folder, "delete", ids[0], NOBODY, "--yes", code="backup_not_found")
    refused(folder, "delete", ids[0], "..", "--yes", code="invalid_argument")
    assert run(folder, "backup", "delete", "--yes").returncode == 2
    assert there(folder) == set(ids)


def test_a_damaged_backup_can_be_deleted(project: tuple[Program, list[str]]) -> None:
    folder, ids = project
    damage(folder, ids[0], "manifest.json")
    backup(folder, "delete", ids[0], "--yes")
    assert not (folder.folder / "backups" / ids[0]).exists()
