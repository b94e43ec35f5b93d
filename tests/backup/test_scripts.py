"""Backups from scripts: the same in Lua and JavaScript, from one table."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from llmspell import Config, Limits, Runtime, ScriptError
from llmspell.errors import ScriptLimitExceeded

ABSENT = "20260131T120000Z-0a1b2c"
LANGUAGES = ("lua", "js")
Open = Callable[..., Runtime]


class Written(NamedTuple):
    """An argument that each language writes in its own way."""

    lua: str
    js: str


def literal(value: Any, language: str) -> str:
    """Return an argument as a script writes it."""
    if isinstance(value, Written):
        return getattr(value, language)  # type: ignore[no-any-return]
    if value is None:
        return "nil" if language == "lua" else "null"
    if isinstance(value, dict):
        sign = " = " if language == "lua" else ": "
        return f"{{{', '.join(f'{k}{sign}{literal(v, language)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        items = ", ".join(literal(item, language) for item in value)
        return f"{{{items}}}" if language == "lua" else f"[{items}]"
    return json.dumps(value)


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


#: The ways to call a function: of Lua the only one, of JavaScript four.
FORMS: dict[str, tuple[str, Callable[[str], str]]] = {
    "lua": ("lua", lambda name: f"State.{name}"),
    "js": ("js", lambda name: f"await State.{name}"),
    "js camel": ("js", lambda name: f"await State.{camel(name)}"),
    "js sync": ("js", lambda name: f"State.sync.{name}"),
    "js sync camel": ("js", lambda name: f"State.sync.{camel(name)}"),
}


def call(runtime: Runtime, form: str, name: str, *arguments: Any) -> Any:
    """Have a script call a function of State, and return what it returns."""
    language, written = FORMS[form]
    given = ", ".join(literal(argument, language) for argument in arguments)
    return runtime.execute(f"return {written(name)}({given})", engine=language).value


@pytest.fixture
def open_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open runtimes over one database in an empty folder, with backups unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def open_runtime(
            backup: dict[str, Any] | None = None, state: dict[str, Any] | None = None, **given: Any
        ) -> Runtime:
            section = {"enabled": True, "backup_dir": "backups"} | (backup or {})
            config = Config(state={"path": "state.db", "backup": section} | (state or {}))
            return stack.enter_context(Runtime(config, **given))

        yield open_runtime


@pytest.fixture
def runtime(open_runtime: Open) -> Runtime:
    """A runtime with a value and no backup."""
    runtime = open_runtime()
    runtime.state.save("user:1", "k", "before")
    return runtime


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
    done = call(runtime, form, "restore_backup", None, options)
    assert (done["backup_id"], "pre_restore_backup_id" in done) == (made, False)
    assert call(runtime, form, "restore_backup")["status"] == "nothing_to_do"
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


# What goes wrong ----------------------------------------------------------------------------

NO_ID = ("invalid_argument", "such as 20260131T120000Z-0a1b2c")
NO_TIME = ("invalid_argument", "must be a time such as")
#: Function, arguments, the code, and words of the message or the hint. There is a full backup.
MISTAKES: list[tuple[str, tuple[Any, ...], str, str]] = [
    ("create_backup", (), "invalid_argument", "'type' is missing"),
    ("create_backup", (5,), "invalid_argument", "must be text, not an integer"),
    ("create_backup", ("nightly",), "invalid_argument", "full, incremental, differential, scope"),
    ("create_backup", ("Full",), "invalid_argument", "full, incremental, differential, scope"),
    ("create_backup", ("full", "label"), "invalid_argument", "must be a map, not text"),
    ("create_backup", ("full", {"bse": ABSENT}), "invalid_argument", "did you mean 'base'?"),
    ("create_backup", ("full", {"base": ABSENT}), "invalid_argument", "has no base"),
    ("create_backup", ("full", {}, 1), "invalid_argument", "takes at most 2"),
    ("create_backup", ("incremental", {"base": "latest"}), *NO_ID),
    ("create_backup", ("incremental", {"base": ABSENT}), "backup_not_found", ABSENT),
    ("create_backup", ("incremental", {"scope": "user:1"}), "invalid_argument", "whole store"),
    ("create_backup", ("scope",), "invalid_argument", "needs a scope"),
    ("create_backup", ("full", {"scope": "user:1"}), "invalid_argument", "leave scope out"),
    ("create_backup", ("scope", {"scope": "agent:"}), "invalid_scope", "no id after the colon"),
    ("create_backup", ("full", {"label": ""}), "invalid_argument", "1 to 200 characters"),
    ("create_backup", ("full", {"label": "x" * 201}), "invalid_argument", "1 to 200 characters"),
    ("create_backup", ("full", {"label": "a\tb"}), "invalid_argument", "printable"),
    ("create_backup", ("full", {"label": 5}), "invalid_argument", "must be text"),
    ("list_backups", ("full",), "invalid_argument", "at most 0"),
    ("validate_backup", (), "invalid_argument", "'id' is missing"),
    ("validate_backup", (5,), "invalid_argument", "must be text"),
    ("validate_backup", ("../../etc",), *NO_ID),
    ("validate_backup", (ABSENT,), "backup_not_found", ABSENT),
    ("restore_backup", ("latest",), *NO_ID),
    ("restore_backup", (ABSENT,), "backup_not_found", ABSENT),
    ("restore_backup", (ABSENT, {"dry_run": True}), "backup_not_found", ABSENT),
    ("restore_backup", ({"dry_run": True},), "invalid_argument", "must be text, not a map"),
    ("restore_backup", (None, {"policy": "merge"}), "invalid_argument", "replace, keep, newer"),
    ("restore_backup", (None, {"dry_run": "yes"}), "invalid_argument", "must be a boolean"),
    ("restore_backup", (None, {"key": "k"}), "invalid_argument", "did you mean 'keys'?"),
    ("restore_backup", (None, {"keys": ["k"]}), "invalid_argument", "those of a scope"),
    ("restore_backup", (None, {"scope": "user:1", "keys": []}), "invalid_argument", "no key"),
    (
        "restore_backup",
        (None, {"scope": "user:1", "keys": "k"}),
        "invalid_argument",
        "list of text",
    ),
    (
        "restore_backup",
        (None, {"scope": "user:1", "keys": [1]}),
        "invalid_argument",
        "must be text",
    ),
    ("restore_backup", (None, {"scope": "user:1", "keys": [""]}), "invalid_key", "empty"),
    ("restore_backup", (None, {"scope": "agent:"}), "invalid_scope", "no id after the colon"),
    (
        "restore_backup",
        (None, {"policy": "keep", "delete_extra": True}),
        "invalid_argument",
        "policy replace only",
    ),
    ("restore_backup", (None, {"at": "yesterday"}), *NO_TIME),
    ("restore_backup", (None, {"at": 1_700_000_000}), *NO_TIME),
    ("restore_backup", (None, {"at": True}), *NO_TIME),
    ("restore_backup", (None, {"at": ["2026-01-31"]}), *NO_TIME),
    (
        "restore_backup",
        (None, {"at": Written("Time.from_unix(0)", "new Date(0)")}),
        "invalid_argument",
        "after 1970",
    ),
    ("restore_backup", (None, {"at": "2001-01-31"}), "point_unreachable", ""),
    ("restore_backup", (None, {"at": "2001-01-31", "checkpoint": "c"}), "invalid_argument", "both"),
    ("restore_backup", (None, {"checkpoint": "none"}), "checkpoint_not_found", "none"),
    ("cleanup_backups", ("yes",), "invalid_argument", "must be a boolean"),
    ("get_storage_usage", (1,), "invalid_argument", "at most 0"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A runtime with a value and a full backup, for calls that change nothing."""
    folder = tmp_path_factory.mktemp("place")
    section = {"enabled": True, "backup_dir": str(folder / "backups")}
    with Runtime(Config(state={"path": str(folder / "state.db"), "backup": section})) as runtime:
        runtime.state.save("user:1", "k", "before")
        runtime.state.create_backup()
        yield runtime


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "arguments", "code", "words"), MISTAKES)
def test_a_mistake_is_told_and_nothing_is_changed(
    place: Runtime, language: str, name: str, arguments: tuple[Any, ...], code: str, words: str
) -> None:
    with pytest.raises(ScriptError) as caught:
        call(place, language, name, *arguments)
    error = caught.value
    assert error.code == code
    assert error.message.startswith(f"State.{name}: ")
    assert words in f"{error.message} {error.hint}"
    # One of how it was may have been made before a restore that then failed.
    made = [each for each in place.backups.list() if "before the restore" not in str(each.label)]
    assert len(made) == 1
    assert place.state.load("user:1", "k") == "before"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("type_", ["incremental", "differential"])
