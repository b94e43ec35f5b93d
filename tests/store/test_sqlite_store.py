"""The SQLite store keeps the contract, with every durability."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmspell.store import Store, open_store
from llmspell.testing import DurableStoreContract


@pytest.mark.parametrize("durability", ["commit", "fsync"])
class TestSqliteStore(DurableStoreContract):
    @pytest.fixture
    def open_again(self, tmp_path: Path, durability: str) -> Iterator[Callable[[], Store]]:
        stores: list[Store] = []

        def open_again() -> Store:
            path = tmp_path / "state.db"
            stores.append(open_store("sqlite", path=path, durability=durability))
            return stores[-1]

        yield open_again
        for store in stores:
            store.close()
