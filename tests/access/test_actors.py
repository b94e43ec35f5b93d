"""As whom a script acts: the run's actor, else who acts around it, else the runtime's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime, acting, originating
from llmspell.config import Config, load_config
from llmspell.errors import AccessDenied, InvalidArgument, ScriptError
from llmspell.security.access import Request
from llmspell.security.audit.reading import tail

Open = Callable[..., Runtime]
SAVE = "return State.save('user:1', 'k', 1).version"
READ = "return State.load('user:1', 'k')"


def config(folder: Path, **access: Any) -> Config:
    return load_config(
        environ={},
        overrides={
            "state.path": str(folder / "state.db"),
            "state.security.access_control_enabled": True,
            "state.access": access,
        },
    )


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_one(access: dict[str, Any] | None = None, **options: Any) -> Runtime:
            configured = config(tmp_path, **(access or EDITORS))
            return stack.enter_context(Runtime(configured, **options))

        yield open_one


EDITORS: dict[str, Any] = {
    "roles": {"editor": {"grants": [{"scope": "user:*", "permission": "read_write"}]}},
    "actors": {"ada": {"roles": ["editor"]}, "bob": {"grants": []}},
}


def refused(runtime: Runtime, code: str = SAVE, **options: Any) -> AccessDenied:
    """Run a script that is denied something, and return the denial."""
    with pytest.raises(ScriptError) as caught:
        runtime.execute(code, engine="lua", **options)
    assert caught.value.code == "access_denied"
    cause = caught.value.__cause__
    assert isinstance(cause, AccessDenied)
    return cause


@pytest.mark.parametrize("isolation", ["inline", "process"])
def test_the_runs_own_actor_wins_over_the_one_around_it_and_that_over_the_runtimes(
    runtime: Open, isolation: str
) -> None:
    opened = runtime(actor="ada", isolation=isolation)
    assert opened.execute(SAVE, engine="lua").value == 1
    assert refused(opened, actor="bob").details["actor"] == "bob"
    with acting("eve"):
        assert refused(opened).details["actor"] == "eve"
        assert opened.execute(SAVE, engine="lua", actor="ada").value == 2
    assert [each.actor for each in opened.state.history("user:1", "k")] == ["ada", "ada"]


def test_without_any_name_a_script_is_anonymous(runtime: Open) -> None:
    assert refused(runtime()).details["actor"] == "anonymous"


def test_the_state_of_a_runtime_acts_as_its_actor_also_in_the_history(runtime: Open) -> None:
    state = runtime(actor="ada").state
    state.save("user:1", "k", 1)
    assert state.history("user:1", "k")[0].actor == "ada"
    with acting("bob"), pytest.raises(AccessDenied, match="actor 'bob'"):
        state.load("user:1", "k")


def test_the_actor_is_in_the_history_without_access_control_as_well(tmp_path: Path) -> None:
    with Runtime(load_config(environ={}, overrides={"state.backend": "memory"})) as runtime:
        runtime.execute(SAVE, engine="lua", actor="ada")
        assert runtime.state.history("user:1", "k")[0].actor == "ada"


def test_a_script_cannot_become_somebody_else(runtime: Open) -> None:
    opened = runtime()
    code = "ACTOR = 'ada'; State.actor = 'ada'; return State.save('user:1', 'k', 1)"
    with pytest.raises(ScriptError):
        opened.execute(code, engine="lua", actor="bob")
    with acting("ada"):
        assert opened.state.load("user:1", "k") is None


def test_a_module_acts_as_the_script_that_requires_it(runtime: Open, tmp_path: Path) -> None:
    (tmp_path / "helper.lua").write_text("return { save = function() " + SAVE + " end }")
    code = "return require('helper').save()"
    opened = runtime()
    assert opened.execute(code, engine="lua", folder=tmp_path, actor="ada").value == 1
    assert refused(opened, code, folder=tmp_path, actor="bob").details["actor"] == "bob"


def test_a_session_keeps_its_actor(runtime: Open) -> None:
    opened = runtime(actor="bob")
    with opened.session("lua", actor="ada") as session:
        session.evaluate(SAVE)
        with acting("eve"):
            assert session.evaluate(READ) == "1"
    with opened.session("lua") as session, pytest.raises(ScriptError, match="actor 'bob'"):
        session.evaluate(READ)


def test_all_runs_of_a_map_act_as_its_actor(runtime: Open) -> None:
    opened = runtime(actor="bob")
    with ThreadPoolExecutor(2) as executor:
        mapped = opened.map(
            _script(SAVE), [1, 2, 3], executor=executor, actor="ada", return_exceptions=True
        )
        assert sorted(each.value for each in mapped) == [1, 2, 3]  # type: ignore[union-attr]
        mapped = opened.map(_script(SAVE), [1], executor=executor, return_exceptions=True)
        assert [getattr(each, "code", "ok") for each in mapped] == ["access_denied"]


def _script(code: str) -> Any:
    from llmspell import Script

    return Script(code, "lua")


@pytest.mark.parametrize("isolation", ["inline", "process"])
def test_what_a_vm_has_read_it_does_not_go_on_reading_after_the_grant_is_revoked(
    runtime: Open, isolation: str
) -> None:
    opened = runtime(isolation=isolation)
    opened.state.grant("bob", "read_write", "notes")
    with opened.session("lua", actor="bob") as session:
        session.evaluate('State.save("notes", "k", 1)')
        assert session.evaluate('return State.load("notes", "k")') == "1"
        assert session.evaluate('return State.load("notes", "k")') == "1"
        opened.state.revoke("g1")
        with pytest.raises(ScriptError, match="may not read in scope 'notes'"):
            session.evaluate('return State.load("notes", "k")')


# Addresses and conditions of the program ------------------------------------------------------

OFFICE = {
    "actors": {
        "ada": {"grants": [{"scope": "*", "permission": "read", "address": ["10.0.0.0/8"]}]},
        "bob": {"grants": [{"scope": "*", "permission": "read", "custom": "is_late"}]},
    }
}


def test_an_address_comes_from_the_runtime_or_from_who_acts(runtime: Open) -> None:
    opened = runtime(OFFICE, actor="ada", address="::ffff:10.1.2.3")
    assert opened.execute(READ, engine="lua").value is None
    with acting("ada", address="192.168.0.1"):
        assert "10.0.0.0/8 only" in refused(opened, READ).message
    with originating(address="10.9.9.9"):
        opened.state.load("user:1", "k")


def test_a_function_of_the_program_is_asked_with_the_request(runtime: Open) -> None:
    asked = list[Request]()

    def is_late(request: Request) -> bool:
        asked.append(request)
        return request.address == "10.0.0.1"

    opened = runtime(OFFICE, access_conditions={"is_late": is_late}, address="10.0.0.1")
    assert opened.execute(READ, engine="lua", actor="bob").value is None
    assert (asked[0].actor, asked[0].scope) == ("bob", "user:1")


@pytest.mark.parametrize(
    "options",
    [
        {"actor": ""},
        {"actor": 7},
        {"actor": "a\nb"},
        {"address": "example.com"},
        {"address": "10.0.0.0/8"},
        {"access_conditions": {"own": "not a function"}},
    ],
)
def test_a_runtime_refuses_an_actor_an_address_or_a_condition_that_is_none(
    options: dict[str, Any],
) -> None:
    with pytest.raises(InvalidArgument):
        Runtime(**options)


@pytest.mark.parametrize("actor", ["", 7, "a\nb", "x" * 201])
def test_a_run_refuses_an_actor_without_a_name(runtime: Open, actor: Any) -> None:
    opened = runtime(actor="ada")
    with pytest.raises(InvalidArgument):
        opened.execute(READ, engine="lua", actor=actor)
    with pytest.raises(InvalidArgument), acting(actor):
        pass


# The audit log ------------------------------------------------------------------------------


def test_a_refusal_is_in_the_audit_log_with_the_actor_and_what_was_missing(
    tmp_path: Path,
) -> None:
    log = tmp_path / "audit.db"
    audited = config(tmp_path, actors={"ada": {"grants": [GRANT_WHILE_AUDITED]}})
    audited = audited.model_copy(
        update={"audit": audited.audit.model_copy(update={"enabled": True, "path": log})}
    )
    with Runtime(audited, actor="ada") as opened:
        opened.state.save("user:1", "k", 1)
        with pytest.raises(AccessDenied):
            opened.state.delete("user:1", "k")
    found = [(each.action, each.actor, each.outcome) for each in tail(log, 9)]
    assert found == [("save", "ada", "ok"), ("access", "ada", "access_denied")]


GRANT_WHILE_AUDITED = {"scope": "user:*", "permission": "write", "audit": True}
