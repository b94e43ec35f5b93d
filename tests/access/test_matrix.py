"""Every State function asks for exactly what its description says, in both languages.

The cases are made from the API description: a new function is tested as soon as it is declared,
and one that declares no access fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from levels import create_sandbox
from llmspell.config import Config
from llmspell.config.state_sections import Migration
from llmspell.migration.step import MigrationStep
from llmspell.migration.versioning import Given, open_versioning
from llmspell.output import Output
from llmspell.security.access import AccessControl, Policy
from llmspell.state.backing_up import open_backups
from llmspell.state.manager import StateManager
from llmspell.state.origin import acting
from llmspell.state.scripting import ScriptState
from llmspell.store import open_store
from llmspell_bridges.api import Function, Param
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.sandbox import Sandbox, SandboxOptions
from llmspell_stdlib.args import ScriptArguments
from llmspell_stdlib.registry import GLOBALS
from llmspell_stdlib.state_backup import STATE

from .conftest import grant

KINDS = ("read", "write", "delete")
SCOPES = ("user:1", "global", "agent:7", "tool:7", "workflow:7")
SUBSETS = [subset for size in (1, 2, 3) for subset in combinations(KINDS, size)]
# One step that changes nothing, of everything there is.
VERSIONING = open_versioning(
    Migration(enabled=True),
    Given(migrations=(MigrationStep(schema="any", from_version=1, to_version=2),)),
)
LONG_AGO = "2020-01-01"
GRANTED = [
    *(grant("+".join(subset), ",".join(subset), scope) for subset in SUBSETS for scope in SCOPES),
    grant("admin", "admin", "*"),
    grant("expired", "admin", "*", until=LONG_AGO),
    grant("elsewhere", "admin", "other:*"),
]
PUBLIC = [each for each in STATE.functions if not each.internal]
IN_TRANSACTIONS = [each for each in STATE.functions if (each.serves or "").startswith("tx.")]
ARGUMENTS = {
    "text": '"k"',
    "value": "1",
    "number": "0",
    "integer": "1",
    "version": "1",
    "list": "[]",
    "checkpoint": '"mark"',
    "prefix": '""',
    "type": '"full"',
    "validate_backup.id": '"20260131T120000Z-0a1b2c"',
    "restore_backup.id": '"20260131T120000Z-0a1b2c"',
}


def scope_of(function: Function) -> str | None:
    """Return the scope a call is about."""
    kind = function.name.partition("_")[0]
    if kind in ("agent", "tool", "workflow"):
        return f"{kind}:7"
    if any(param.type == "scope" for param in function.by_form()[0].params):
        return "user:1"
    return "global" if function.name in ("get", "set", "list") else None


def argument(function: Function, param: Param, key: str, language: str) -> str:
    name, kind, lua = param.name, param.type, language == "lua"
    special = {
        "scope": '"user:1"',
        "key": f'"{key}"',
        "id": '"7"' if kind == "text" else "1",
        "keys": f'{{"{key}"}}' if lua else f'["{key}"]',
        "values": f"{{{key} = 1}}" if lua else f"{{{key}: 1}}",
        "fn": "function() return 1 end" if lua else "() => 1",
        "LockOptions": "{wait = 0}" if lua else "{wait: 0}",
    }
    tables = special | ARGUMENTS
    return next(tables[x] for x in (f"{function.name}.{name}", name, kind) if x in tables)


def call_text(function: Function, key: str, language: str) -> str:
    """Return a call of the function with some argument for each parameter it needs."""
    # Of a function of several forms the first one is about a scope.
    needed = [
        param
        for param in function.by_form()[0].params
        if param.name != "tx"
        and (_is_needed(param) or f"{function.name}.{param.name}" in ARGUMENTS)
    ]
    given = ", ".join(argument(function, each, key, language) for each in needed)
    if function in IN_TRANSACTIONS:
        name = str(function.serves)
        if language == "lua":
            return f"State.transaction(function(tx) return {name}({given}) end)"
        return f"State.sync.transaction(tx => {name}({given}))"
    return f"State.{'' if language == 'lua' else 'sync.'}{function.name}({given})"


def _is_needed(param: Param) -> bool:
    return not param.optional or param.type in ("scope", "LockOptions")


def script(call: str, language: str) -> str:
    """Return a script whose value is the code of the error a call ends with, or "ok"."""
    if language == "lua":
        return f'local ok, e = pcall(function() return {call} end) return ok and "ok" or e.code'
    return f'(() => {{ try {{ {call}; return "ok" }} catch (e) {{ return e.code }} }})()'


class Place:
    """A sandbox over a state with access control."""

    def __init__(self, language: str, folder: Path) -> None:
        self.language = language
        section = Config(state={"backup": {"enabled": True, "backup_dir": str(folder)}}).state
        # The cases are about who may: the time is the real one, and no grant is stored.
        self.state = StateManager(
            open_store("memory"),
            access=partial(AccessControl, Policy(GRANTED)),
            versioning=VERSIONING,
            backups=lambda state: open_backups(section, lambda: state, lambda: state),
        )
        services: dict[str, Any] = {
            "": Output(None, None, 1000),
            "ARGS": ScriptArguments.parse("matrix", ()),
            "State": ScriptState(lambda: self.state),
        }
        features = frozenset(f"state.{each}.enabled" for each in ("journal", "migration", "backup"))
        offered = [BoundGlobal(each, services.get(each.name), features) for each in GLOBALS]
        self.sandbox: Sandbox = create_sandbox(language, SandboxOptions(globals=offered))

    def outcome(self, function: Function, actor: str, key: str) -> str:
        """Return how a call ends; there is an entry under the key "k", and none else."""
        with acting("admin"):
            for scope in SCOPES:
                self.state.save(scope, "k", 1)
            if any(param.name == "checkpoint" for param in function.params):
                self.state.checkpoint("mark")
        with acting(actor):
            return str(
                self.sandbox.run(
                    script(call_text(function, key, self.language), self.language), name="m"
                )
            )


@pytest.fixture(scope="module", params=["lua", "js"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    made = Place(request.param, tmp_path_factory.mktemp("backups"))
    yield made
    made.sandbox.close()
    made.state.close()


def allowed(function: Function) -> dict[str, bool]:
    """Return by actor whether the description says that he may call the function."""
    needs = function.access
    assert needs is not None
    if needs == ("any",):
        return {name: name not in ("none", "expired") for name in ACTORS}
    if needs == ("admin",):
        return {name: name == "admin" for name in ACTORS}
    own = scope_of(function)
    return {name: name in ("admin", own) or set(needs) <= set(name.split("+")) for name in ACTORS}


ACTORS = [
    "none",
    "expired",
    "elsewhere",
    "admin",
    *("+".join(each) for each in SUBSETS),
    *SCOPES[2:],
]


@pytest.mark.parametrize("function", STATE.functions, ids=lambda each: each.name)
def test_every_function_declares_what_it_needs(function: Function) -> None:
    needs = function.access
    assert needs is not None, f"State.{function.name} declares no access"
    assert needs in (("any",), ("admin",)) or set(needs) <= set(KINDS)


@pytest.mark.parametrize("function", [*PUBLIC, *IN_TRANSACTIONS], ids=lambda each: each.name)
def test_a_function_needs_exactly_what_it_declares_whether_the_key_exists_or_not(
    place: Place, function: Function
) -> None:
    for actor, may in allowed(function).items():
        for key in ("k", "absent"):
            outcome = place.outcome(function, actor, key)
            assert (outcome != "access_denied") == may, (actor, key, outcome)


@pytest.mark.parametrize("function", [*PUBLIC, *IN_TRANSACTIONS], ids=lambda each: each.name)
def test_a_permitted_call_of_the_matrix_is_a_good_one(place: Place, function: Function) -> None:
    good = ("ok", "version_not_found", "backup_not_found")
    assert place.outcome(function, "admin", "k") in good


@pytest.mark.parametrize(
    ("arguments", "actor", "may"),
    [
        ("1", "admin", True),
        ("1", "read+write+delete", False),
        ('1, {scope: "user:1"}', "read+write", True),
        ('1, {scope: "user:1"}', "read", False),
        ('1, {scope: "user:*"}', "read+write+delete", False),
    ],
)
def test_migrating_more_than_one_scope_needs_admin(
    place: Place, arguments: str, actor: str, may: bool
) -> None:
    is_lua = place.language == "lua"
    shown = arguments.replace(": ", " = ") if is_lua else arguments
    call = f"State.{'' if is_lua else 'sync.'}migrate({shown})"
    with acting(actor):
        outcome = place.sandbox.run(script(call, place.language), name="m")
    assert outcome == ("ok" if may else "access_denied")
