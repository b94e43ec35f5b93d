"""``migrate plan``, ``apply``, ``status``, ``rollback`` and ``history``: what is done to a store."""

from __future__ import annotations

import json
import time

import pytest

from .conftest import Program
from .test_checkpoints import answered
from .versioned import (
    BAD,
    CONFIG,
    NEW,
    OLD,
    STEP,
    USER_2,
    prepare,
    report,
    run,
    store,
    stored,
)


@pytest.fixture
def project(llmspell: Program) -> Program:
    """Three profiles of version 1, which can be migrated."""
    prepare(llmspell)
    store(llmspell, OLD, OLD, OLD)
    return llmspell


@pytest.fixture
def uneven(llmspell: Program) -> Program:
    """Three profiles of version 1, of which the second cannot be migrated."""
    prepare(llmspell)
    store(llmspell, OLD, BAD, OLD)
    return llmspell


# Planning --------------------------------------------------------------------------------------


def test_a_plan_shows_the_steps_and_how_many_take_them(project: Program) -> None:
    done = run(project, "migrate", "plan")
    assert done.returncode == 0
    assert done.stdout.splitlines()[:3] == [
        "user_profile  1 -> 2  (3 entries)",
        "  1 -> 2  restructure (step): contact data of its own",
        "    move email -> contact.email",
    ]
    (plan,) = report(project, "migrate", "plan")["plans"]
    assert (plan["entries"], plan["is_safe"]) == (3, True)
    assert stored(project) == [(OLD, 1)] * 3


def test_a_plan_is_of_the_entries_that_are_chosen(project: Program) -> None:
    (plan,) = report(project, "migrate", "plan", "--scope", "user:1")["plans"]
    assert plan["entries"] == 1
    done = run(project, "migrate", "plan", "--key", "other*")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("nothing to migrate")


def test_a_plan_with_a_way_that_loses_data_fails_and_says_why(project: Program) -> None:
    text = STEP + '[[transformations]]\ntype = "remove"\nfield = "name"\n'
    project.write("migrations/user_1_2.toml", text)
    done = run(project, "migrate", "plan")
    assert done.returncode == 1
    assert "  unsafe: " in done.stdout
    assert "name" in done.stdout
    assert "--allow-unsafe" in done.stderr
    assert report(project, "migrate", "plan")["plans"][0]["issues"]


def test_a_plan_without_a_way_fails_and_names_the_gap(project: Program) -> None:
    (project.folder / "migrations/user_1_2.toml").unlink()
    done = run(project, "migrate", "plan")
    assert done.returncode == 1
    assert "no way: schema 'user_profile': nothing leads from version 1 to version 2" in done.stdout
    assert "migrate new" in done.stdout
    (plan,) = report(project, "migrate", "plan")["plans"]
    assert plan["error"]["code"] == "migration_path_missing"


# Applying --------------------------------------------------------------------------------------


def test_a_dry_run_shows_what_would_change_and_changes_nothing(project: Program) -> None:
    done = run(project, "migrate", "apply", "--dry-run", "--show", "1")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "scope 'user:0' key 'profile' (user_profile)",
        '  added    $.contact  {"email": "ada@example.com"}',
        '  removed  $.email  "ada@example.com"',
        '  added    $.level  "all"',
        "  removed  $.notifications  true",
        "... and 2 entries more; --show N shows more of them",
    ]
    assert done.stderr.startswith("would migrate 3 entries of user_profile")
    told = report(project, "migrate", "apply", "--dry-run")
    assert (told["status"], told["items_migrated"], len(told["entries"])) == ("dry_run", 3, 3)
    assert stored(project) == [(OLD, 1)] * 3


