"""With auto_migrate whatever loads a value gets it in the current version, and repairs the entry."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmspell import Runtime, acting
from llmspell.errors import LlmSpellError, MigrationFailed, UnsupportedVersion
from llmspell.state.manager import StateManager

from .profiles import new, old

S, K = "user:1", "profile"


@pytest.fixture
def state(open_runtime: Callable[..., Runtime]) -> StateManager:
    """A state that migrates at load, with an old profile in it."""
    made = open_runtime(migration={"auto_migrate": True}).state
    made.save(S, K, old(), schema_version=1)
    return made


def test_a_load_migrates_and_writes_back(state: StateManager) -> None:
    assert state.load(S, K) == new()
    known = state.get_metadata(S, K)
    assert known is not None
    assert (known.schema_version, known.version) == (2, 2)
    assert state.load(S, K) == new()
    assert state.get_metadata(S, K) == known


@pytest.mark.parametrize("language", ["lua", "js"])
def test_scripts_load_the_current_version(
    open_runtime: Callable[..., Runtime], language: str
) -> None:
    runtime = open_runtime(migration={"auto_migrate": True})
    runtime.state.save(S, K, old(), schema_version=1)
    code = {
        "lua": 'return State.load("user:1", "profile").contact_info.email',
        "js": 'State.sync.load("user:1", "profile").contact_info.email',
    }
    assert runtime.execute(code[language], engine=language).value == "u1@example.com"


def test_many_are_loaded_in_the_current_version(state: StateManager) -> None:
    state.save(S, "other", old(2), schema_version=1)
    assert state.load_many(S, [K, "other"]) == {K: new(1), "other": new(2)}


def test_an_update_gets_the_current_version_and_saves_it(state: StateManager) -> None:
    def verify(value: dict[str, object]) -> dict[str, object]:
        contact = value["contact_info"]
        assert isinstance(contact, dict)
        return value | {"contact_info": contact | {"verified": True}}

    state.update(S, K, verify)
    assert state.load(S, K)["contact_info"]["verified"] is True
    known = state.get_metadata(S, K)
    assert known is not None
    assert (known.schema_version, known.version) == (2, 2)


def test_a_transaction_sees_the_current_version(state: StateManager) -> None:
    with state.transaction() as tx:
        assert tx.load(S, K) == new()
        tx.save(S, "copy", tx.load(S, K))
    assert state.load(S, "copy") == new()


def test_what_cannot_be_migrated_is_an_error_and_can_be_deleted(state: StateManager) -> None:
    state.save(S, "bad", {"user_id": "x"}, schema_version=1, state_class="trusted")
    with pytest.raises(MigrationFailed, match="restructure_user_profile"):
        state.load(S, "bad")
    with pytest.raises(MigrationFailed):
        state.update(S, "bad", lambda value: value)
    known = state.get_metadata(S, "bad")
    assert known is not None
    assert known.schema_version == 1
    assert state.delete(S, "bad")


def test_what_a_later_version_saved_is_not_handed_out(state: StateManager) -> None:
    state.save(S, "f", {"user_id": "f"}, schema_version=3, state_class="trusted")
    with pytest.raises(UnsupportedVersion, match="3"):
        state.load(S, "f")


def test_history_tells_what_was(state: StateManager) -> None:
    state.load(S, K)
    assert state.load_version(S, K, 1) == old()
    assert [version.schema_version for version in state.history(S, K)] == [2, 1]


def test_who_may_only_read_gets_the_current_version_and_writes_nothing(
    open_runtime: Callable[..., Runtime],
) -> None:
    grants = {"reader": {"grants": [{"scope": "user:*", "permission": "read"}]}}
    runtime = open_runtime(
        migration={"auto_migrate": True},
        state={
            "security": {"access_control_enabled": True},
            "access": {
                "actors": grants | {"boss": {"grants": [{"scope": "*", "permission": "admin"}]}}
            },
        },
    )
    state = runtime.state
    with acting("boss"):
        state.save(S, K, old(), schema_version=1)
    with acting("reader"):
        assert state.load(S, K) == new()
        known = state.get_metadata(S, K)
    assert known is not None
    assert known.schema_version == 1


def test_without_it_old_values_are_loaded_as_they_are(open_runtime: Callable[..., Runtime]) -> None:
    state = open_runtime().state
    state.save(S, K, old(), schema_version=1)
    assert state.load(S, K) == old()


def test_a_misfit_of_nobodys_schema_is_no_business_of_it(state: StateManager) -> None:
    state.save("global", "k", 1, schema_version=7)
    assert state.load("global", "k") == 1
    with pytest.raises(LlmSpellError):
        state.migrate("global", "k")
