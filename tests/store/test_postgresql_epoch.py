"""With ``max_stale_ms`` a store's epoch is real, and never older than that."""

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from llmspell.store import Put, Ref, Store
from llmspell.store.server.open import open_server

Open = Callable[..., Store]


@pytest.fixture
def open_store(postgres_url: str) -> Iterator[Open]:
    stores: list[Store] = []

    def open_store(max_stale_ms: int) -> Store:
        stores.append(open_server(postgres_url, max_stale_ms=max_stale_ms))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def known_epoch(store: Store) -> int:
    """Return the epoch as soon as there is one."""
    deadline = time.monotonic() + 10
    while (epoch := store.epoch()) == -1:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return epoch


def moved(store: Store, epoch: int) -> float:
    """Return until when, in seconds from now, the epoch was still this one.

    That is when it was last asked for in vain: how late the test itself is does not count.
    """
    begun = asked = time.monotonic()
    while True:
        next_asked = time.monotonic()
        if store.epoch() != epoch:
            return asked - begun
        asked = next_asked
        assert asked < begun + 20
        time.sleep(0.001)


def test_without_it_nothing_may_be_cached(open_store: Open) -> None:
    store = open_store(0)
    result = store.write([Put("s", "k", b"", 1)])
    assert (store.epoch(), result.epoch_before, result.epoch_after) == (-1, -1, -1)


def test_an_idle_epoch_is_steady_and_own_writes_carry_it_on(open_store: Open) -> None:
    store = open_store(500)
    before = known_epoch(store)
    time.sleep(0.7)
    assert known_epoch(store) == before
    for number in range(3):
        result = store.write([Put("s", "k", b"%d" % number, 1)])
        assert (result.epoch_before, result.epoch_after) == (before, store.epoch())
        assert result.epoch_after != before
        before = result.epoch_after


def test_a_write_of_another_store_moves_it_and_breaks_the_chain(open_store: Open) -> None:
    store, other = open_store(500), open_store(0)
    before = known_epoch(store)
    other.write([Put("s", "k", b"theirs", 1)])
    assert moved(store, before) < 0.5
    before = known_epoch(store)
    other.write([Put("s", "k", b"again", 1)])
    assert store.write([Put("s", "mine", b"", 1)]).epoch_before != before


def test_it_is_never_staler_than_was_asked_for_when_messages_get_lost(
    open_store: Open, postgres_url: str
) -> None:
    """Another program's change tells nobody; asking finds it."""
    store = open_store(200)
    before = known_epoch(store)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE llmspell_meta SET commits = commits + 1")
    assert moved(store, before) < 0.25


def test_it_is_unknown_while_the_server_is_out_of_reach_and_then_another(
    open_store: Open, postgres_url: str
) -> None:
    """A server that took over may have lost commits, so no earlier number may return."""
    store = open_store(200)
    store.write([Put("s", "k", b"", 1)])
    time.sleep(0.3)  # its own write tells it no longer: there is a connection that listens
    before = known_epoch(store)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        assert moved(store, before) < 0.5
    assert known_epoch(store) > before
    assert store.read([Ref("s", "k")])[0] is not None
