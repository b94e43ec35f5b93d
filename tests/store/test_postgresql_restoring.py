"""A restore of a PostgreSQL store whose server fails is whole or not there, and is told which."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from llmspell.errors import StorageError
from llmspell.store import Delete, Put, Store
from llmspell.store.base import Reader, Restored
from llmspell.store.server.open import open_server
from llmspell.testing.restoring import restored
from postgres_proxy import PostgresProxy
from postgres_server import PostgresServer

Batch = Sequence[Restored | Delete]
Open = Callable[[str], Store]


@pytest.fixture
def open_store() -> Iterator[Open]:
    stores: list[Store] = []

    def open_store(url: str) -> Store:
        stores.append(open_server(url))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


class _Work:
    """Three batches of a hundred entries each; counts how often it was begun."""

    def __init__(self, after_first: Callable[[], object] = lambda: None) -> None:
        self.begun = 0
        self._after_first = after_first

    def __call__(self, _: Reader) -> Iterator[Batch]:
        self.begun += 1
        for number in range(3):
            yield [restored(f"{number} {index}") for index in range(100)]
            if number == 0:
                self._after_first()


def test_a_connection_that_is_lost_in_the_middle_leaves_nothing(
    postgres: PostgresServer, postgres_url: str, open_store: Open
) -> None:
    """Work is not begun again by itself, since nobody knows whether it can be."""
    store = open_store(postgres_url)
    store.write([Put("s", "k", b"", 1)])

    def end_others() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )

    work = _Work(end_others)
    with pytest.raises(StorageError) as caught:
        store.restore(work)
    assert caught.value.details["reason"] == "unavailable"
    assert work.begun == 1
    assert [row.key for row in store.scan("s")] == ["k"]
    assert store.restore(_Work()).seq == 301


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_that_is_lost_during_the_commit_is_asked_about(
    postgres: PostgresServer, open_store: Open, cut: str
) -> None:
    """It returns if all of it is there, and fails if nothing is."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        proxy = PostgresProxy(Path(folder), postgres.folder)
        store = open_store(postgres.new_url().replace(str(postgres.folder), folder))
        work = _Work()
        proxy.cut = cut
        if cut == "after":
            assert store.restore(work).seq == 300
        else:
            with pytest.raises(StorageError):
                store.restore(work)
        assert work.begun == 1
        assert len(store.scan("s")) == (300 if cut == "after" else 0)
        assert store.restore(lambda _: [[restored("next")]]).seq == store.span().last
        proxy.close()