def test_apply_migrates_and_names_what_undoes_it(project: Program) -> None:
    done = run(project, "migrate", "apply", "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    summary, undo = done.stderr.splitlines()
    assert summary.startswith("migrated 3 entries of user_profile from version 1 to version 2 in ")
    assert stored(project) == [(NEW, 2)] * 3
    assert run(project, *undo.partition("llmspell ")[2].split(), "--yes").returncode == 0
    assert stored(project) == [(OLD, 1)] * 3


def test_apply_can_be_done_again(project: Program) -> None:
    assert report(project, "migrate", "apply", "--yes")["items_migrated"] == 3
    again = run(project, "migrate", "apply")
    assert again.returncode == 0
    assert again.stderr.startswith("nothing to migrate")
    assert report(project, "migrate", "apply")["status"] == "nothing_to_do"


def test_only_what_is_chosen_is_migrated(project: Program) -> None:
    options = ("--scope", "user:1", "--key", "profile", "--to", "2.1.0")
    told = report(project, "migrate", "apply", *options, "--yes")
    assert told["items_migrated"] == 1
    assert stored(project) == [(OLD, 1), (NEW, 2), (OLD, 1)]


def test_apply_goes_down_where_the_author_says_how(project: Program) -> None:
    back = '[[rollback_transformations]]\ntype = "move"\n'
    back += 'from_field = "contact.email"\nto_field = "email"\n'
    back += '[[rollback_transformations]]\ntype = "remove"\nfield = "contact"\n'
    project.write("migrations/user_1_2.toml", STEP + back)
    run(project, "migrate", "apply", "--yes")
    told = report(project, "migrate", "apply", "--to", "1", "--yes")
    assert (told["from_version"], told["to_version"]) == (2, 1)
    value, version = stored(project)[0]
    assert (value["email"], version) == ("ada@example.com", 1)


def test_what_cannot_be_migrated_is_listed_and_stays(uneven: Program) -> None:
    done = run(uneven, "migrate", "apply", "--yes")
    assert done.returncode == 1
    assert done.stdout.startswith("failed: key 'profile' in scope 'user:1': ")
    assert "restructure" in done.stdout
    assert done.stderr.startswith("error[migration_failed]: 1 of 3 entries could not be migrated")
    assert "nowhere" not in done.stdout + done.stderr
    assert stored(uneven) == [(NEW, 2), (BAD, 1), (NEW, 2)]


def test_failed_entries_are_in_the_json_report(uneven: Program) -> None:
    for options in (["--dry-run"], ["--yes"]):
        error = report(uneven, "migrate", "apply", *options)["error"]
        assert error["code"] == "migration_failed"
        assert error["details"]["items_failed"] == 1
        (failed,) = error["details"]["errors"]
        assert (failed["scope"], failed["key"]) == ("user:1", "profile")


def test_atomic_is_all_or_nothing(uneven: Program) -> None:
    done = run(uneven, "migrate", "apply", "--atomic", "--batch-size", "1", "--yes")
    assert done.returncode == 1
    assert "all that was migrated has been brought back" in done.stderr
    assert stored(uneven) == [(OLD, 1), (BAD, 1), (OLD, 1)]
    assert report(uneven, "migrate", "status")["last"]["status"] == "rolled_back"


def test_an_unsafe_way_is_taken_only_when_it_is_allowed(project: Program) -> None:
    """Undoing the step by itself would lose what was saved at its place since."""
    run(project, "migrate", "apply", "--yes")
    default = '[[transformations]]\ntype = "default"\nfield = "level"\nvalue = "none"\n'
    project.write("migrations/user_1_2.toml", STEP + default)
    down = ("migrate", "apply", "--to", "1", "--yes")
    done = run(project, *down)
    assert done.returncode == 1
    assert done.stderr.startswith("error[unsafe_migration]: ")
    assert "--allow-unsafe" in done.stderr
    assert stored(project) == [(NEW, 2)] * 3
    assert run(project, *down, "--allow-unsafe").returncode == 0
    assert [version for _, version in stored(project)] == [1, 1, 1]


def test_where_nobody_can_be_asked_yes_is_needed(project: Program) -> None:
    assert report(project, "migrate", "apply")["error"]["code"] == "usage"
    assert stored(project) == [(OLD, 1)] * 3


def test_at_a_terminal_apply_asks_first(project: Program) -> None:
    command = ("-c", "m.toml", "migrate", "apply")
    code, shown = answered(project, "n\n", *command)
    assert code == 1
    assert "This would migrate 3 entries of user_profile from version 1 to 2. Go on?" in shown
    assert stored(project) == [(OLD, 1)] * 3
    assert answered(project, "y\n", *command)[0] == 0
    assert stored(project) == [(NEW, 2)] * 3


# Status, history, rollback ---------------------------------------------------------------------


def test_the_status_tells_what_is_pending(project: Program) -> None:
    done = run(project, "migrate", "status")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split() == [
        *("user_profile", "2", "2.1.0", "3", "3"),
        *("1:", "3"),
    ]
    assert done.stderr.startswith("3 entries are to be migrated")
    assert run(project, "migrate", "status", "--check").returncode == 1
    assert report(project, "migrate", "status", "--check")["pending"] == 3
    run(project, "migrate", "apply", "--yes")
    done = run(project, "migrate", "status", "--check")
    assert (done.returncode, done.stderr) == (0, "up to date\n")
    assert "3 entries\n  completed" in done.stdout


def test_the_history_lists_the_runs_the_latest_first(project: Program) -> None:
    assert run(project, "migrate", "history").stdout == ""
    ids = [
        report(project, "migrate", "apply", "--scope", f"user:{number}", "--yes")["id"]
        for number in range(2)
    ]
    titles, *lines = run(project, "migrate", "history").stdout.splitlines()
    assert titles.split()[0] == "id"
    assert [line.split()[0] for line in lines] == ids[::-1]
    assert lines[0].endswith("user_profile 2, scope user:1")
    (latest,) = report(project, "migrate", "history", "--limit", "1")["migrations"]
    assert (latest["id"], latest["status"]) == (ids[1], "completed")


def test_a_rollback_leaves_what_somebody_changed_since(project: Program) -> None:
    run(project, "migrate", "apply", "--yes")
    theirs = {"name": "Eve", "contact": {"email": "eve@example.com"}}
    run(project, "state", "set", "user:1", "profile", json.dumps(theirs))
    done = run(project, "migrate", "rollback", "--dry-run")
    assert done.stderr.splitlines()[-1].startswith("would bring back 2 entries of migration ")
    assert stored(project)[0] == (NEW, 2)
    done = run(project, "migrate", "rollback")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    told = report(project, "migrate", "rollback", "--yes")
    assert (told["items_migrated"], told["items_skipped"]) == (2, 1)
    assert stored(project) == [(OLD, 1), (theirs, 2), (OLD, 1)]


def test_a_migration_that_was_killed_goes_on(project: Program) -> None:
    """The status says that it was broken off; the same command finishes it under its id."""
    slow = "return function(value) for i = 1, {} do end return value end"
    project.write("migrations/slow.lua", slow.format(10_000_000))
    step = STEP + '[[transformations]]\ntype = "custom"\nfrom_fields = ["name"]\n'
    step += 'to_fields = ["name"]\ntransformer = "slow.lua"\n'
    project.write("migrations/user_1_2.toml", step)
    store(project, *[OLD] * 60)
    command = ("-c", "m.toml", "migrate", "apply", "--yes", "--batch-size", "1")
    process = project.start(*command)
    deadline = time.monotonic() + 30
    while "last" not in (told := report(project, "migrate", "status")) or not told["running"]:
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.wait()
    status = run(project, "migrate", "status")
    assert "was broken off, its process has ended" in status.stdout
    project.write("migrations/slow.lua", slow.format(1))
    done = report(project, "migrate", "apply", "--yes")
    assert done["id"] == told["last"]["id"]
    assert stored(project) == [(NEW, 2)] * 60


MISTAKES = (
    (["plan", "--to", "9"], 1, "unsupported_version", "1, 2"),
    (["plan", "--schema", "nobody"], 1, "schema_error", "user_profile"),
    (["plan", "--scope", ""], 2, "usage", "empty"),
    (["plan", "--scope", "agent:"], 1, "invalid_scope", "agent:"),
    (["apply"], 2, "usage", "--yes"),
    (["apply", "--to", "", "--yes"], 1, "unsupported_version", "no version"),
    (["apply", "--to", "2.0.0", "--yes"], 1, "unsupported_version", "2.0.0"),
    (["apply", "--batch-size", "0", "--yes"], 2, "usage", "--batch-size"),
    (["apply", "--atomic", "--no-backup", "--yes"], 2, "usage", "--no-backup"),
    (["apply", "user_profile", "--yes"], 2, "usage", "extra argument"),
    (["apply", "--key", "", "--yes"], 2, "usage", "empty"),
    (["rollback", "--yes"], 1, "migration_not_found", "no migration"),
    (["rollback", "m1", "--yes"], 1, "migration_not_found", "migrate history"),
    (["history", "--limit", "0"], 2, "usage", "--limit"),
    (["status", "user_profile"], 2, "usage", "extra argument"),
    (["appli"], 2, "usage", "'apply'"),
)


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "part"), MISTAKES, ids=lambda part: str(part)[:40]
)
def test_a_mistake_is_told_and_changes_nothing(
    project: Program, arguments: list[str], code: int, kind: str, part: str
) -> None:
    done = run(project, "migrate", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error[{kind}]: ")
    assert part in done.stderr
    assert stored(project) == [(OLD, 1)] * 3


@pytest.mark.parametrize("command", ["plan", "apply", "status", "rollback", "history"])
def test_migrations_have_to_be_switched_on(project: Program, command: str) -> None:
    done = project.here("migrate", command)
    assert done.returncode == 2
    assert done.stderr.startswith("error[feature_unavailable]: ")
    assert "state.migration.enabled = true" in done.stderr


def test_an_actor_sees_and_migrates_only_what_he_may(project: Program) -> None:
    project.write("m.toml", f"{CONFIG}[state.security]\naccess_control_enabled = true\n")
    assert run(project, "access", "grant", "bob", "read", "user:1").returncode == 0
    (plan,) = report(project, "migrate", "plan", "--actor", "bob")["plans"]
    assert plan["entries"] == 1
    for command in (["apply", "--yes"], ["apply", "--dry-run"], ["rollback"], ["history"]):
        error = report(project, "migrate", *command, "--actor", "bob")["error"]
        assert error["code"] == "access_denied"
    project.write("m.toml", CONFIG)
    assert stored(project) == [(OLD, 1)] * 3


def test_without_a_journal_it_takes_a_word_that_nothing_leads_back(llmspell: Program) -> None:
    project = prepare(llmspell)
    project.write("m.toml", f"{CONFIG}[state.journal]\nenabled = false\n")
    store(project, OLD, OLD, OLD)
    done = run(project, "migrate", "apply", "--yes")
    assert done.returncode == 2
    assert "--no-backup" in done.stderr
    assert stored(project) == [(OLD, 1)] * 3
    assert run(project, "migrate", "apply", "--no-backup", "--yes").returncode == 0
    assert stored(project) == [(NEW, 2)] * 3


def test_wrong_files_stop_everything_before_the_store_is_touched(project: Program) -> None:
    project.write("schemas/user_2.toml", USER_2 + "[fields.level2]\ntype = 'nothing'\n")
    done = run(project, "migrate", "apply", "--yes")
    assert done.returncode == 1
    assert "schemas/user_2.toml:" in done.stderr
    (project.folder / "schemas/user_2.toml").write_text(USER_2)
    assert stored(project) == [(OLD, 1)] * 3
