"""``migrate new`` and ``validate``: writing migration files, and finding what is wrong in them."""

from __future__ import annotations

import json

import pytest

from .conftest import Program
from .versioned import BAD, NEW, OLD, STEP, USER_1, USER_2, prepare, report, run, store, stored


@pytest.fixture
def project(llmspell: Program) -> Program:
    return prepare(llmspell)


def value_of(project: Program, value: object, *options: str) -> tuple[int, str, str]:
    project.write("value.json", json.dumps(value))
    done = run(project, "migrate", "validate", "--value", "value.json", *options)
    return done.returncode, done.stdout, done.stderr


# Validating ------------------------------------------------------------------------------------


def test_sound_files_are_all_well_and_the_store_is_not_opened(project: Program) -> None:
    done = project.here("migrate", "validate")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "all well: 2 schemas and 1 migration\n"
    assert report(project, "migrate", "validate")["warnings"] == []
    assert not list(project.folder.rglob("*.db"))


def test_every_wrong_file_is_listed(project: Program) -> None:
    project.write("schemas/user_2.toml", USER_2.replace('"enum"', '"enm"'))
    project.write("migrations/user_1_2.toml", STEP.replace('"move"', '"mve"'))
    done = run(project, "migrate", "validate")
    assert done.returncode == 1
    assert "schemas/user_2.toml:" in done.stderr
    assert "migrations/user_1_2.toml:" in done.stderr
    problems = report(project, "migrate", "validate")["error"]["details"]["problems"]
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("boolean_to_enum", "bolean_to_enum", "boolean_to_enum"),
        ('"boolean_to_enum"', '"levels.lua"', "levels.lua"),
        ('validator = "email"', 'validator = "emial"', "email"),
        ('from_field = "email"', 'from_field = "emial"', "emial"),
    ],
)
def test_what_a_step_names_has_to_be_there(project: Program, old: str, new: str, part: str) -> None:
    assert old in STEP
    project.write("migrations/user_1_2.toml", STEP.replace(old, new))
    done = run(project, "migrate", "validate")
    assert (done.returncode, done.stdout) == (1, "")
    assert "migrations/user_1_2.toml" in done.stderr or "migrations/levels.lua" in done.stderr
    assert part in done.stderr


def test_scripts_are_loaded(project: Program) -> None:
    project.write("migrations/user_1_2.toml", STEP.replace("boolean_to_enum", "levels.lua"))
    project.write("migrations/levels.lua", "return function(value) return 'all' end")
    assert run(project, "migrate", "validate").returncode == 0
    project.write("migrations/levels.lua", "return function(value) return 'all end")
    done = run(project, "migrate", "validate")
    assert done.returncode == 1
    assert "levels.lua" in done.stderr


def test_what_leads_back_is_checked_too(project: Program) -> None:
    back = '[[rollback_transformations]]\ntype = "custom"\nfrom_fields = ["level"]\n'
    back += 'to_fields = ["level"]\ntransformer = "nobody"\n'
    project.write("migrations/user_1_2.toml", STEP + back)
    done = run(project, "migrate", "validate")
    assert done.returncode == 1
    assert "nobody" in done.stderr


def test_a_version_without_a_way_to_the_latest_is_a_mistake(project: Program) -> None:
    (project.folder / "migrations/user_1_2.toml").unlink()
    done = run(project, "migrate", "validate")
    assert done.returncode == 1
    assert "nothing leads from version 1 to version 2" in done.stderr


def test_a_step_of_no_schema_is_a_warning(project: Program) -> None:
    text = STEP.replace('"user_profile"', '"user_profil"')
    project.write("migrations/other.toml", text)
    done = run(project, "migrate", "validate")
    assert done.returncode == 0
    assert "warning: there is no schema 'user_profil'" in done.stderr
    assert report(project, "migrate", "validate")["warnings"]


def test_data_is_tried_without_changing_it(project: Program) -> None:
    store(project, OLD, OLD)
    done = run(project, "migrate", "validate", "--data")
    assert done.returncode == 0
    assert done.stderr.endswith("2 of 2 entries would be migrated, none would fail\n")
    assert report(project, "migrate", "validate", "--data")["data"]["items_migrated"] == 2
    store(project, OLD, BAD)
    done = run(project, "migrate", "validate", "--data")
    assert done.returncode == 1
    assert done.stdout.startswith("failed: key 'profile' in scope 'user:1'")
    assert stored(project) == [(OLD, 1), (BAD, 1)]


def test_one_value_shows_what_it_becomes(project: Program) -> None:
    code, printed, _ = value_of(project, OLD)
    assert (code, json.loads(printed)) == (0, NEW)
    options = ("--schema", "user_profile", "--from", "1.0.0", "--to", "2")
    told = report(project, "migrate", "validate", "--value", "value.json", *options)
    assert (told["value"], told["steps"]) == (NEW, ["restructure"])


