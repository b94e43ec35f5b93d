"""The SQLite store keeps the contract, with every durability."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmspell.store import Store, open_store
from llmspell.testing import ManualClock, SealingRules, SharedStoreContract


@pytest.mark.parametrize("durability", ["commit", "fsync"])
class TestSqliteStore(SharedStoreContract, SealingRules):
    caches = True

    @pytest.fixture
    def open_again(
        self, tmp_path: Path, clock: ManualClock, durability: str
    ) -> Iterator[Callable[..., Store]]:
        stores: list[Store] = []

        def open_again(*, journal: bool = True) -> Store:
            path = tmp_path / "state.db"
            store = open_store(
                "sqlite", path=path, durability=durability, journal=journal, clock=clock
            )
            stores.append(store)
            return store

        yield open_again
        for store in stores:
            store.close()
