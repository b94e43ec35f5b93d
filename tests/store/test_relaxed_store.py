"""The relaxed store keeps the contract, accepts at once, commits soon and drops nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmspell.store import Store, open_store
from llmspell.store.relaxed import RelaxedStore
from llmspell.testing import StoreContract, ManualClock


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("backend", ["memory", "sqlite"])
class TestRelaxedStore(StoreContract):
    caches = True

    @pytest.fixture
    def make(self, tmp_path, clock, backend, everything):
        stores = []

        def make(*, journal=True):
            inner = open_store(
                backend, path=tmp_path / f"{len(stores)}.db", journal=journal, clock=clock
            )
            stores.append(RelaxedStore(inner, everything=everything))
            return stores[-1]

        yield make
        for store in stores:
            store.close()

    @pytest.fixture
    def store(self, make):
        return make()

    @pytest.fixture
    def store_without_journal(self, make):
        return make(journal=False)
