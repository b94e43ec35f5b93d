"""Backups from scripts: the same in Lua and JavaScript, in every form of a call."""

from __future__ import annotations

import datetime as dt

import pytest

from llmspell import Runtime

from .calls import FORMS, LANGUAGES, call


@pytest.mark.parametrize("form", FORMS)
def test_a_script_makes_verifies_restores_and_removes_backups(runtime: Runtime, form: str) -> None:
    full = call(runtime, form, "create_backup", "full", {"label": "nightly"})
    runtime.state.save("user:1", "k", "after")
    later = call(runtime, form, "create_backup", "incremental", {"base": full})
    last = call(runtime, form, "create_backup", "differential")
    scope = call(runtime, form, "create_backup", "scope", {"scope": "user:1"})

    listed = call(runtime, form, "list_backups")
    assert {each["id"] for each in listed} == {full, later, last, scope}
    by_id = {each["id"]: each for each in listed}
    assert by_id[full]["label"] == "nightly"
    assert by_id[later]["base"] == by_id[last]["base"] == full
    assert (by_id[scope]["type"], by_id[scope]["scope"]) == ("scope", "user:1")
    assert type(by_id[full]["created_at"]) is dt.datetime
    assert all(each["verified"] and not each["encrypted"] for each in listed)

    found = call(runtime, form, "validate_backup", later)
    assert (found["valid"], found["backups"], found["problems"]) == (True, [full, later], [])

    told = call(runtime, form, "restore_backup", full, {"dry_run": True})
    assert (told["status"], told["restored"]) == ("dry_run", 1)
    assert told["changes"] == [{"scope": "user:1", "key": "k", "action": "replace"}]
    assert runtime.state.load("user:1", "k") == "after"

    done = call(runtime, form, "restore_backup", full)
    assert (done["status"], done["restored"], done["failed"]) == ("restored", 1, 0)
    assert runtime.state.load("user:1", "k") == "before"
    undone = call(runtime, form, "restore_backup", done["pre_restore_backup_id"])
    assert undone["status"] == "restored"
    assert runtime.state.load("user:1", "k") == "after"

    usage = call(runtime, form, "get_storage_usage")
    assert usage["backups"] == len(runtime.backups.list())
    kept = call(runtime, form, "cleanup_backups", True)
    assert (kept["dry_run"], kept["deleted"]) == (True, [])


@pytest.mark.parametrize("form", FORMS)
def test_what_a_script_may_leave_out_has_the_usual_value(runtime: Runtime, form: str) -> None:
    made = call(runtime, form, "create_backup", "full")
    runtime.state.save("user:1", "k", "after")
    options = {"pre_restore_backup": False, "policy": "replace"}
    done = call(runtime, form, "restore_backup", made, options)
    assert (done["backup_id"], "pre_restore_backup_id" in done) == (made, False)
    assert call(runtime, form, "restore_backup", made)["status"] == "nothing_to_do"
    assert call(runtime, form, "cleanup_backups")["dry_run"] is False


@pytest.mark.parametrize("language", LANGUAGES)
def test_chosen_keys_of_a_scope_are_restored_alone(runtime: Runtime, language: str) -> None:
    state = runtime.state
    state.save_many("user:1", {"k": 1, "other": 1})
    made = call(runtime, language, "create_backup", "full")
    state.save_many("user:1", {"k": 2, "other": 2, "new": 2})
    chosen = {"scope": "user:1", "keys": ["k"]}
    call(runtime, language, "restore_backup", made, chosen)
    assert state.load_many("user:1", ["k", "other", "new"]) == {"k": 1, "other": 2, "new": 2}
    call(runtime, language, "restore_backup", made, {"scope": "user:1", "delete_extra": False})
    assert state.load_many("user:1", ["k", "other", "new"]) == {"k": 1, "other": 1, "new": 2}
    state.delete("user:1", "k")
    state.save("user:1", "other", 3)
    call(runtime, language, "restore_backup", made, {"policy": "keep"})
    assert state.load_many("user:1", ["k", "other", "new"]) == {"k": 1, "other": 3, "new": 2}


TIMES = {
    "lua": """
State.save("user:1", "k", "then")
local moment = Time.now()
while Time.now() <= moment do end
State.save("user:1", "k", "later")
State.restore_backup(nil, {at = MOMENT})
return State.load("user:1", "k")
""",
    "js": """
const state = State.sync;
state.save("user:1", "k", "then");
const until = Date.now() + 2;
while (Date.now() < until);
const moment = new Date();
while (Date.now() < until + 4);
state.save("user:1", "k", "later");
state.restoreBackup(null, { at: MOMENT });
return state.load("user:1", "k");
""",
}


@pytest.mark.parametrize(
    ("language", "moment"),
    [
        ("lua", "moment"),
        ("lua", "moment:iso()"),
        ("js", "moment"),
        ("js", "moment.toISOString()"),
    ],
)
def test_a_time_to_go_back_to_is_a_timestamp_or_text(
    runtime: Runtime, language: str, moment: str
) -> None:
    call(runtime, language, "create_backup", "full")
    code = TIMES[language].replace("MOMENT", moment)
    assert runtime.execute(code, engine=language).value == "then"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_script_goes_back_to_a_checkpoint(runtime: Runtime, language: str) -> None:
    call(runtime, language, "create_backup", "full")
    runtime.state.save("user:1", "k", "then")
    call(runtime, language, "checkpoint", "mark")
    runtime.state.save("user:1", "k", "later")
    done = call(runtime, language, "restore_backup", None, {"checkpoint": "mark"})
    assert done["status"] == "restored"
    assert runtime.state.load("user:1", "k") == "then"
