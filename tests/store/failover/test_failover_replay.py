"""What a failover store does when its primary is back: replay, in order, each write once."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from llmspell.errors import (
    StorageError,
)
from llmspell.store import (
    Delete,
    Origin,
    Put,
)
from llmspell.store.failover.store import FailoverStore
from llmspell.testing import ManualClock

from .outages import Dead, Primary, blobs, put, value


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
    assert sorted(found) == sorted(blob for of_one in written for blob in of_one)
    for number, of_one in enumerate(written):
        assert [blob for blob in found if blob.startswith(b"%d." % number)] == of_one
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
