"""The manager asks before it looks: every method, every way in, at every moment."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import pytest

from llmspell import AsyncStateManager, StateManager, acting
from llmspell.errors import AccessDenied, InvalidScope, LlmSpellError, VersionConflict
from llmspell.state.entries import NOTHING_SEEN
from llmspell.state.watches import Event

from .conftest import Clock, grant

Open = Callable[..., StateManager]
S, K = "user:1", "k"
NO_BACKUP = "20260131T120000Z-0a1b2c"
#: What each public method needs, and a call of it. A method without a row fails the suite.
METHODS: dict[str, tuple[str, Callable[[StateManager], Any]]] = {
    "save": ("write", lambda state: state.save(S, K, 1)),
    "save_canonical": ("write", lambda state: state.save_canonical(S, K, 1)),
    "load": ("read", lambda state: state.load(S, K)),
    "load_frozen": ("read", lambda state: state.load_frozen(S, K)),
    "get_metadata": ("read", lambda state: state.get_metadata(S, K)),
    "key_exists": ("read", lambda state: state.key_exists(S, K)),
    "delete": ("delete", lambda state: state.delete(S, K)),
    "load_versioned": ("read,write", lambda state: state.load_versioned(S, K)),
    "update": ("read,write", lambda state: state.update(S, K, lambda _: 2)),
    "increment": ("read,write", lambda state: state.increment(S, "n")),
    "compare_and_set": (
        "write",
        lambda state: state.compare_and_set(S, "new", 1, NOTHING_SEEN, 0),
    ),
    "load_many": ("read", lambda state: state.load_many(S, [K])),
    "save_many": ("write", lambda state: state.save_many(S, {K: 1})),
    "warm": ("read", lambda state: state.warm(S)),
    "list_keys": ("read", lambda state: state.list_keys(S)),
    "scope_exists": ("read", lambda state: state.scope_exists(S)),
    "clear": ("delete", lambda state: state.clear(S)),
    "history": ("read", lambda state: state.history(S, K)),
    "load_version": ("read", lambda state: state.load_version(S, K, 1)),
    "diff": ("read", lambda state: state.diff(S, K, 1, 1)),
    "revert": ("read,write", lambda state: state.revert(S, K, 1)),
    "lock": ("write", lambda state: state.lock(S, K, wait=0).__enter__()),
    "acquire_lock": ("write", lambda state: state.acquire_lock(S, K, wait=0)),
    "watch": ("read", lambda state: state.watch(S, "", print)),
    "export_entries": ("read", lambda state: list(state.export_entries(S))),
    "import_entries": ("write", lambda state: state.import_entries([(S, K, 1)])),
    "rollback": ("read,write,delete", lambda state: state.rollback("c1", S)),
    "check_access": ("read", lambda state: state.check_access(S, "read")),
    "list_scopes": ("any", lambda state: state.list_scopes()),
    "get_stats": ("any", lambda state: state.get_stats()),
    "checkpoint": ("any", lambda state: state.checkpoint()),
    "list_checkpoints": ("any", lambda state: state.list_checkpoints()),
    "transaction": ("any", lambda state: state.transaction().__enter__()),
    "run_transaction": ("any", lambda state: state.run_transaction(lambda _: 1)),
    "begin_transaction": ("any", lambda state: state.begin_transaction()),
    "subscribe": ("any", lambda state: state.subscribe()),
    "delete_checkpoint": ("whole", lambda state: state.delete_checkpoint("c1")),
    "compact": ("whole", lambda state: list(state.compact())),
    "verify": ("whole", lambda state: list(state.verify())),
    "key_facts": ("whole", lambda state: state.key_facts()),
    "rotate_key": ("whole", lambda state: state.rotate_key()),
    "change_master_key": ("whole", lambda state: state.change_master_key(None)),  # type: ignore[arg-type]
    "reencrypt": ("whole", lambda state: list(state.reencrypt())),
    "verify_keys": ("whole", lambda state: list(state.verify_keys())),
    "migrate": ("read,write", lambda state: state.migrate(S, K)),
    "migrate_all": ("whole", lambda state: state.migrate_all()),
    "rollback_migration": ("whole", lambda state: state.rollback_migration()),
    "migration_history": ("whole", lambda state: state.migration_history()),
    "migration_status": ("any", lambda state: state.migration_status()),
    "schema_versions": ("any", lambda state: state.schema_versions()),
    "create_backup": ("whole", lambda state: state.create_backup()),
    "list_backups": ("whole", lambda state: state.list_backups()),
    "validate_backup": ("whole", lambda state: state.validate_backup(NO_BACKUP)),
    "restore_backup": ("whole", lambda state: state.restore_backup()),
    "cleanup_backups": ("whole", lambda state: state.cleanup_backups()),
    "delete_backup": ("whole", lambda state: state.delete_backup(NO_BACKUP)),
    "storage_usage": ("whole", lambda state: state.storage_usage()),
    "backup_health": ("whole", lambda state: state.backup_health()),
    "run_due_backups": ("whole", lambda state: state.run_due_backups()),
    "grant": ("admin", lambda state: state.grant("bob", "read", S)),
    "revoke": ("whole", lambda state: state.revoke("g999")),
    "explain": ("admin", lambda state: state.explain("bob", "read", S)),
}
#: How calls may fail that are permitted: others made the same ones before, nothing is encrypted, and
#: backups are off.
EXPECTED = (
    "version_conflict",
    "lock_unavailable",
    "version_not_found",
    "key_missing",
    "feature_unavailable",
)
#: These touch no entry: they end what was begun, or tell each caller what is his.
ASK_NOTHING = {
    "unwatch",
    "release_quietly",
    "wait_for_next_attempt",
    "list_grants",
    "close",
    "before_fork",
    "after_fork",
}


def test_every_public_method_says_here_what_it_needs() -> None:
    public = {
        name
        for name, _ in inspect.getmembers(StateManager, inspect.isfunction)
        if not name.startswith("_")
    }
    assert public == set(METHODS) | ASK_NOTHING


@pytest.mark.parametrize("name", METHODS)
def test_a_method_needs_exactly_what_it_says(guarded: Open, name: str) -> None:
    needs, call = METHODS[name]
    kinds = ("read", "write", "delete")
    grants = [grant("boss", "admin", "*"), grant("stranger", "admin", "other:*")]
    grants += [grant("all but " + kind, ",".join({*kinds} - {kind}), S) for kind in kinds]
    grants.append(grant("exact", "read" if needs in ("any", "whole") else needs, S))
    state = guarded(*grants)
    with acting("boss"):
        state.save(S, K, 1)
        state.checkpoint()
    may = {"boss": True, "exact": needs != "whole", "stranger": needs == "any", "nobody": False}
    for kind in kinds:
        # Who has all but what is needed has too little; who has all but another thing, enough.
        may["all but " + kind] = needs == "any" or (
            needs not in ("whole", "admin") and kind not in needs.split(",")
        )
    for actor, allowed in may.items():
        denied = False
        with acting(actor):
            try:
                call(state)
            except AccessDenied:
                denied = True
            except LlmSpellError as error:
                assert error.code in EXPECTED
        assert denied != allowed, actor


def test_the_whole_store_is_exported_and_rolled_back_by_who_administers_it(guarded: Open) -> None:
    state = guarded(grant("ada", "admin", "user:*"), grant("boss", "admin", "*"))
    with acting("ada"):
        mark = state.checkpoint()
        for call in (state.export_entries, lambda: state.rollback(mark)):
            with pytest.raises(AccessDenied, match="the store as a whole"):
                call()
    with acting("boss"):
        assert list(state.export_entries()) == []
        state.rollback(mark)


def test_an_import_needs_writing_in_every_scope_of_it_or_nothing_is_stored(guarded: Open) -> None:
    state = guarded(grant("ada", "write", "user:*"), grant("boss", "admin", "*"))
    with acting("ada"), pytest.raises(AccessDenied, match="scope 'global'"):
        state.import_entries([("user:1", "k", 1), ("global", "k", 1)])
    with acting("boss"):
        assert not state.key_exists("user:1", "k")


def test_only_scopes_one_may_read_are_listed(guarded: Open) -> None:
    state = guarded(grant("boss", "admin", "*"), grant("agent:a", "read", "user:*"))
    with acting("boss"):
        for scope in ("agent:a", "agent:b", "global", "user:1", "user:2"):
            state.save(scope, "k", 1)
    with acting("agent:a"):
        assert state.list_scopes() == ["agent:a", "user:1", "user:2"]
        assert state.list_scopes("user:1") == ["user:1"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_refusal_does_not_tell_whether_there_is_an_entry(guarded: Open, exists: bool) -> None:
    state = guarded(grant("boss", "admin", "*"))
    if exists:
        with acting("boss"):
            state.save(S, K, 1)
    with acting("ada"), pytest.raises(AccessDenied) as caught:
        state.save(S, K, 2, if_version=1)
    assert caught.value.message == "actor 'ada' may not write in scope 'user:1'"
    assert set(caught.value.details) == {"actor", "scope", "permission"}


def test_a_scope_is_asked_about_by_its_canonical_text(guarded: Open) -> None:
    state = guarded(grant("ada", "read", "user:1"), grant("ada", "read", "workflow:7:step:a"))
    with acting("ada"):
        assert state.load("custom:user:1", K) is None
        assert state.load("step:7:a", K) is None
        with pytest.raises(InvalidScope):
            state.load("agent:", K)


# Transactions -------------------------------------------------------------------------------


def test_a_transaction_asks_at_each_call_and_a_refusal_drops_all_of_it(guarded: Open) -> None:
    state = guarded(grant("ada", "read_write", "user:1"), grant("boss", "admin", "*"))
    with acting("ada"):
        for refused in (lambda tx: tx.delete("user:1", "k"), lambda tx: tx.load("user:2", "k")):
            with pytest.raises(AccessDenied):
                state.run_transaction(lambda tx, refused=refused: (tx.save(S, K, 1), refused(tx)))
        assert state.load("user:1", "k") is None


# What was read before ------------------------------------------------------------------------


def test_what_one_actor_has_read_another_does_not_get_from_the_cache(guarded: Open) -> None:
    state = guarded(grant("ada", "admin", "user:1"), grant("bob", "read", "other"))
    with acting("ada"):
        state.save(S, K, 1)
        kept = state.load_frozen(S, K)
        assert kept is not None
        assert kept.is_current()
    with acting("bob"):
        assert not kept.is_current()
        with pytest.raises(AccessDenied):
            state.load(S, K)


def test_a_vm_keeps_nothing_that_depends_on_a_condition(guarded: Open) -> None:
    state = guarded(
        grant("ada", "write", S), grant("ada", "read", S, time={"daily": "00:00-24:00"})
    )
    with acting("ada"):
        state.save(S, K, 1)
        kept = state.load_frozen(S, K)
        assert kept is not None
        assert not kept.is_current()


# Watching ------------------------------------------------------------------------------------


def test_a_watch_is_told_of_changes_as_long_as_who_began_it_may_read(
    guarded: Open, clock: Clock
) -> None:
    state = guarded(
        grant("boss", "admin", "*"), grant("ada", "read", S, until="2030-03-17T12:00:05Z")
    )
    told = list[Event]()
    with acting("ada"):
        state.watch(S, "", told.append)
        subscription = state.subscribe()
        subscription.watch(S)
    with acting("boss"):
        state.save(S, K, 1)
        clock.pass_s(5)
        state.save(S, K, 2)
        state.save(S, K, 3)
    with acting("boss"):
        assert [event.version for _, event in subscription.take()] == [1]
    assert [event.version for event in told] == [1]


def test_what_waits_for_a_watcher_is_not_given_after_his_grant_has_ended(
    guarded: Open, clock: Clock
) -> None:
    state = guarded(
        grant("boss", "admin", "*"), grant("ada", "read", S, until="2030-03-17T12:00:05Z")
    )
    with acting("ada"):
        subscription = state.subscribe()
        subscription.watch(S)
    with acting("boss"):
        state.save(S, K, 1)
    clock.pass_s(5)
    with acting("ada"):
        assert subscription.take() == []


# Size, encryption, rate ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "save",
    [
        lambda state, value: state.save(S, K, value),
        lambda state, value: state.save(S, K, value, ttl=60),
        lambda state, value: state.save_many(S, {K: value}),
        lambda state, value: state.update(S, K, lambda _: value),
        lambda state, value: state.import_entries([("agent:a", K, "x" * 200), (S, K, value)]),
        lambda state, value: state.run_transaction(lambda tx: tx.save(S, K, value)),
    ],
)
def test_a_size_bounds_every_way_to_write(guarded: Open, save: Callable[..., Any]) -> None:
    state = guarded(grant("agent:a", "read_write", S, size=100))
    with acting("agent:a"):
        save(state, "x" * 50)
        with pytest.raises(AccessDenied, match="at most 100 bytes, not "):
            save(state, "".join(map(str, range(200))))
        assert state.load(S, K) == "x" * 50


def test_a_larger_value_may_be_written_by_another_grant(guarded: Open) -> None:
    state = guarded(
        grant("ada", "write", S, size=100), grant("ada", "write", S, size=1000, rate="1/60s")
    )
    large = list(range(200))
    with acting("ada"):
        state.save(S, K, large)
        with pytest.raises(AccessDenied, match="at most 100 bytes"):
            state.save(S, K, large)
        state.save(S, K, 1)


def test_encryption_is_asked_of_the_value_and_not_of_the_wish(guarded: Open) -> None:
    state = guarded(grant("ada", "write", S, encryption=True))
    with acting("ada"), pytest.raises(AccessDenied, match="stored encrypted"):
        state.save(S, K, 1)


def test_one_call_is_one_request(guarded: Open) -> None:
    state = guarded(grant("ada", "admin", S, rate="6/60s"))
    with acting("ada"):
        state.save(S, K, 1)
        state.update(S, K, lambda value: value + 1)
        state.revert(S, K, 1)
        state.diff(S, K, 1, 3)
        state.import_entries([(S, "a", 1), (S, "b", 1), (S, "c", 1)])
        with suppress(VersionConflict):
            state.save(S, K, 1, if_version=9)
        with pytest.raises(AccessDenied, match="6 requests in 60 s"):
            state.load(S, K)


# Other ways in ------------------------------------------------------------------------------


def test_the_awaited_state_acts_as_who_awaits(guarded: Open) -> None:
    state = guarded(grant("ada", "read_write", S))

    async def main() -> tuple[Any, Any]:
        async with AsyncStateManager(state) as awaited:

            async def save(actor: str) -> Any:
                with acting(actor):
                    try:
                        return (await awaited.save(S, K, 1)).version
                    except AccessDenied as error:
                        return error.details["actor"]

            return tuple(await asyncio.gather(save("ada"), save("bob")))

    assert asyncio.run(main()) == (1, "bob")


def test_what_a_watcher_does_he_does_as_himself_and_not_as_who_made_the_change(
    guarded: Open,
) -> None:
    state = guarded(
        grant("ada", "read_write", "*"),
        grant("eve", "read", "docs"),
        grant("anonymous", "read", "docs"),
    )
    met = SimpleQueue[str]()

    def look(_event: object) -> None:
        with pytest.raises(AccessDenied) as caught:
            state.load("secret", "k")
        met.put(caught.value.details["actor"])

    with acting("eve"):
        state.watch("docs", "", look)
    state.watch("docs", "", look)
    with acting("ada"):
        state.save("docs", "k", 1)
    assert [met.get(timeout=30), met.get(timeout=30)] == ["eve", "anonymous"]
