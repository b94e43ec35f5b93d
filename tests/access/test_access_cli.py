"""``llmspell access``, and ``--actor`` where the state is used."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Program

Done = subprocess.CompletedProcess[str]
CONFIG = """
[state.security]
access_control_enabled = true
[state.access.roles.reader]
grants = [{ scope = "*", permission = "read" }]
[state.access.actors.boss]
grants = [{ scope = "*", permission = "admin" }]
[state.access.actors.ada]
roles = ["reader"]
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program(tmp_path)
    made.environ["LLMSPELL_CONFIG"] = str(made.write("c.toml", CONFIG))
    monkeypatch.setenv("LLMSPELL_CONFIG", made.environ["LLMSPELL_CONFIG"])
    monkeypatch.delenv("LLMSPELL_ACTOR", raising=False)
    return made


@pytest.fixture
def here(program: Program) -> Callable[..., Done]:
    """Run commands in this process, which is ten times as fast as starting one."""
    return program.here


def test_the_operator_grants_lists_explains_and_revokes(here: Callable[..., Done]) -> None:
    conditions = ("--when", "daily=00:00-24:00", "--when", "days=mon-sun", "--rate", "100/1h")
    made = here("access", "grant", "bob", "read_write", "user:*", "--for", "30d", *conditions)
    assert (made.returncode, made.stdout) == (0, "g1\n")
    listed = here("access", "list", "bob", "--json")
    (told,) = json.loads(listed.stdout)["grants"]
    assert (told["id"], told["actor"], told["permission"]) == ("g1", "bob", "read_write")
    assert told["time"]["daily"] == "00:00-24:00"
    assert (
        "actor 'bob' may write in scope 'user:1'"
        in here("access", "explain", "bob", "write", "user:1").stdout
    )
    assert here("access", "revoke", "g1").returncode == 0
    explained = here("access", "explain", "bob", "write", "user:1", "--json")
    assert json.loads(explained.stdout)["decision"]["missing"] == "write"
    assert here("access", "revoke", "g1").returncode == 1


def test_all_grants_of_an_actor_are_revoked_at_once(here: Callable[..., Done]) -> None:
    for scope in ("a", "b"):
        here("access", "grant", "bob", "read", scope)
    here("access", "grant", "eve", "read", "a")
    assert here("access", "revoke", "--all-of", "bob").stderr == "revoked 2 grants\n"
    listed = json.loads(here("access", "list", "--json").stdout)["grants"]
    assert [each["actor"] for each in listed if each["id"].startswith("g")] == ["eve"]


def test_a_role_is_granted_something_for_all_who_have_it(here: Callable[..., Done]) -> None:
    assert here("access", "grant", "reader", "write", "docs:*", "--role").returncode == 0
    assert here("state", "set", "docs:1", "k", "1", "--actor", "ada").returncode == 0


def test_who_acts_as_somebody_manages_what_he_administers(here: Callable[..., Done]) -> None:
    denied = here("access", "grant", "bob", "read", "global", "--actor", "ada", "--json")
    assert json.loads(denied.stdout)["error"]["code"] == "access_denied"
    assert here("access", "grant", "bob", "read", "global", "--actor", "boss").returncode == 0
    assert "boss" in here("access", "list", "bob").stdout


@pytest.mark.parametrize(
    "command",
    [
        ("state", "get", "global", "k"),
        ("state", "list", "global"),
        ("state", "history", "global", "k"),
        ("state", "set", "global", "k", "2"),
        ("state", "delete", "global", "k"),
        ("state", "clear", "global", "--yes"),
        ("state", "revert", "global", "k", "1"),
        ("state", "diff", "global", "k", "1", "1"),
        ("state", "watch", "global"),
        ("state", "export", "-"),
        ("state", "export", "-", "--scope", "global"),
        ("state", "rollback", "c1", "--yes"),
        ("state", "checkpoint"),
        ("state", "checkpoints"),
        ("state", "compact"),
        ("state", "verify"),
        ("state", "stats"),
        ("state", "scopes"),
    ],
    ids=" ".join,
)
def test_every_command_of_the_state_is_denied_to_who_has_no_grant(
    here: Callable[..., Done], command: tuple[str, ...]
) -> None:
    assert here("state", "set", "global", "k", "1", "--actor", "boss").returncode == 0
    done = here(*command)
    assert done.returncode == 1
    assert "access_denied" in done.stderr
    assert "anonymous" in done.stderr


def test_the_actor_is_named_by_the_option_or_by_the_environment(program: Program) -> None:
    assert program("state", "set", "global", "k", "1", "--actor", "boss").returncode == 0
    environ = {"LLMSPELL_ACTOR": "ada"}
    assert program("state", "get", "global", "k", environ=environ).stdout == "1\n"
    script = "return State.load('global', 'k')"
    for command in (("exec", script), ("exec", script, "--actor", "ada")):
        chosen = {} if "--actor" in command else environ
        assert program(*command, "--engine", "lua", environ=chosen).stdout == "1\n"
    denied = program("state", "--actor", "bob", "get", "global", "k", environ=environ)
    assert "actor 'bob'" in denied.stderr
    program.write("s.lua", script)
    assert program("run", "--actor", "ada", "s.lua").returncode == 0
    assert "'anonymous'" in program("run", "s.lua").stderr