def test_without_a_base_it_says_which_is_needed(
    runtime: Runtime, language: str, type_: str
) -> None:
    with pytest.raises(ScriptError, match="of type full") as caught:
        call(runtime, language, "create_backup", type_)
    assert caught.value.code == "backup_base_missing"
    assert "create_backup('full')" in str(caught.value.hint)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_base_that_is_lost_is_named_and_nothing_is_restored(
    runtime: Runtime, language: str
) -> None:
    full = call(runtime, language, "create_backup", "full")
    runtime.state.save("user:1", "k", "after")
    later = call(runtime, language, "create_backup", "incremental")
    shutil.rmtree(Path("backups") / full)
    found = call(runtime, language, "validate_backup", later)
    assert not found["valid"]
    assert full in " ".join(found["problems"])
    with pytest.raises(ScriptError, match=full) as caught:
        call(runtime, language, "restore_backup", later)
    assert caught.value.code == "backup_base_missing"
    assert runtime.state.load("user:1", "k") == "after"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["create_backup", "list_backups", "get_storage_usage"])
def test_without_backups_there_is_no_function_and_the_key_is_named(
    open_runtime: Open, language: str, name: str
) -> None:
    runtime = open_runtime({"enabled": False})
    nothing = {"lua": f"return State.{name} == nil", "js": f"return State.{name} === undefined"}
    assert runtime.execute(nothing[language], engine=language).value is True
    with pytest.raises(ScriptError) as caught:
        call(runtime, language, name)
    assert "state.backup.enabled = true" in str(caught.value.hint)


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_journal_only_full_and_scope_backups_are_made(
    open_runtime: Open, language: str
) -> None:
    runtime = open_runtime(state={"journal": {"enabled": False}})
    runtime.state.save("user:1", "k", "before")
    full = call(runtime, language, "create_backup", "full")
    with pytest.raises(ScriptError) as caught:
        call(runtime, language, "create_backup", "incremental")
    assert caught.value.code == "feature_unavailable"
    runtime.state.save("user:1", "k", "after")
    call(runtime, language, "restore_backup", full)
    assert runtime.state.load("user:1", "k") == "before"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_backup_is_made_in_the_open_where_that_is_asked(
    open_runtime: Open, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LLMSPELL_MASTER_KEY", "LLMSPELL_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    runtime = open_runtime({"encryption": "on"})
    with pytest.raises(ScriptError) as caught:
        call(runtime, language, "create_backup", "full")
    assert caught.value.code == "key_missing"
    assert call(runtime, language, "list_backups") == []


# What else a script is doing ----------------------------------------------------------------

SEEN = {
    "lua": """
local told = {}
State.watch("user:1", "", function(event) told[#told + 1] = event.value end)
local id = State.create_backup("full")
State.save("user:1", "k", "after")
local loaded = State.load("user:1", "k")
State.restore_backup(id)
return JSON.array{loaded, State.load("user:1", "k"), told[1], told[2]}
""",
    "js": """
const told = [];
await State.watch("user:1", "", (event) => { told.push(event.value) });
const id = await State.createBackup("full");
await State.save("user:1", "k", "after");
const loaded = await State.load("user:1", "k");
await State.restoreBackup(id);
return [loaded, await State.load("user:1", "k"), ...told];
""",
}


@pytest.mark.parametrize("isolation", ["inline", "process"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_script_sees_at_once_what_it_restored(
    open_runtime: Open, language: str, isolation: str
) -> None:
    runtime = open_runtime(isolation=isolation)
    runtime.state.save("user:1", "k", "before")
    seen = runtime.execute(SEEN[language], engine=language).value
    assert seen == ["after", "before", "after", "before"]


IN_TRANSACTION = {
    "lua": """
return State.transaction(function(tx)
  tx.save("user:1", "k", "uncommitted")
  local dry = State.restore_backup(nil, {dry_run = true})
  State.create_backup("full", {label = "inside"})
  local ok, problem = pcall(State.restore_backup)
  return JSON.array{dry.status, problem.code, problem.details.reason}
end)
""",
    "js": """
return State.sync.transaction((tx) => {
  tx.save("user:1", "k", "uncommitted");
  const dry = State.sync.restoreBackup(null, { dry_run: true });
  State.sync.createBackup("full", { label: "inside" });
  try {
    State.sync.restoreBackup();
  } catch (problem) {
    return [dry.status, problem.code, problem.details.reason];
  }
});
""",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_inside_a_transaction_nothing_is_restored_and_what_it_wrote_is_in_no_backup(
    runtime: Runtime, language: str
) -> None:
    call(runtime, language, "create_backup", "full")
    told = runtime.execute(IN_TRANSACTION[language], engine=language).value
    assert told == ["dry_run", "backup_error", "transaction"]
    assert runtime.state.load("user:1", "k") == "uncommitted"
    inside = next(each for each in runtime.backups.list() if each.label == "inside")
    call(runtime, language, "restore_backup", inside.id)
    assert runtime.state.load("user:1", "k") == "before"


@pytest.mark.parametrize("isolation", ["inline", "process"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_of_a_backup_that_the_time_of_the_run_ends_nothing_is_left(
    open_runtime: Open, language: str, isolation: str
) -> None:
    # It pauses ninety-nine times as long as it reads, after each of five pages.
    runtime = open_runtime({"max_load": 0.01}, isolation=isolation)
    runtime.state.save_many("bulk", {f"k{number}": "x" * 50 for number in range(9000)})
    code = {"lua": 'State.create_backup("full")', "js": 'State.sync.createBackup("full")'}
    with pytest.raises(ScriptLimitExceeded):
        runtime.execute(code[language], engine=language, limits=Limits(timeout_s=0.2))
    assert runtime.backups.list() == []
    assert [each.name for each in Path("backups").iterdir() if each.is_dir()] == []
    assert runtime.state.load("bulk", "k1") == "x" * 50


def test_a_backup_that_is_made_says_so_to_whoever_comes_meanwhile(
    open_runtime: Open,
) -> None:
    runtime, other = open_runtime(), open_runtime()
    runtime.state.save("user:1", "k", 1)
    met: list[str] = []

    def meanwhile(event: Any) -> None:
        if event.kind == "started":
            with pytest.raises(ScriptError, match="make a backup") as caught:
                call(other, "lua", "create_backup", "full")
            met.append(caught.value.code)

    runtime.state.create_backup(on_event=meanwhile)
    assert met == ["backup_running"]
