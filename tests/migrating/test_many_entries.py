"""Migrating many entries: batch by batch, entries that fail apart, all or nothing on request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.errors import (
    FeatureUnavailable,
    InvalidArgument,
    LlmSpellError,
    SchemaError,
    UnsupportedVersion,
)
from llmspell.migration import Default, MigrationStep, Move
from llmspell.schema import AppliesTo, StateSchema
from llmspell.state.manager import StateManager
from llmspell.state.migrating.result import MigrationEvent

from .profiles import STEP, V1, V2, new, old

COUNT = 25
BAD = {"user_id": "bad"}


def fill(state: StateManager, count: int = COUNT, *, bad: int | None = None) -> None:
    """Save old profiles, half of them in scopes of their own; one may be of no use."""
    for number in range(count):
        scope = f"user:{number}" if number % 2 else "user:all"
        value = BAD if number == bad else old(number)
        state.save(scope, f"p{number:03}", value, schema_version=1, state_class="trusted")


def values(state: StateManager) -> dict[str, Any]:
    return {entry.key: entry.value for entry in state.export_entries()}


def test_everything_that_a_schema_applies_to_is_migrated(
    open_runtime: Callable[..., Runtime], backend: str
) -> None:
    state = open_runtime(backend, migration={"batch_size": 4}).state
    fill(state)
    state.save("global", "other", {"email": "x"})
    result = state.migrate_all()
    assert (result.success, result.status) == (True, "completed")
    assert (result.items_checked, result.items_migrated, result.items_failed) == (COUNT, COUNT, 0)
    assert values(state) == {f"p{n:03}": new(n) for n in range(COUNT)} | {"other": {"email": "x"}}
    assert state.migration_status()["up_to_date"]
    assert state.migrate_all().status == "nothing_to_do"


def test_an_entry_that_fails_stays_and_the_others_go_on(state: StateManager) -> None:
    fill(state, bad=7)
    result = state.migrate_all(batch_size=5)
    assert (result.success, result.status) == (False, "partial")
    assert (result.items_migrated, result.items_failed) == (COUNT - 1, 1)
    (error,) = result.errors
    assert (error["scope"], error["key"], error["code"]) == ("user:7", "p007", "migration_failed")
    assert error["step"] == "restructure_user_profile"
    assert values(state)["p007"] == BAD
    assert state.migration_status()["pending"] == 1


def test_on_request_the_first_failure_brings_everything_back(
    open_runtime: Callable[..., Runtime], backend: str
) -> None:
    state = open_runtime(backend).state
    fill(state, bad=23)
    before = values(state)
    result = state.migrate_all(atomic=True, batch_size=3)
    assert (result.success, result.status, result.items_migrated) == (False, "rolled_back", 0)
    assert result.errors[0]["key"] == "p023"
    assert values(state) == before
    assert state.migration_status()["schemas"]["user_profile"]["entries"] == {"1": COUNT}


def test_a_dry_run_tells_what_would_change_and_writes_nothing(state: StateManager) -> None:
    fill(state, 3, bad=1)
    before = values(state)
    events: list[MigrationEvent] = []
    result = state.migrate_all(dry_run=True, on_event=events.append)
    assert (result.status, result.items_migrated, result.items_failed) == ("dry_run", 2, 1)
    changed = {event.key: event.differences for event in events if event.kind == "entry"}
    assert sorted(changed) == ["p000", "p002"]
    assert {(each.path, each.kind) for each in changed["p000"]} >= {
        ("$.email", "removed"),
        ("$.contact_info", "added"),
    }
    assert values(state) == before
    assert state.migration_history() == []


def test_events_tell_of_steps_batches_failures_and_the_end(state: StateManager) -> None:
    fill(state, 10, bad=3)
    events: list[MigrationEvent] = []
    state.migrate_all(batch_size=4, on_event=events.append)
    kinds = [event.kind for event in events]
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    assert kinds.count("failed") == 1
    assert {event.step for event in events if event.kind == "step"} == {"restructure_user_profile"}
    progress = [(event.done, event.total) for event in events if event.kind == "batch"]
    assert progress[-1] == (10, 10)
    assert progress == sorted(progress)


def test_scopes_and_keys_can_be_chosen_by_patterns(state: StateManager) -> None:
    fill(state)
    assert state.migrate_all(scope="user:1*", key="p01*").items_migrated == 5
    assert state.migrate_all(scope="user:all").items_migrated == 13
    assert state.migrate_all().items_migrated == COUNT - 18


def test_a_schema_can_be_chosen_and_others_are_left(open_runtime: Callable[..., Runtime]) -> None:
    note = {"name": "note", "fields": {"text": {"type": "string"}}}
    tool = AppliesTo(scope="tool:*")
    notes = [
        StateSchema(**note, version=1, applies_to=[tool]),
        StateSchema(
            name="note",
            version=2,
            fields=note["fields"] | {"by": {"type": "string"}},
            required=["by"],
        ),
    ]
    step = MigrationStep(
        schema="note",
        from_version=1,
        to_version=2,
        transformations=[Default(field="by", value="nobody")],
    )
    state = open_runtime(schemas=[V1, V2, *notes], migrations=[STEP, step]).state
    fill(state, 3)
    state.save("tool:x", "n", {"text": "t"}, schema_version=1)
    assert state.migrate_all(schema="note").schemas == ["note"]
    assert state.load("tool:x", "n") == {"text": "t", "by": "nobody"}
    assert state.migration_status()["pending"] == 3
    assert state.migrate_all().items_migrated == 3


def test_one_record_of_each_migration_is_kept(state: StateManager) -> None:
    fill(state, 4, bad=1)
    first = state.migrate_all()
    state.save("user:1", "p001", old(1), schema_version=1)
    second = state.migrate_all()
    runs = state.migration_history()
    assert [run.id for run in runs] == [second.id, first.id]
    assert [(run.status, run.items_migrated, run.items_failed) for run in runs] == [
        ("completed", 1, 0),
        ("partial", 3, 1),
    ]
    told = runs[1].to_dict()
    assert told["targets"] == {"user_profile": 2}
    assert told["from_versions"] == {"user_profile": [1]}
    assert state.migration_history(limit=1) == runs[:1]


def test_every_write_of_a_migration_carries_its_id(state: StateManager) -> None:
    fill(state, 2)
    result = state.migrate_all()
    assert state.history("user:1", "p001")[0].correlation_id == result.id


def test_an_unsafe_or_impossible_way_is_refused_before_anything_is_changed(
    state: StateManager,
) -> None:
    fill(state, 5)
    state.save("user:new", "x", new(9))
    before = values(state)
    with pytest.raises(LlmSpellError) as caught:
        state.migrate_all(1)
    assert caught.value.code in ("unsafe_migration", "migration_path_missing")
    assert "restructure_user_profile" in caught.value.message
    assert values(state) == before
    assert state.migration_history() == []


def test_an_entry_of_a_version_that_nobody_knows_is_told_of(state: StateManager) -> None:
    fill(state, 3)
    state.save("user:f", "future", {"user_id": "f"}, schema_version=9, state_class="trusted")
    with pytest.raises(UnsupportedVersion, match="9"):
        state.migrate_all()
    assert state.migrate_all(key="p*").items_migrated == 3


MISUSES: list[tuple[dict[str, Any], type[LlmSpellError], str]] = [
    ({"target": 7}, UnsupportedVersion, "7"),
    ({"target": "two"}, UnsupportedVersion, "two"),
    ({"target": 0}, InvalidArgument, "version"),
    ({"schema": "user_profil"}, SchemaError, "user_profil"),
    ({"scope": ""}, InvalidArgument, "pattern"),
    ({"scope": 5}, InvalidArgument, "pattern"),
    ({"key": ""}, InvalidArgument, "pattern"),
    ({"batch_size": 0}, LlmSpellError, "batch_size"),
    ({"batch_size": "many"}, LlmSpellError, "batch_size"),
    ({"atomic": True, "backup": False}, InvalidArgument, "backup"),
]


@pytest.mark.parametrize(("options", "kind", "said"), MISUSES)
def test_a_misuse_is_a_clear_error_and_nothing_is_changed(
    state: StateManager, options: dict[str, Any], kind: type[LlmSpellError], said: str
) -> None:
    fill(state, 2)
    before = values(state)
    with pytest.raises(kind, match=said):
        state.migrate_all(**options)
    assert values(state) == before


def test_without_any_schema_there_is_nothing_to_migrate(
    open_runtime: Callable[..., Runtime],
) -> None:
    state = open_runtime(schemas=(), migrations=()).state
    with pytest.raises(SchemaError, match="no schemas"):
        state.migrate_all()


def test_without_the_journal_it_must_be_asked_to_do_without_a_backup(
    open_runtime: Callable[..., Runtime],
) -> None:
    state = open_runtime(state={"journal": {"enabled": False}}).state
    fill(state, 3)
    with pytest.raises(FeatureUnavailable, match="journal"):
        state.migrate_all()
    assert state.migrate_all(backup=False).items_migrated == 3
    with pytest.raises(FeatureUnavailable, match="journal"):
        state.rollback_migration()


def test_a_callback_that_raises_ends_the_migration_which_can_be_gone_on_with(
    state: StateManager,
) -> None:
    fill(state)

    def stop(event: MigrationEvent) -> None:
        if event.kind == "batch":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        state.migrate_all(batch_size=5, on_event=stop)
    (run,) = state.migration_history()
    assert (run.status, run.items_migrated > 0) == ("interrupted", True)
    result = state.migrate_all()
    assert result.id == run.id
    assert state.migration_status()["up_to_date"]
    assert state.migration_history()[0].items_migrated == COUNT


def test_steps_without_a_schema_are_for_what_no_schema_claims(
    open_runtime: Callable[..., Runtime],
) -> None:
    step = MigrationStep(
        schema="anything",
        from_version=1,
        to_version=2,
        transformations=[Default(field="seen", value=True)],
    )
    state = open_runtime(schemas=(), migrations=[step]).state
    state.save("global", "k", {}, schema_version=1)
    state.migrate_all()
    assert state.load("global", "k") == {"seen": True}
    assert state.save("global", "other", {}).schema_version == 2


def test_what_nests_too_deep_by_migrating_is_refused(open_runtime: Callable[..., Runtime]) -> None:
    """Nobody could save it again; also where it is so long that it is compressed."""
    step = MigrationStep(
        schema="anything",
        from_version=1,
        to_version=2,
        transformations=[Move(from_field="a", to_field="b.c")],
    )
    state = open_runtime(schemas=(), migrations=[step]).state
    for depth, member in ((126, ""), (127, ""), (128, ""), (128, "x" * 100_000)):
        value: dict[str, Any] = {"a": 1}
        for _ in range(depth - 1):
            value = {"a": value}
        state.save("global", f"{depth}{member[:1]}", value | {"m": member}, schema_version=1)
    for atomic in (True, False):
        result = state.migrate_all(atomic=atomic, dry_run=atomic)
        assert [error["key"] for error in result.errors] == ["128", "128x"]
        assert all("128 levels" in error["message"] for error in result.errors)
    for key in state.list_keys("global"):
        known = state.get_metadata("global", key)
        assert known is not None
        state.save("global", key, state.load("global", key), schema_version=known.schema_version)
