"""The PostgreSQL server dies while clients write, and nothing that was acknowledged is lost."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmspell.store import Delete, Put, Ref, Store
from llmspell.store.server.open import open_server
from postgres_server import PostgresServer


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    store = open_server(postgres_url + "&connect_timeout=20")
    yield store
    store.close()


def test_stores_go_on_after_the_server_was_killed_and_started_again(
    postgres: PostgresServer, postgres_url: str, store: Store
) -> None:
    """Every write succeeds exactly once, readers included, and no store is opened anew."""
    other = open_server(postgres_url + "&connect_timeout=20")
    stop = threading.Event()

    def write(number: int) -> int:
        mine, count = (store, other)[number % 2], 0
        while not stop.is_set():
            count += 1
            blob = b"%d" % count
            batch = [Put("s", f"{number}", blob, 1), Put("s", f"{number}-twin", blob, 1)]
            result = mine.write(
                [*batch, Put("t", f"{number}", blob, 1), Delete("t", f"{number}", 1)]
            )
            assert [written.version for written in result.written[:2]] == [count, count]
        return count

    def read() -> int:
        count = 0
        while not stop.is_set():
            rows = store.scan("s")
            values = {row.key: row.blob for row in rows}
            assert all(values[key] == values[f"{key}-twin"] for key in values if "-" not in key)
            count += 1
        return count

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        reader = pool.submit(read)
        for pause in (0.3, 0.15):
            time.sleep(pause)
            postgres.kill()
            postgres.start()
        time.sleep(0.3)
        stop.set()
        counts = [writer.result(timeout=30) for writer in writers]
        assert reader.result(timeout=30) > 0
    rows = store.read([Ref("s", f"{number}") for number in range(4)])
    assert [row and (row.version, int(row.blob)) for row in rows] == [(n, n) for n in counts]
    changes = store.changes(0)
    assert [change.seq for change in changes] == list(range(1, 4 * sum(counts) + 1))
    latest: dict[tuple[str, str], int] = {}
    for change in changes:
        assert change.previous == latest.get((change.scope, change.key))
        latest[change.scope, change.key] = change.seq
    other.close()


def test_who_waits_is_woken_after_a_restart_too(postgres: PostgresServer, store: Store) -> None:
    store.write([Put("s", "k", b"", 1)])
    assert store.wait(0, 5)
    postgres.kill()
    postgres.start()
    threading.Timer(0.2, store.write, [[Put("s", "k", b"", 1)]]).start()
    assert store.wait(1, 10)
    assert [change.seq for change in store.changes(0)] == [1, 2]


def test_a_snapshot_ends_with_its_server(postgres: PostgresServer, store: Store) -> None:
    """It cannot go on, since the moment it stood for is gone."""
    with store.snapshot() as moment:
        assert moment.scopes() == []
        postgres.kill()
        with pytest.raises(OSError, match="does not answer"):
            moment.scopes()
        postgres.start()
    assert store.scopes() == []