def test_the_session_acts_as_the_actor(program: Program) -> None:
    done = program("repl", "--engine", "lua", "--actor", "ada", stdin="State.load('global', 'k')\n")
    assert "access_denied" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("grant", "bob", "ReadOnly", "a"), "did you mean 'read'?"),
        (("grant", "bob", "read", "custom:a"), "write a"),
        (("grant", "bob", "read", "a", "--until", "soon"), "until must be a time"),
        (("grant", "bob", "read", "a", "--until", "2020-01-01"), "a time to come"),
        (("grant", "bob", "read", "a", "--until", "2040-01-01", "--for", "1d"), "either"),
        (("grant", "bob", "read", "a", "--for", "99999999999d"), "too long"),
        (("grant", "bob", "read", "a", "--when", "noon"), "write daily="),
        (("grant", "bob", "read", "a", "--rate", "1"), "rate must be"),
        (("grant", "bob", "read", "a", "--address", "x"), "is no network"),
        (("grant", "bob", "read", "a", "--max-bytes", "0"), "max-bytes"),
        (("grant", "", "read", "a"), "1 to 200 characters"),
        (("grant", "bob", "read", "a", "--actor", ""), "1 to 200 characters"),
        (("revoke",), "either"),
        (("revoke", "g1", "--all-of", "bob"), "either"),
        (("revoke", "g99"), "there is no grant 'g99'"),
        (("revoke", "actors.boss.grants[0]"), "stands in the configuration"),
        (("explain", "bob", "rite", "a"), "did you mean 'write'?"),
        (("explain", "bob", "read", "agent:"), "no id"),
        (("explain", "bob", "read", "a", "--address", "x"), "address must be"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_mistake_is_told_and_nothing_is_stored(
    here: Callable[..., Done], command: tuple[str, ...], told: str
) -> None:
    done = here("access", *command)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(here("access", "list", "bob", "--json").stdout)["grants"] == []


def test_a_grant_is_kept_and_noted_as_idle_while_access_control_is_off(program: Program) -> None:
    program.write("c.toml", "")
    done = program.here("access", "grant", "bob", "read", "a")
    assert done.stdout == "g1\n"
    assert "access control is off" in done.stderr
    assert (
        "access_control_enabled = true"
        in program.here("access", "explain", "bob", "read", "a").stderr
    )


def test_json_tells_every_fact_of_a_decision(here: Callable[..., Done]) -> None:
    done = here("access", "explain", "ada", "read", "global", "--json")
    told: dict[str, Any] = json.loads(done.stdout)["decision"]
    assert told["allowed"] is True
    assert told["roles"] == ["reader"]
    assert told["by"] == ["roles.reader.grants[0]"]


# Conflicts of an outage ----------------------------------------------------------------------

FAILOVER = CONFIG + (
    '[state]\npath = "share/state.db"\n[state.failover]\nenabled = true\nfailures = 1\n'
)


@pytest.fixture
def conflict(program: Program) -> Callable[..., Done]:
    """An entry that was written during an outage, and by somebody else meanwhile."""
    program.write("c.toml", FAILOVER)
    share, away = program.folder / "share", program.folder / "away"
    boss = ("--actor", "boss")
    assert program.here("state", "set", "global", "k", "1", *boss).returncode == 0
    share.rename(away)
    share.touch()
    assert program.here("state", "set", "global", "k", "2", *boss).returncode == 0
    share.unlink()
    away.rename(share)
    program.write("others.toml", '[state]\npath = "share/state.db"\n')
    others = ("-c", "others.toml", "state", "set", "global", "k", "3")
    assert program.here(*others).returncode == 0
    return program.here


def test_who_may_not_read_a_scope_sees_and_resolves_no_conflict_in_it(
    conflict: Callable[..., Done],
) -> None:
    def seen(actor: str) -> list[Any]:
        done = conflict("state", "conflicts", "list", "--json", "--actor", actor)
        found: list[Any] = json.loads(done.stdout)["conflicts"]
        return [each["id"] for each in found]

    (number,) = seen("ada")
    assert seen("agent:x") == []
    show = ("state", "conflicts", "show", str(number), "--actor")
    assert "access_denied" in conflict(*show, "agent:x").stderr
    assert conflict(*show, "ada").returncode == 0
    resolve = ("state", "conflicts", "resolve", str(number), "--ours", "--actor")
    assert "may not write" in conflict(*resolve, "ada").stderr
    assert conflict(*resolve, "boss").returncode == 0
    assert seen("ada") == []
