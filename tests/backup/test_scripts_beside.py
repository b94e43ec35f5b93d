"""Backups and what else goes on: watches, transactions, limits, others, the audit log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmspell import Limits, Runtime, ScriptError
from llmspell.errors import ScriptLimitExceeded
from llmspell.security.audit.reading import records_between

from .calls import LANGUAGES, call

Open = Callable[..., Runtime]

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
  local id = State.list_backups()[1].id
  local dry = State.restore_backup(id, {dry_run = true})
  State.create_backup("full", {label = "inside"})
  local ok, problem = pcall(State.restore_backup, id)
  return JSON.array{dry.status, problem.code, problem.details.reason}
end)
""",
    "js": """
return State.sync.transaction((tx) => {
  tx.save("user:1", "k", "uncommitted");
  const { id } = State.sync.listBackups()[0];
  const dry = State.sync.restoreBackup(id, { dry_run: true });
  State.sync.createBackup("full", { label: "inside" });
  try {
    State.sync.restoreBackup(id);
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


def test_the_audit_log_has_who_made_restored_and_removed_backups(open_runtime: Open) -> None:
    audit = {"enabled": True, "path": "audit.db"}
    runtime = open_runtime({"max_backups": 1}, audit=audit, actor="ada")
    full = call(runtime, "lua", "create_backup", "full")
    call(runtime, "lua", "create_backup", "full")
    call(runtime, "lua", "restore_backup", full, {"pre_restore_backup": False})
    call(runtime, "lua", "cleanup_backups", True)
    assert len(call(runtime, "lua", "cleanup_backups")["deleted"]) == 1
    call(runtime, "lua", "list_backups")
    runtime.close()
    told = [(record.actor, record.action) for record in records_between(Path("audit.db"))]
    done = ("backup", "backup", "restore", "delete_backup")
    assert told == [("ada", action) for action in done]
