"""A failover store: what it can do while its primary is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmspell.errors import (
    FeatureUnavailable,
    RuntimeClosed,
    StorageError,
    VersionConflict,
)
from llmspell.state.manager import StateManager
from llmspell.store import (
    INTERNAL,
    NOBODY,
    Check,
    Clear,
    Delete,
    Put,
    Ref,
    Store,
    open_store,
)
from llmspell.store.failover.store import FailoverStore
from llmspell.testing import ManualClock, StoreContract

from .outages import Primary, blobs, put, unavailable, value


class TestHealthy(StoreContract):
    """While the primary answers, a failover store is a store like any other."""

    caches = True

    @pytest.fixture
    def store(self, clock: ManualClock, path: Path) -> Iterator[Store]:
        store = FailoverStore(lambda: open_store("memory", clock=clock), path, clock=clock)
        yield store
        store.close()

    @pytest.fixture
    def store_without_journal(self, clock: ManualClock, path: Path) -> Iterator[Store]:
        store = FailoverStore(
            lambda: open_store("memory", clock=clock, journal=False), path, clock=clock
        )
        yield store
        store.close()


# Going down ------------------------------------------------------------------------------------


def test_failures_are_errors_until_there_were_enough_of_them(primary: Primary, path: Path) -> None:
    store = primary.failover(path, failures=3)
    put(store, "a", b"1")
    primary.reason = "unavailable"
    for count in (1, 2):
        assert "does not answer" in unavailable(lambda: put(store, "a", b"2"))
        assert store.health()["failures"] == count
    assert put(store, "a", b"2") == 2
    assert store.health()["breaker"] == "open"
    store.close()


def test_failures_that_are_not_in_a_row_open_nothing(primary: Primary, path: Path) -> None:
    store = primary.failover(path, failures=2)
    for _ in range(5):
        primary.reason = "io"
        with pytest.raises(StorageError):
            value(store, "a")
        primary.reason = None
        value(store, "a")
    assert store.health()["breaker"] == "closed"
    store.close()


def test_a_primary_that_answers_with_a_refusal_is_not_replaced(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"1")
    for reason in ("locked", "disk_full", "read_only", "corrupt"):
        primary.reason = reason
        with pytest.raises(StorageError) as caught:
            put(store, "a", b"2")
        assert caught.value.details["reason"] == reason
    with pytest.raises(StorageError):
        store.span()
    assert store.health()["breaker"] == "closed"


def test_a_write_whose_outcome_is_unknown_is_not_made_a_second_time(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"1")
    primary.reason = "unknown_outcome"
    with pytest.raises(StorageError, match="does not answer"):
        put(store, "a", b"2")
    assert store.health()["breaker"] == "open"
    assert store.health()["waiting_writes"] == 0


def test_the_primary_may_be_away_from_the_beginning(primary: Primary, path: Path) -> None:
    primary.reason = "unavailable"
    store = primary.failover(path)
    assert put(store, "a", b"1") == 1
    assert value(store, "a") == b"1"
    primary.reason = None
    assert store.replay()
    assert blobs(primary.store) == [b"1"]
    store.close()


def test_other_failures_to_open_are_errors_at_once(primary: Primary, path: Path) -> None:
    primary.reason = "authentication"
    with pytest.raises(StorageError) as caught:
        primary.failover(path)
    assert caught.value.details["reason"] == "authentication"

    def missing() -> Store:
        raise FeatureUnavailable("no such backend")

    with pytest.raises(FeatureUnavailable):
        FailoverStore(missing, path)


# While it is away ------------------------------------------------------------------------------


def test_what_was_read_or_written_can_be_read_and_written_on(
    primary: Primary, store: FailoverStore
) -> None:
    put(primary.store, "theirs", b"1")
    put(primary.store, "theirs", b"2")
    value(store, "theirs")
    put(store, "ours", b"1")
    primary.reason = "unavailable"
    assert [value(store, "theirs"), value(store, "ours")] == [b"2", b"1"]
    assert [put(store, "theirs", b"3"), put(store, "ours", b"2")] == [3, 2]
    assert [value(store, "theirs"), value(store, "ours")] == [b"3", b"2"]
    (row,) = store.read([Ref("s", "theirs")])
    assert row is not None
    assert (row.version, row.blob) == (3, b"3")


def test_what_was_never_seen_is_an_error_and_not_absent(
    primary: Primary, store: FailoverStore
) -> None:
    value(store, "absent")
    primary.reason = "unavailable"
    assert value(store, "absent") is None
    assert "'other' in scope 's' is not known" in unavailable(lambda: value(store, "other"))
    unavailable(lambda: store.read([Ref("s", "absent"), Ref("s", "other")]))


def test_a_deleted_entry_is_known_to_be_absent(primary: Primary, store: FailoverStore) -> None:
    put(store, "a", b"1")
    put(store, "b", b"1")
    store.write([Delete("s", "a", 5)])
    primary.reason = "unavailable"
    assert value(store, "a") is None
    store.write([Delete("s", "b", 5)])
    assert value(store, "b") is None


def test_what_a_cleared_scope_held_is_no_longer_known(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"1")
    store.write([Clear("s", 5)])
    primary.reason = "unavailable"
    unavailable(lambda: value(store, "a"))


def test_what_went_out_of_memory_is_not_known_as_it_was_in_an_earlier_outage(
    primary: Primary, path: Path
) -> None:
    store = primary.failover(path, cache_bytes=20_000)
    for key in ("deleted", "evicted"):
        put(store, key, b"old")
    for reason in ("unavailable", None):
        primary.reason = reason
        store.replay()
    put(store, "evicted", b"new")
    for number in range(30):
        put(store, str(number), bytes(1000))
    store.write([Clear("s", 5)])
    put(store, "0", b"new")
    primary.reason = "unavailable"
    for key in ("deleted", "evicted", "1"):
        unavailable(lambda key=key: value(store, key))
    assert value(store, "0") == b"new"
    store.close()


def test_entries_expire_while_the_primary_is_away(
    primary: Primary, store: FailoverStore, clock: ManualClock
) -> None:
    store.write([Put("s", "before", b"1", clock.now, expires_at=clock.now + 10)])
    primary.reason = "unavailable"
    store.write([Put("s", "after", b"1", clock.now, expires_at=clock.now + 10)])
    assert [value(store, "before"), value(store, "after")] == [b"1", b"1"]
    clock.now += 10
    assert [value(store, "before"), value(store, "after")] == [None, None]


def test_only_a_bounded_number_of_bytes_is_kept(primary: Primary, path: Path) -> None:
    store = primary.failover(path, cache_bytes=20_000)
    for number in range(30):
        put(store, str(number), bytes(1000))
    primary.reason = "unavailable"
    assert value(store, "29") == bytes(1000)
    unavailable(lambda: value(store, "0"))
    store.close()


def test_the_next_process_knows_what_this_one_knew(primary: Primary, path: Path) -> None:
    store = primary.failover(path)
    put(store, "a", b"1")
    store.close()
    primary.reason = "unavailable"
    store = primary.failover(path)
    assert value(store, "a") == b"1"
    store.close()


def test_preconditions_are_checked_against_what_is_known(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"1")
    primary.reason = "unavailable"
    with pytest.raises(VersionConflict):
        put(store, "a", b"2", if_version=7)
    with pytest.raises(VersionConflict):
        store.write([Put("s", "b", b"", 1), Check("s", "a", 1, 7)])
    assert store.health()["waiting_writes"] == 0
    assert put(store, "a", b"2", if_version=1) == 2
    unavailable(lambda: put(store, "unseen", b"", if_version=0))
    unavailable(lambda: store.write([Delete("s", "unseen", 1)]))


def test_what_only_the_primary_can_do_is_a_clear_error(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"1")
    primary.reason = "unavailable"
    for call in (
        lambda: store.scan("s"),
        store.scopes,
        lambda: store.walk(limit=1),
        store.position,
        lambda: store.snapshot().__enter__(),
        store.span,
        lambda: store.changes(0),
        lambda: store.recall([1]),
        lambda: store.history(Ref("s", "a")),
        lambda: store.compact(keep=0),
        lambda: store.sweep(0),
        lambda: store.write([Clear("s", 1)]),
        lambda: store.write([Put(INTERNAL + "lease", "a", b"", 1)]),
        lambda: store.read([Ref(INTERNAL + "lease", "a")]),
    ):
        assert "the primary store cannot be reached" in unavailable(call)
    assert store.health()["waiting_writes"] == 0


def test_nothing_is_to_be_cached_while_the_primary_is_away(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"1")
    before = store.epoch()
    assert before >= 0
    primary.reason = "unavailable"
    assert store.put("s", "a", b"2", 1, 1, "standard", None, NOBODY)[2:] == (-1, -1)
    assert store.epoch() == -1
    primary.reason = None
    store.replay()
    assert store.epoch() > before
    assert put(store, "a", b"3") == 3


def test_waiting_for_changes_lasts_until_the_primary_is_back(
    primary: Primary, store: FailoverStore
) -> None:
    primary.reason = "unavailable"
    assert not store.wait(0, 0.01)
    put(store, "a", b"1")
    primary.reason = None
    timer = threading.Timer(0.05, store.replay)
    timer.start()
    assert store.wait(0, 10)
    timer.join()


def test_health_tells_what_is_the_matter(primary: Primary, store: FailoverStore) -> None:
    assert store.health() == {
        "breaker": "closed",
        "since": "2023-11-14T22:13:20+00:00",
        "failures": 0,
        "waiting_writes": 0,
        "conflicts": 0,
        "last_error": None,
    }
    primary.clock.now += 60_000_000
    primary.reason = "unavailable"
    put(store, "a", b"1")
    assert store.stats()["failover"] == {
        "breaker": "open",
        "since": "2023-11-14T22:14:20+00:00",
        "failures": 1,
        "waiting_writes": 1,
        "conflicts": 0,
        "last_error": {"reason": "unavailable", "message": "it does not answer"},
    }
    primary.reason = None
    store.replay()
    assert store.stats()["backend"] == "memory"
    assert store.stats()["failover"]["breaker"] == "closed"


@pytest.mark.parametrize("failures", [1, 3])
def test_facts_can_be_had_while_the_primary_is_away(
    primary: Primary, path: Path, failures: int
) -> None:
    stores = [primary.failover(path, failures=failures)]
    primary.reason = "unavailable"
    stores.append(primary.failover(path))  # has never reached it
    for store in stores:
        facts = store.stats()
        assert (facts["backend"], facts["local_path"]) == ("away", str(path))
        assert facts["failover"]["last_error"]["reason"] == "unavailable"
        store.close()


def test_state_tells_its_facts_while_the_primary_is_away(
    primary: Primary, store: FailoverStore
) -> None:
    state = StateManager(store)
    assert "journal" in state.get_stats()
    primary.reason = "io"
    facts = state.get_stats()
    assert "journal" not in facts
    assert facts["failover"]["breaker"] == "open"


def test_internal_names_are_not_told_while_the_primary_is_away(
    primary: Primary, store: FailoverStore
) -> None:
    primary.reason = "unavailable"
    for call in (
        lambda: store.read([Ref(INTERNAL + "lease", "a")]),
        lambda: store.write([Put(INTERNAL + "lease", "a", b"", 1)]),
    ):
        assert "checkpoints and locks cannot be used without it" in unavailable(call)


def test_after_close_every_call_is_refused(primary: Primary, path: Path) -> None:
    for reason in (None, "unavailable"):
        store = primary.failover(path)
        primary.reason = reason
        put(store, "a", b"1")
        store.close()
        store.close()
        for call in (
            store.health, store.conflicts, store.replay, store.epoch, store.span, store.stats,
            lambda store=store: value(store, "a"), lambda store=store: put(store, "a", b""),
        ):  # fmt: skip
            with pytest.raises(RuntimeClosed):
                call()
