"""The memory store keeps the contract."""

from collections.abc import Iterator

import pytest

from llmspell.store import Store, open_store
from llmspell.testing import ManualClock, SealingRules, StoreContract


class TestMemoryStore(StoreContract, SealingRules):
    caches = True

    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        store = open_store("memory", clock=clock)
        yield store
        store.close()

    @pytest.fixture
    def store_without_journal(self, clock: ManualClock) -> Iterator[Store]:
        store = open_store("memory", clock=clock, journal=False)
        yield store
        store.close()
