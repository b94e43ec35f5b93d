"""Threads that wait for the right to write on a server are served together, each for itself."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest

from llmspell.errors import RuntimeClosed, StorageError, VersionConflict
from llmspell.store import Origin, Put, Ref, Store, WriteResult
from llmspell.store.server.open import open_server
from state.beside import wait_until

Together = Callable[..., list["Future[WriteResult]"]]


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    store = open_server(postgres_url)
    yield store
    store.close()


@pytest.fixture
def together(postgres_url: str, store: Store) -> Together:
    """Make calls in threads that all wait, one behind the other, while another has the right to write."""

    def together(*calls: Callable[[], WriteResult]) -> list["Future[WriteResult]"]:
        futures: list[Future[WriteResult]] = []

        def waits() -> bool:
            if len(futures) == 1:  # on the server
                waiting = other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return waiting.fetchone() != (0,)
            in_line = len(store._group._waiting)  # type: ignore[attr-defined]
            return in_line == len(futures) - 1 or store._pool._closed  # type: ignore[attr-defined]

        with ThreadPoolExecutor(len(calls)) as pool, psycopg.connect(postgres_url) as other:
            other.execute("SELECT * FROM llmspell_meta FOR UPDATE")
            for call in calls:
                futures.append(pool.submit(call))
                wait_until(waits)
            other.rollback()
        return futures

    return together


def put(store: Store, key: str, **fields: object) -> Callable[[], WriteResult]:
    return lambda: store.write([Put("s", key, b"v", 1, **fields)])  # type: ignore[arg-type]


def test_those_that_wait_share_a_transaction(
    postgres_url: str, store: Store, together: Together
) -> None:
    futures = together(*(put(store, str(number)) for number in range(8)))
    assert sorted(future.result().seq for future in futures) == list(range(1, 9))
    with psycopg.connect(postgres_url) as connection:
        count = connection.execute("SELECT count(DISTINCT xmin::text) FROM llmspell_entries")
        assert count.fetchone() == (2,)


def test_a_conflict_fails_the_batch_that_has_it_and_no_other(
    store: Store, together: Together
) -> None:
    calls = [put(store, "a"), put(store, "b"), put(store, "c", if_version=7), put(store, "d")]
    errors = [future.exception() for future in together(*calls)]
    assert [type(error) for error in errors] == [
        type(None),
        type(None),
        VersionConflict,
        type(None),
    ]
    assert [change.key for change in store.changes(0)] == ["a", "b", "d"]


def test_writes_of_one_key_each_see_the_one_before(store: Store, together: Together) -> None:
    results = [future.result() for future in together(*[put(store, "k")] * 6)]
    assert sorted(result.written[0].version for result in results) == [1, 2, 3, 4, 5, 6]
    assert [change.previous for change in store.changes(0)] == [None, 1, 2, 3, 4, 5]


def test_what_the_server_cannot_store_fails_alone(store: Store, together: Together) -> None:
    bad = [Put("s", "bad", b"v", 1)]
    calls = [put(store, "a"), put(store, "b"), lambda: store.write(bad, origin=Origin("\0"))]
    futures = together(*calls, put(store, "d"))
    with pytest.raises(StorageError) as caught:
        futures[2].result()
    assert caught.value.details["reason"] == "io"
    assert [row.key for row in store.scan("s")] == ["a", "b", "d"]


def test_maintenance_takes_its_turn_among_the_writes(store: Store, together: Together) -> None:
    store.write([Put("s", "old", b"", 1, expires_at=2)])
    calls: list[Callable[[], object]] = [put(store, "a"), put(store, "b")]
    calls += [lambda: store.sweep(3), put(store, "c"), lambda: store.compact(keep=0)]
    for future in together(*calls):
        future.result()
    assert store.read([Ref("s", "old")]) == [None]
    assert store.span()[:2] == (5, 5)


def test_whoever_waits_when_the_store_is_closed_is_told(
    postgres_url: str, store: Store, together: Together
) -> None:
    """The one in the middle of its write finishes it; close waits for that."""
    *written, closed = together(put(store, "a"), put(store, "b"), lambda: store.close())  # type: ignore[arg-type,return-value]
    assert closed.exception() is None
    assert written[0].result().seq == 1
    assert isinstance(written[1].exception(), RuntimeClosed | None)