def test_a_value_that_does_not_fit_its_version_is_a_warning(project: Program) -> None:
    code, _, shown = value_of(project, OLD | {"name": "x" * 41})
    assert code == 0
    assert "warning: the value does not fit version 1: $.name" in shown


def test_a_value_that_cannot_be_migrated_is_an_error(project: Program) -> None:
    assert value_of(project, BAD)[0] == 1
    assert "error[migration_failed]" in value_of(project, BAD)[2]
    code, printed, shown = value_of(project, OLD | {"size": 1})
    assert (code, printed) == (1, "")
    assert "error[validation_failed]: what the steps make of it does not fit" in shown


# Drafting --------------------------------------------------------------------------------------


def test_a_draft_can_be_read_back(project: Program) -> None:
    (project.folder / "migrations/user_1_2.toml").unlink()
    done = run(project, "migrate", "new")
    assert done.stdout == "migrations/user_profile_v1_to_v2.toml\n"
    text = (project.folder / "migrations/user_profile_v1_to_v2.toml").read_text()
    assert 'from_field = "email"' in text
    assert report(project, "migrate", "validate")["migrations"] == 1


def test_a_draft_makes_its_folder(project: Program) -> None:
    project.write("m.toml", '[state.migration]\nmigrations_dir = "a/b"\n')
    told = report(project, "migrate", "new", "split", "--schema", "user_profile")
    assert (told["file"], told["name"]) == ("a/b/split.toml", "split")
    assert 'name = "split"' in (project.folder / "a/b/split.toml").read_text()


def test_a_file_is_overwritten_only_by_force(project: Program) -> None:
    project.write("migrations/mine.toml", "precious")
    command = ("migrate", "new", "mine", "--from", "2", "--to", "1")
    done = run(project, *command)
    assert done.returncode == 2
    assert "mine.toml exists already" in done.stderr
    assert (project.folder / "migrations/mine.toml").read_text() == "precious"
    assert run(project, *command, "--force").returncode == 0
    assert report(project, "migrate", "validate")["migrations"] == 2


def test_without_schemas_of_the_versions_the_draft_holds_examples(llmspell: Program) -> None:
    done = llmspell.here("migrate", "new", "--schema", "notes", "--from", "1", "--to", "2")
    assert done.returncode == 0
    assert "there is no schema notes@1" in done.stderr
    assert "examples" in done.stderr


MISTAKES = (
    (["new", "../evil", "--schema", "user_profile"], 2, "usage", "'../evil'"),
    (["new", "--schema", "user_profil"], 1, "schema_error", "did you mean 'user_profile'"),
    (["new", "--schema", "user_profile"], 1, "schema_error", "user_1_2.toml"),
    (["new", "--from", "2"], 2, "usage", "both version 2"),
    (["new", "--to", "1"], 2, "usage", "no version before 1"),
    (["new", "--to", "0"], 2, "usage", "--to"),
    (["new", "--from", "one"], 2, "usage", "--from"),
    (["new", "--schema", "a@1", "--from", "1", "--to", "2"], 1, "schema_error", "@"),
    (["new", "a", "b"], 2, "usage", "extra argument"),
    (["validate", "--from", "1"], 2, "usage", "--value"),
    (["validate", "--value", "x.json", "--data"], 2, "usage", "--data"),
    (["validate", "--value", "x.json"], 2, "usage", "x.json"),
    (["validate", "--value", "m.toml"], 1, "invalid_value", "not valid JSON"),
    (["validate", "--value", "v.json", "--schema", "x"], 1, "unsupported_version", "'x'"),
    (["validate", "--value", "v.json", "--to", "7"], 1, "unsupported_version", "7"),
    (["validate", "--value", "v.json", "--to", "1"], 2, "usage", "no version before 1"),
    (["validate", "migrations"], 2, "usage", "extra argument"),
)


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "part"), MISTAKES, ids=lambda part: str(part)[:40]
)
def test_a_mistake_is_told_and_writes_nothing(
    project: Program, arguments: list[str], code: int, kind: str, part: str
) -> None:
    project.write("v.json", json.dumps(OLD))
    before = sorted(project.folder.rglob("*"))
    done = run(project, "migrate", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert f"error[{kind}]: " in done.stderr
    assert part in done.stderr
    assert sorted(project.folder.rglob("*")) == before


def test_two_schemas_and_none_named_is_a_mistake(project: Program) -> None:
    project.write(
        "schemas/other.toml", USER_1.replace("user_profile", "other").replace("user:*", "other:*")
    )
    done = run(project, "migrate", "new")
    assert done.returncode == 2
    assert "there are other, user_profile" in done.stderr


def test_a_validation_of_nothing_is_an_error(llmspell: Program) -> None:
    """It would pass in the wrong folder."""
    done = llmspell.here("migrate", "validate")
    assert done.returncode == 1
    assert "there are no schemas and no migrations" in done.stderr
