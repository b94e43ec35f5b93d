"""A failover store: what it can do while its primary is away, and what comes of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmspell.errors import (
    FeatureUnavailable,
    InvalidArgument,
    RuntimeClosed,
    StorageError,
    VersionConflict,
)
from llmspell.store import (
    INTERNAL,
    NOBODY,
    Check,
    Clear,
    Delete,
    Origin,
    Put,
    Ref,
    Store,
    open_store,
)
from llmspell.store.failover import FailoverStore
from llmspell.testing import ManualClock, StoreContract

from .outages import Dead, Primary, blobs, put, value


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def primary(clock: ManualClock) -> Primary:
    return Primary(clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "failover.db"


@pytest.fixture
def store(primary: Primary, path: Path) -> Iterator[FailoverStore]:
    store = primary.failover(path)
    yield store
    store.close()


def unavailable(call: Callable[[], object]) -> str:
    with pytest.raises(StorageError) as caught:
        call()
    assert caught.value.details["reason"] == "unavailable"
    return str(caught.value)


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


# Coming back -----------------------------------------------------------------------------------


def test_what_waited_is_replayed_in_order_with_times_and_origins(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"0")
    primary.reason = "unavailable"
    origin = Origin("actor", "run", "correlation")
    store.write([Put("s", "a", b"1", 11), Put("s", "b", b"2", 12)], origin=origin)
    store.write([Delete("s", "a", 13)])
    store.write([Put("s", "a", b"3", 14, versions=2)])
    primary.reason = None
    assert store.replay()
    changes = primary.store.changes(1)
    assert [(c.key, c.op, c.at, c.version, c.blob) for c in changes] == [
        ("a", "put", 11, 2, b"1"),
        ("b", "put", 12, 1, b"2"),
        ("a", "delete", 13, 3, b""),
        ("a", "put", 14, 5, b"3"),
    ]
    assert [change.actor for change in changes] == ["actor", "actor", None, None]
    assert store.health()["waiting_writes"] == 0
    assert store.conflicts() == []
    assert value(store, "a") == b"3"


def test_versions_handed_out_are_those_the_primary_gives(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"0")
    primary.reason = "unavailable"
    promised = [put(store, "a", b"1"), put(store, "a", b"2")]
    primary.reason = None
    store.replay()
    assert [change.version for change in primary.store.changes(1)] == promised
    assert put(store, "a", b"3", if_version=promised[-1]) == 4


def test_a_key_that_had_lived_before_is_replayed_under_its_next_versions(
    primary: Primary, store: FailoverStore
) -> None:
    put(primary.store, "a", b"0")
    primary.store.write([Delete("s", "a", 5)])
    value(store, "a")
    primary.reason = "unavailable"
    put(store, "a", b"1")
    put(store, "a", b"2", if_version=1)
    primary.reason = None
    store.replay()
    assert [change.version for change in primary.store.changes(2)] == [3, 4]
    assert store.conflicts() == []


def test_entries_that_expired_meanwhile_make_no_conflict(
    primary: Primary, store: FailoverStore, clock: ManualClock
) -> None:
    put(store, "a", b"0")
    primary.reason = "unavailable"
    store.write([Put("s", "a", b"1", clock.now, expires_at=clock.now + 10)])
    clock.now += 20
    store.write([Put("s", "a", b"2", clock.now)])
    primary.reason = None
    store.replay()
    assert [change.op for change in primary.store.changes(1)] == ["put", "expire", "put"]
    assert store.conflicts() == []


def test_replay_begins_without_a_call_and_the_thread_ends(primary: Primary, path: Path) -> None:
    store = primary.failover(path, retry_s=0.02)
    primary.reason = "unavailable"
    put(store, "a", b"1")
    threads = [thread for thread in threading.enumerate() if thread.name == "failover"]
    assert len(threads) == 1
    primary.reason = None
    threads[0].join(10)
    assert blobs(primary.store) == [b"1"]
    assert store.health()["breaker"] == "closed"
    store.close()


def test_close_ends_the_thread_while_the_primary_is_away(primary: Primary, path: Path) -> None:
    primary.reason = "unavailable"
    store = primary.failover(path)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "failover")
    store.close()
    assert not thread.is_alive()


def test_the_next_process_replays_what_this_one_left(primary: Primary, path: Path) -> None:
    store = primary.failover(path)
    primary.reason = "unavailable"
    put(store, "a", b"1")
    store.close()
    primary.reason = None
    store = primary.failover(path)
    assert blobs(primary.store) == [b"1"]
    assert value(store, "a") == b"1"
    store.close()


def test_processes_share_a_log_and_see_what_the_others_wrote(primary: Primary, path: Path) -> None:
    primary.reason = "unavailable"
    stores = [primary.failover(path) for _ in range(2)]
    put(stores[0], "a", b"1")
    assert value(stores[1], "a") == b"1"
    assert put(stores[1], "a", b"2") == 2
    primary.reason = None
    threads = [threading.Thread(target=store.replay) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blobs(primary.store) == [b"1", b"2"]
    for store in stores:
        store.close()


def test_threads_that_write_during_replay_lose_nothing(primary: Primary, path: Path) -> None:
    store = primary.failover(path)
    primary.reason = "unavailable"
    written = [[f"{t}.{n}".encode() for n in range(60)] for t in range(3)]

    def write(thread: int) -> None:
        for blob in written[thread]:
            put(store, str(thread), blob)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    primary.reason = None
    assert store.replay()
    for thread in threads:
        thread.join()
    found = blobs(primary.store)
    assert sorted(found) == sorted(sum(written, []))
    for number, blobs_of_one in enumerate(written):
        assert [blob for blob in found if blob.startswith(b"%d." % number)] == blobs_of_one
    store.close()


@pytest.mark.parametrize("dies_after", [0, 1, 2])
def test_a_death_between_the_two_commits_applies_nothing_twice(
    primary: Primary, path: Path, dies_after: int
) -> None:
    store = primary.failover(path)
    put(store, "a", b"0")
    put(store, "b", b"0")
    primary.reason = "unavailable"
    for blob in (b"1", b"2", b"3"):
        put(store, "a", blob)
    put(store, "new", b"4")
    primary.reason, primary.dies_after = None, dies_after
    with pytest.raises(Dead):
        store.replay()
    primary.dies_after = None
    again = primary.failover(path)
    assert blobs(primary.store) == [b"0", b"0", b"1", b"2", b"3", b"4"]
    assert again.conflicts() == []
    again.close()
    store.close()


def test_a_child_process_goes_on_by_itself(primary: Primary, path: Path) -> None:
    store = primary.failover(path)
    put(store, "a", b"0")
    primary.reason = "unavailable"
    put(store, "a", b"1")
    child = os.fork()
    if child == 0:
        done = put(store, "a", b"2") == 3 and value(store, "a") == b"2"
        os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0
    primary.reason = None
    assert store.replay()
    assert blobs(primary.store) == [b"0", b"1", b"2"]
    store.close()


def test_a_write_the_primary_can_never_take_does_not_hold_up_the_rest(
    primary: Primary, path: Path
) -> None:
    class Choosy(type(primary.open())):  # type: ignore[misc]
        def write(self, batch, **options):  # type: ignore[no-untyped-def]
            if any(getattr(operation, "blob", b"") == b"too large" for operation in batch):
                raise StorageError("it is too large", reason="io")
            return super().write(batch, **options)

    store = FailoverStore(
        lambda: primary.check() or Choosy(primary), path, failures=1, retry_s=3600
    )
    primary.reason = "unavailable"
    put(store, "a", b"too large")
    put(store, "b", b"1")
    primary.reason = None
    assert [store.replay() for _ in range(3)] == [False, False, True]
    assert blobs(primary.store) == [b"1"]
    (conflict,) = store.conflicts()
    assert conflict.problem == "it is too large"
    store.close()


# Conflicts -------------------------------------------------------------------------------------


@pytest.fixture
def in_conflict(primary: Primary, store: FailoverStore) -> FailoverStore:
    """Both sides wrote "a" over version 1, ours twice; "b" is only ours."""
    put(store, "a", b"base")
    primary.reason = "unavailable"
    store.write([Put("s", "a", b"ours", 11)], origin=Origin("me", None, None))
    put(store, "a", b"ours too")
    put(store, "b", b"alone")
    put(primary.store, "a", b"theirs")
    primary.reason = None
    assert store.replay()
    return store


def test_a_conflict_keeps_both_sides_and_the_rest_goes_on(
    primary: Primary, in_conflict: FailoverStore
) -> None:
    first, second = in_conflict.conflicts()
    assert blobs(primary.store) == [b"base", b"theirs", b"alone"]
    (side,) = first.sides
    assert side.ours is not None
    assert side.theirs is not None
    assert (side.scope, side.key, side.base) == ("s", "a", 1)
    assert (side.ours.blob, side.theirs.blob, side.theirs.version) == (b"ours", b"theirs", 2)
    assert first.origin.actor == "me"
    assert second.sides[0].ours is not None
    assert second.sides[0].ours.blob == b"ours too"
    assert in_conflict.health()["conflicts"] == 2
    assert value(in_conflict, "a") == b"theirs"


def test_keeping_theirs_drops_ours(primary: Primary, in_conflict: FailoverStore) -> None:
    first, second = in_conflict.conflicts()
    in_conflict.keep_theirs(first.id)
    assert [conflict.id for conflict in in_conflict.conflicts()] == [second.id]
    assert value(in_conflict, "a") == b"theirs"
    with pytest.raises(InvalidArgument):
        in_conflict.keep_theirs(first.id)


def test_keeping_ours_writes_a_new_version_over_theirs(
    primary: Primary, in_conflict: FailoverStore, clock: ManualClock
) -> None:
    clock.now += 77
    for conflict in in_conflict.conflicts():
        in_conflict.keep_ours(conflict.id)
    changes = primary.store.history(Ref("s", "a"))
    assert [(change.version, change.blob) for change in changes] == [
        (4, b"ours too"),
        (3, b"ours"),
        (2, b"theirs"),
        (1, b"base"),
    ]
    assert [change.at for change in changes][:2] == [clock.now, clock.now]
    assert changes[1].actor == "me"
    assert in_conflict.conflicts() == []


def test_ours_is_not_written_over_what_nobody_has_looked_at(
    primary: Primary, in_conflict: FailoverStore
) -> None:
    first, _ = in_conflict.conflicts()
    put(primary.store, "a", b"newer")
    with pytest.raises(VersionConflict, match="no longer what it was"):
        in_conflict.keep_ours(first.id)
    (side,) = in_conflict.conflict(first.id).sides
    assert side.theirs is not None
    assert side.theirs.blob == b"newer"
    in_conflict.keep_ours(first.id)
    assert value(in_conflict, "a") == b"ours"


def test_ours_needs_the_primary_and_theirs_does_not(
    primary: Primary, in_conflict: FailoverStore
) -> None:
    first, second = in_conflict.conflicts()
    primary.reason = "unavailable"
    unavailable(lambda: in_conflict.keep_ours(first.id))
    in_conflict.keep_theirs(first.id)
    assert [conflict.id for conflict in in_conflict.conflicts()] == [second.id]


def test_a_death_while_keeping_ours_does_not_write_it_twice(
    primary: Primary, in_conflict: FailoverStore
) -> None:
    first, _ = in_conflict.conflicts()
    primary.dies_after = 0
    with pytest.raises(Dead):
        in_conflict.keep_ours(first.id)
    primary.dies_after = None
    in_conflict.keep_ours(first.id)
    assert [blob for blob in blobs(primary.store) if blob == b"ours"] == [b"ours"]
    assert len(in_conflict.conflicts()) == 1


def test_a_batch_is_taken_or_refused_as_a_whole(primary: Primary, store: FailoverStore) -> None:
    put(store, "a", b"base")
    put(store, "seen", b"base")
    primary.reason = "unavailable"
    store.write([Put("s", "a", b"ours", 11), Put("s", "b", b"ours", 11), Delete("s", "seen", 11)])
    put(primary.store, "seen", b"theirs")
    primary.reason = None
    store.replay()
    assert b"ours" not in blobs(primary.store)
    (conflict,) = store.conflicts()
    assert [(side.key, side.base, side.ours and side.ours.blob) for side in conflict.sides] == [
        ("a", 1, b"ours"),
        ("b", None, b"ours"),
        ("seen", 1, None),
    ]
    store.keep_ours(conflict.id)
    assert [value(store, key) for key in ("a", "b", "seen")] == [b"ours", b"ours", None]


def test_what_a_write_only_looked_at_must_hold_at_the_primary_too(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"base")
    put(store, "b", b"base")
    primary.reason = "unavailable"
    put(store, "a", b"ours")
    store.write([Check("s", "a", 11, 2), Put("s", "b", b"by a", 11)])
    put(primary.store, "a", b"theirs")
    primary.reason = None
    store.replay()
    assert [conflict.sides[0].key for conflict in store.conflicts()] == ["a", "b"]
    assert value(store, "b") == b"base"


def test_a_write_of_an_unknown_entry_overwrites_nothing(
    primary: Primary, store: FailoverStore
) -> None:
    put(primary.store, "a", b"theirs")
    primary.reason = "unavailable"
    put(store, "a", b"ours")
    put(store, "b", b"ours")
    primary.reason = None
    store.replay()
    assert blobs(primary.store) == [b"theirs", b"ours"]
    (conflict,) = store.conflicts()
    assert conflict.sides[0].base is None
