"""What is saved fits the version it says it has: the latest, unless one is named."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from llmspell import Runtime
from llmspell.errors import ValidationFailed
from llmspell.state.manager import StateManager

from .profiles import new, old

S, K = "user:1", "profile"


def test_a_value_is_of_the_latest_version_unless_one_is_named(state: StateManager) -> None:
    assert state.save(S, K, new()).schema_version == 2
    assert state.save(S, K, old(), schema_version=1).schema_version == 1
    assert state.save_many(S, {"many": new()})["many"].schema_version == 2
    with state.transaction() as tx:
        tx.save(S, "tx", new())
    state.update(S, "up", lambda _: new())
    for key in ("tx", "up"):
        known = state.get_metadata(S, key)
        assert known is not None
        assert known.schema_version == 2


def test_elsewhere_it_is_the_first(state: StateManager) -> None:
    assert state.save("global", "k", 1).schema_version == 1


def test_an_update_keeps_the_version_of_the_entry(state: StateManager) -> None:
    state.save(S, K, old(), schema_version=1)
    state.update(S, K, lambda value: value | {"user_id": "other"})
    known = state.get_metadata(S, K)
    assert known is not None
    assert known.schema_version == 1


@pytest.mark.parametrize(
    ("value", "version", "said"),
    [
        (old(), None, "contact_info"),
        (new(), 1, "email"),
        ({}, None, "user_id"),
        ([], None, "object"),
        (new() | {"notification_level": "some"}, None, "notification_level"),
        (new(), 3, "version 3"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_saying_where(
    state: StateManager, value: object, version: int | None, said: str
) -> None:
    with pytest.raises(ValidationFailed, match=said):
        state.save(S, K, value, schema_version=version)
    assert not state.key_exists(S, K)


def test_values_the_application_made_itself_are_not_looked_at(state: StateManager) -> None:
    assert state.save(S, K, {}, state_class="trusted").schema_version == 2


@pytest.mark.parametrize("language", ["lua", "js"])
def test_scripts_are_told_the_same(open_runtime: Callable[..., Runtime], language: str) -> None:
    runtime = open_runtime()
    code = {
        "lua": 'local ok, e = pcall(State.save, "user:1", "profile", {user_id = 5}) return e.code',
        "js": 'State.save("user:1", "profile", {user_id: 5}).then(() => "saved", e => e.code)',
    }
    assert runtime.execute(code[language], engine=language).value == "validation_failed"


def test_at_level_warn_it_is_saved_and_told_once(open_runtime: Callable[..., Runtime]) -> None:
    runtime = open_runtime(migration={"validation_level": "warn"})
    result = runtime.execute(
        'for i = 1, 3 do State.save("user:1", "profile", {user_id = 5}) end', engine="lua"
    )
    assert runtime.state.key_exists(S, K)
    assert len(result.warnings) == len(set(result.warnings)) >= 1
    assert all("'profile' in scope 'user:1'" in warning for warning in result.warnings)


def test_at_level_warn_a_program_finds_it_in_the_log(
    open_runtime: Callable[..., Runtime], caplog: pytest.LogCaptureFixture
) -> None:
    state = open_runtime(migration={"validation_level": "warn"}).state
    with caplog.at_level(logging.WARNING, logger="llmspell"):
        state.save(S, K, {"user_id": "secret"})
    assert "does not fit its schema" in caplog.text
    assert "secret" not in caplog.text


def test_at_level_off_anything_is_saved(open_runtime: Callable[..., Runtime]) -> None:
    state = open_runtime(migration={"validation_level": "off"}).state
    assert state.save(S, K, []).schema_version == 2


def test_an_export_is_imported_with_the_versions_it_had(
    open_runtime: Callable[..., Runtime],
) -> None:
    state = open_runtime().state
    state.import_entries([(S, "old", old(), 1), (S, "new", new()), (S, "same", new(), None)])
    known = [state.get_metadata(S, key) for key in ("old", "new", "same")]
    assert [each and each.schema_version for each in known] == [1, 2, 2]
