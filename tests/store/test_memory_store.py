"""The memory store keeps the contract."""

from collections.abc import Iterator

import pytest

from llmspell.store import Store, open_store
from llmspell.testing import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = open_store("memory")
        yield store
        store.close()
