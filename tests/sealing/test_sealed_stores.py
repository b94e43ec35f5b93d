"""A store that seals every blob is a store like any other, whatever it is made of."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmspell.security.keys.master import MasterKey
from llmspell.store import Store, open_store
from llmspell.store.sealed.opening import sealed
from llmspell.store.sealed.sealing import Sealing
from llmspell.store.server.open import open_server
from llmspell.testing import ManualClock, SharedStoreContract, StoreContract

EVERYTHING = Sealing(MasterKey(b"k" * 32), everything=True, every_blob=True)


class TestSealedMemoryStore(StoreContract):
    caches = True
    histories = 15

    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        store = open_store("memory", clock=clock, sealing=EVERYTHING)
        yield store
        store.close()

    @pytest.fixture
    def store_without_journal(self, clock: ManualClock) -> Iterator[Store]:
        store = open_store("memory", clock=clock, sealing=EVERYTHING, journal=False)
        yield store
        store.close()


class TestSealedSqliteStore(SharedStoreContract):
    caches = True
    histories = 15

    @pytest.fixture
    def open_again(self, tmp_path: Path, clock: ManualClock) -> Iterator[Callable[..., Store]]:
        stores: list[Store] = []

        def open_again(*, journal: bool = True) -> Store:
            path = tmp_path / "state.db"
            store = open_store(
                "sqlite", path=path, sealing=EVERYTHING, journal=journal, clock=clock
            )
            stores.append(store)
            return store

        yield open_again
        for store in stores:
            store.close()


class TestSealedPostgresStore(SharedStoreContract):
    histories = 5

    @pytest.fixture
    def open_again(self, postgres_url: str, clock: ManualClock) -> Iterator[Callable[..., Store]]:
        stores: list[Store] = []

        def open_again(*, journal: bool = True) -> Store:
            store = open_server(postgres_url, journal=journal, clock=clock)
            stores.append(sealed(store, EVERYTHING, clock=clock))
            return stores[-1]

        yield open_again
        for store in stores:
            store.close()


class TestHiddenKeysStore(SharedStoreContract):
    caches = True
    #: Clearing a scope is journalled in the order of what is stored in the place of keys, which
    #: is another one than the model's; all else is held by the other rules.
    test_any_history_matches_a_dictionary = None  # type: ignore[assignment]
    test_delete_and_clear_journal_each_entry_they_remove = None  # type: ignore[assignment]

    @pytest.fixture
    def open_again(self, tmp_path: Path, clock: ManualClock) -> Iterator[Callable[..., Store]]:
        stores: list[Store] = []
        sealing = Sealing(MasterKey(b"k" * 32), everything=True, every_blob=True, hides_keys=True)

        def open_again(*, journal: bool = True) -> Store:
            path = tmp_path / "state.db"
            store = open_store("sqlite", path=path, sealing=sealing, journal=journal, clock=clock)
            stores.append(store)
            return store

        yield open_again
        for store in stores:
            store.close()
