"""Migrating one entry: one write, up or down, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.errors import (
    InvalidArgument,
    KeyNotFound,
    LlmSpellError,
    MigrationFailed,
    SchemaError,
    UnsafeMigration,
    UnsupportedVersion,
)
from llmspell.migration import Custom, MigrationStep
from llmspell.state.manager import StateManager

from .profiles import STEP, V1, V2, new, old

S, K = "user:1", "profile"


def test_an_entry_is_migrated_to_the_latest_version(
    open_runtime: Callable[..., Runtime], backend: str
) -> None:
    state = open_runtime(backend).state
    state.save(S, K, old(), schema_version=1)
    result = state.migrate(S, K)
    assert (result.success, result.status) == (True, "completed")
    assert (result.from_version, result.to_version, result.items_migrated) == (1, 2, 1)
    assert result.steps == ["restructure_user_profile"]
    assert state.load(S, K) == new()
    assert state.get_metadata(S, K).schema_version == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("target", [2, "2", "2.0.0"])
def test_a_target_is_a_number_or_a_semantic_version(state: StateManager, target: Any) -> None:
    state.save(S, K, old(), schema_version=1)
    assert state.migrate(S, K, target).to_version == 2


def test_an_entry_of_that_version_is_left_alone(state: StateManager) -> None:
    version = state.save(S, K, new()).version
    assert state.migrate(S, K).status == "nothing_to_do"
    assert state.get_metadata(S, K).version == version  # type: ignore[union-attr]


def test_a_dry_run_writes_nothing(state: StateManager) -> None:
    state.save(S, K, old(), schema_version=1)
    result = state.migrate(S, K, dry_run=True)
    assert (result.status, result.items_migrated) == ("dry_run", 1)
    assert state.load(S, K) == old()


def test_class_time_to_expire_and_history_stay(state: StateManager) -> None:
    before = state.save(S, K, old(), schema_version=1, ttl=3600, state_class="critical")
    state.migrate(S, K)
    after = state.get_metadata(S, K)
    assert after is not None
    assert (after.state_class, after.expires_us) == ("critical", before.expires_us)
    assert (after.version, after.created_us) == (before.version + 1, before.created_us)
    assert state.load_version(S, K, before.version) == old()


def test_what_was_migrated_can_be_reverted_with_its_version(state: StateManager) -> None:
    version = state.save(S, K, old(), schema_version=1).version
    state.migrate(S, K)
    assert state.revert(S, K, version).schema_version == 1
    assert state.load(S, K) == old()


def test_a_value_that_a_step_cannot_take_is_an_error_that_names_step_and_key(
    state: StateManager,
) -> None:
    state.save(
        S,
        K,
        {"user_id": "u", "mail": "secret@example.com"},
        state_class="trusted",
        schema_version=1,
    )
    with pytest.raises(MigrationFailed) as caught:
        state.migrate(S, K)
    error = caught.value
    assert "restructure_user_profile" in error.message
    assert "'profile' in scope 'user:1'" in error.message
    assert "secret" not in error.message
    assert (error.details["scope"], error.details["key"]) == (S, K)
    assert state.load(S, K) == {"user_id": "u", "mail": "secret@example.com"}


def broken(value: Any, config: Any) -> Any:
    raise RuntimeError("with the secret 4711")


MISUSES: list[tuple[Callable[[StateManager], object], type[LlmSpellError], str]] = [
    (lambda state: state.migrate(S, "absent"), KeyNotFound, "no entry"),
    (lambda state: state.migrate("global", "k"), SchemaError, "no schema applies"),
    (lambda state: state.migrate(S, K, 3), UnsupportedVersion, "3"),
    (lambda state: state.migrate(S, K, "9.9.9"), UnsupportedVersion, "9.9.9"),
    (lambda state: state.migrate(S, K, 0), InvalidArgument, "version"),
    (lambda state: state.migrate(S, K, -1), InvalidArgument, "version"),
    (lambda state: state.migrate(S, K, True), InvalidArgument, "version"),
    (lambda state: state.migrate(S, K, 1.5), InvalidArgument, "version"),  # type: ignore[arg-type]
    (lambda state: state.migrate(S, K, ""), UnsupportedVersion, "version"),
    (lambda state: state.migrate("user:", ""), LlmSpellError, "key"),
]


@pytest.mark.parametrize(("call", "kind", "said"), MISUSES)
def test_a_misuse_is_a_clear_error_and_nothing_is_lost(
    state: StateManager, call: Callable[..., object], kind: type[LlmSpellError], said: str
) -> None:
    state.save(S, K, old(), schema_version=1)
    state.save("global", "k", 1)
    with pytest.raises(kind, match=said):
        call(state)
    assert state.load(S, K) == old()


def test_a_way_down_that_loses_data_is_refused_unless_it_is_allowed(
    open_runtime: Callable[..., Runtime],
) -> None:
    down = STEP.model_copy(update={"transformations": STEP.transformations[:3]})
    state = open_runtime(migrations=[down]).state
    state.save(S, K, new())
    with pytest.raises(UnsafeMigration, match="verified"):
        state.migrate(S, K, 1)
    assert state.load(S, K) == new()
    state.migrate(S, K, 1, allow_unsafe=True)
    assert state.load(S, K) == {
        "user_id": "u1",
        "email": "u1@example.com",
        "notifications": True,
    }


def test_a_transformer_that_raises_is_told_without_what_it_said(
    open_runtime: Callable[..., Runtime],
) -> None:
    step = MigrationStep(
        schema="user_profile",
        from_version=1,
        to_version=2,
        name="breaks",
        transformations=[Custom(from_fields=["$"], to_fields=["$"], transformer="broken")],
    )
    state = open_runtime(migrations=[step], transformers={"broken": broken}).state
    state.save(S, K, old(), schema_version=1)
    with pytest.raises(MigrationFailed) as caught:
        state.migrate(S, K)
    assert "RuntimeError" in caught.value.message
    assert "test_one_entry.py" in caught.value.message
    assert "4711" not in str(caught.value)


def test_what_does_not_fit_its_new_version_is_not_kept(
    open_runtime: Callable[..., Runtime],
) -> None:
    def nothing(value: Any, config: Any) -> Any:
        return {"user_id": 5}

    step = MigrationStep(
        schema="user_profile",
        from_version=1,
        to_version=2,
        transformations=[Custom(from_fields=["$"], to_fields=["$"], transformer="nothing")],
    )
    state = open_runtime(migrations=[step], transformers={"nothing": nothing}).state
    state.save(S, K, old(), schema_version=1)
    with pytest.raises(MigrationFailed, match="does not fit version 2") as caught:
        state.migrate(S, K)
    assert caught.value.details["problems"]
    assert state.load(S, K) == old()


def test_everything_says_that_migrations_are_off(open_runtime: Callable[..., Runtime]) -> None:
    state = open_runtime(schemas=(), migrations=(), migration={"enabled": False}).state
    for call in (
        lambda: state.migrate(S, K),
        state.migrate_all,
        state.migration_status,
        state.migration_history,
        state.rollback_migration,
        state.schema_versions,
    ):
        with pytest.raises(LlmSpellError) as caught:
            call()
        assert caught.value.code == "feature_unavailable"
        assert "state.migration.enabled" in (caught.value.hint or "")


def test_schemas_that_are_handed_over_switch_migrations_on() -> None:
    with Runtime(Config_in_memory(), schemas=[V1, V2], migrations=[STEP]) as runtime:
        runtime.state.save(S, K, old(), schema_version=1)
        assert runtime.state.migrate(S, K).success


def Config_in_memory() -> Any:
    from llmspell import Config

    return Config(state={"backend": "memory"})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("forgot.lua", "return function(value) value = 1 end", "returned nothing; end it with"),
        ("forgot.js", "module.exports = (value) => { value = 1 }", "returned nothing; end it with"),
        ("fails.lua", "return function(value) error('secret ' .. value) end", "fails.lua:1"),
    ],
)
def test_a_script_that_fails_tells_its_author_what_to_do(
    open_runtime: Callable[..., Runtime], tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    step = MigrationStep(
        schema="user_profile",
        from_version=1,
        to_version=2,
        transformations=[Custom(from_fields=["email"], to_fields=["mail"], transformer=name)],
    )
    state = open_runtime(migrations=[step], migration={"validation_level": "off"}).state
    state.save(S, K, old(), schema_version=1)
    with pytest.raises(MigrationFailed, match=said) as caught:
        state.migrate(S, K, allow_unsafe=True)
    assert "look at that line" in (caught.value.hint or "")
    assert "secret" not in str(caught.value.to_dict())
