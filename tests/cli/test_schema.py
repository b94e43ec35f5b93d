"""``schema list``, ``show``, ``check``, ``diff`` and ``export``."""

from __future__ import annotations

import json

import pytest

from .conftest import Program
from .versioned import BAD, NEW, OLD, STEP, USER_1, USER_2, prepare, report, run, store


@pytest.fixture
def project(llmspell: Program) -> Program:
    return prepare(llmspell)


def test_the_list_has_a_line_for_each_version(project: Program) -> None:
    titles, *lines = run(project, "schema", "list").stdout.splitlines()
    assert titles.split()[:4] == ["schema", "version", "semantic", "compatibility"]
    assert [line.split()[:5] for line in lines] == [
        ["user_profile", "1", "1.0.0", "-", "3"],
        ["user_profile", "2", "2.1.0", "breaking", "3"],
    ]
    first, _ = report(project, "schema", "list")["schemas"]
    assert first["applies_to"] == [{"scope": "user:*", "key": "profile"}]
    assert first["file"] == "schemas/user_1.toml"


def test_schemas_are_shown_without_a_configuration_and_without_a_store(project: Program) -> None:
    assert "user_profile" in project.here("schema", "list").stdout
    assert project.here("schema", "check").returncode == 0
    assert not list(project.folder.rglob("*.db"))


