"""What goes wrong with backups in scripts is told alike in both languages, and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmspell import Config, Runtime, ScriptError

from .calls import ABSENT, LANGUAGES, Written, call

Open = Callable[..., Runtime]

NO_ID = ("invalid_argument", "such as 20260131T120000Z-0a1b2c")
NO_TIME = ("invalid_argument", "must be a time such as")
#: Stands for the id of the backup there is.
MADE = "the backup that was made"

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
    ("create_backup", ("full", {"label": "keep: all"}), "invalid_argument", "for ever"),
    (
        "create_backup",
        ("full", {"label": "before the restore of x"}),
        "invalid_argument",
        "restores",
    ),
    ("restore_backup", (), "invalid_argument", "needs the id of a backup"),
    ("restore_backup", (None, {"policy": "keep"}), "invalid_argument", "needs the id of a backup"),
    ("restore_backup", (MADE, {"scope": "user:2"}), "restore_failed", "nothing in scope 'user:2'"),
    ("list_backups", ("full",), "invalid_argument", "at most 0"),
    ("validate_backup", (), "invalid_argument", "'id' is missing"),
    ("validate_backup", (5,), "invalid_argument", "must be text"),
    ("validate_backup", ("../../etc",), *NO_ID),
    ("validate_backup", (ABSENT,), "backup_not_found", ABSENT),
    ("restore_backup", ("latest",), *NO_ID),
    ("restore_backup", (ABSENT,), "backup_not_found", ABSENT),
    ("restore_backup", (ABSENT, {"dry_run": True}), "backup_not_found", ABSENT),
    ("restore_backup", ({"dry_run": True},), "invalid_argument", "must be text, not a map"),
    ("restore_backup", (MADE, {"policy": "merge"}), "invalid_argument", "replace, keep, newer"),
    ("restore_backup", (MADE, {"dry_run": "yes"}), "invalid_argument", "must be a boolean"),
    ("restore_backup", (MADE, {"key": "k"}), "invalid_argument", "did you mean 'keys'?"),
    ("restore_backup", (MADE, {"keys": ["k"]}), "invalid_argument", "those of a scope"),
    ("restore_backup", (MADE, {"scope": "user:1", "keys": []}), "invalid_argument", "no key"),
    (
        "restore_backup",
        (MADE, {"scope": "user:1", "keys": "k"}),
        "invalid_argument",
        "list of text",
    ),
    (
        "restore_backup",
        (MADE, {"scope": "user:1", "keys": [1]}),
        "invalid_argument",
        "must be text",
    ),
    ("restore_backup", (MADE, {"scope": "user:1", "keys": [""]}), "invalid_key", "empty"),
    ("restore_backup", (MADE, {"scope": "agent:"}), "invalid_scope", "no id after the colon"),
    (
        "restore_backup",
        (MADE, {"policy": "keep", "delete_extra": True}),
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
    (backup,) = place.backups.list()
    with pytest.raises(ScriptError) as caught:
        call(place, language, name, *(backup.id if each == MADE else each for each in arguments))
    error = caught.value
    assert error.code == code
    assert error.message.startswith(f"State.{name}: ")
    assert words in f"{error.message} {error.hint}"
    assert len(place.backups.list()) == 1
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