def test_without_schemas_the_list_is_empty(llmspell: Program) -> None:
    done = llmspell.here("schema", "list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no schemas in the folder 'schemas'" in done.stderr


def test_a_schema_is_shown_with_its_types_bounds_and_rules(project: Program) -> None:
    shown = run(project, "schema", "show", "user_profile").stdout
    assert shown.startswith("user_profile@2  (2.1.0)\n")
    for part in (
        "applies to: user:* / profile",
        "compatibility with version 1: breaking",
        "    email  required  string  where to write to",
        'optional  enum, variants ["all", "none"]',
        "(no other fields)",
        "  contact.email: email",
    ):
        assert part in shown
    assert "name           required  string, max_length 40" in (
        run(project, "schema", "show", "user_profile@1").stdout
    )


def test_a_schema_can_be_named_by_its_semantic_version(project: Program) -> None:
    told = report(project, "schema", "show", "user_profile@2.1.0")
    assert told["schema"]["version"] == 2
    assert told["schema"]["required"] == ["name", "contact"]


def test_what_a_file_says_cannot_drive_the_terminal(project: Program) -> None:
    text = USER_1.replace("Who a user is", "\\u001b[31mred")
    project.write("schemas/user_1.toml", text)
    assert "\\x1b[31mred" in run(project, "schema", "show", "user_profile@1").stdout


def test_a_difference_tells_what_changed_and_whether_it_is_compatible(project: Program) -> None:
    shown = run(project, "schema", "diff", "user_profile", "1", "2").stdout
    assert "removed  email  string, required" in shown
    assert "added    contact  object, required" in shown
    assert "compatibility: breaking" in shown
    assert "not backward compatible: contact: " in shown
    told = report(project, "schema", "diff", "user_profile", "1.0.0", "2.1.0")
    assert (told["old"], told["new"], told["compatibility"]) == (1, 2, "breaking")
    assert {"kind": "removed", "path": "email", "what": "string, required"} in told["changes"]
    assert "email" in [each["path"] for each in told["against"]["forward"]]


def test_a_version_differs_in_nothing_from_itself(project: Program) -> None:
    done = run(project, "schema", "diff", "user_profile", "1", "1")
    assert done.stdout == "compatibility: full\n"
    assert "declare the same" in done.stderr


def test_an_export_is_json_schema(project: Program) -> None:
    printed = json.loads(run(project, "schema", "export", "user_profile@1").stdout)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["properties"]["name"] == {"type": "string", "maxLength": 40}
    assert run(project, "schema", "export", "user_profile@1", "-o", "a.json").returncode == 0
    assert json.loads((project.folder / "a.json").read_text()) == printed
    assert report(project, "schema", "export", "user_profile@1")["json_schema"] == printed


# Checking --------------------------------------------------------------------------------------


def test_a_check_lists_every_file_that_is_wrong(project: Program) -> None:
    project.write("schemas/user_1.toml", USER_1.replace('"boolean"', '"bolean"'))
    project.write("schemas/user_2.toml", "name = ")
    done = run(project, "schema", "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "schemas/user_1.toml:13" in done.stderr
    assert "schemas/user_2.toml:1" in done.stderr
    assert "found 2 mistakes" in done.stderr
    problems = report(project, "schema", "check")["error"]["details"]["problems"]
    assert [each["details"]["file"] for each in problems] == [
        "schemas/user_1.toml",
        "schemas/user_2.toml",
    ]


def test_a_compatibility_that_is_not_true_is_a_mistake(project: Program) -> None:
    project.write("schemas/user_2.toml", USER_2.replace('"breaking"', '"backward"'))
    done = run(project, "schema", "check")
    assert done.returncode == 1
    assert done.stderr.startswith("error[incompatible_schema]: ")
    assert "is not backward compatible" in done.stderr


def test_single_files_are_checked_together_with_the_others(project: Program) -> None:
    """Also before they are in the folder; what is wrong with the others is not asked about."""
    later = USER_2.replace("version = 2", "version = 3").replace("2.1.0", "3.0.0")
    project.write("draft.toml", later.replace('"breaking"', '"full"'))
    project.write("broken.toml", later.replace('"breaking"', '"ful"'))
    project.write("schemas/other.toml", "nonsense")
    assert report(project, "schema", "check", "draft.toml")["schemas"] == 3
    done = run(project, "schema", "check", "broken.toml")
    assert done.returncode == 1
    assert "broken.toml:4" in done.stderr


def test_data_is_checked_against_the_version_it_has(project: Program) -> None:
    store(project, OLD, BAD)
    assert report(project, "schema", "check", "--data") == {
        "ok": True,
        "schemas": 2,
        "entries": 2,
    }
    project.write("schemas/user_1.toml", USER_1.replace("max_length = 40", "max_length = 2"))
    done = run(project, "schema", "check", "--data")
    assert done.returncode == 1
    first, _ = done.stdout.splitlines()
    assert first.startswith("scope 'user:0' key 'profile' (user_profile@1): $.name: ")
    assert "2 of 2 entries" in done.stderr
    assert "Ada" not in done.stdout + done.stderr


def test_entries_of_a_version_that_no_schema_has_are_listed(project: Program) -> None:
    store(project, NEW, version=2)
    (project.folder / "schemas/user_2.toml").unlink()
    project.write("migrations/user_1_2.toml", STEP)
    problems = report(project, "schema", "check", "--data")["error"]["details"]["problems"]
    assert "only 1" in problems[0]["problems"][0]["message"]


MISTAKES = (
    (["show"], 2, "usage", "NAME"),
    (["show", "user_profil"], 1, "schema_error", "'user_profile'"),
    (["show", "user_profile@9"], 1, "unsupported_version", "1 (1.0.0)"),
    (["show", "user_profile@"], 1, "unsupported_version", "no version"),
    (["show", ""], 1, "schema_error", "no schema ''"),
    (["diff", "user_profile", "1"], 2, "usage", "V2"),
    (["diff", "user_profile", "1", "two"], 1, "unsupported_version", "two"),
    (["diff", "nobody", "1", "2"], 1, "schema_error", "'nobody'"),
    (["export", "user_profile@2.0.0"], 1, "unsupported_version", "2.1.0"),
    (["export", "user_profile", "-o", "no/such/file"], 2, "usage", "cannot write"),
    (["export", "user_profile", "-o", "schemas"], 2, "usage", "cannot write"),
    (["check", "missing.toml"], 1, "schema_error", "missing.toml"),
    (["check", "schemas"], 1, "schema_error", "schemas"),
    (["check", "m.toml"], 1, "schema_error", "m.toml"),
    (["list", "user_profile"], 2, "usage", "extra argument"),
    (["chek"], 2, "usage", "'check'"),
)


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "part"), MISTAKES, ids=lambda part: str(part)[:40]
)
def test_a_mistake_is_told(
    project: Program, arguments: list[str], code: int, kind: str, part: str
) -> None:
    done = run(project, "schema", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error[{kind}]: ")
    assert part in done.stderr


def test_a_folder_that_is_configured_and_missing_is_an_error(project: Program) -> None:
    project.write("m.toml", '[state.migration]\nschemas_dir = "shemas"\n')
    done = run(project, "schema", "list")
    assert done.returncode == 1
    assert "shemas" in done.stderr


def test_a_check_of_nothing_is_an_error(llmspell: Program) -> None:
    """It would pass in the wrong folder."""
    done = llmspell.here("schema", "check")
    assert done.returncode == 1
    assert "there are no schemas in 'schemas'" in done.stderr


def test_the_data_is_checked_only_where_migrations_are_on(project: Program) -> None:
    done = project.here("schema", "check", "--data")
    assert done.returncode == 2
    assert "state.migration.enabled = true" in done.stderr
