"""The contract every store keeps, as tests: a backend's own test file inherits them.

    class TestMine(StoreContract):
        @pytest.fixture
        def store(self):
            store = MyStore()
            yield store
            store.close()

A backend that outlives its process inherits DurableStoreContract and provides ``open_again``
instead. Needs pytest and hypothesis, which the ``test`` extra brings. For readable failures
call ``pytest.register_assert_rewrite("llmspell.testing")`` in your ``conftest.py``.
"""

from __future__ import annotations

from llmspell.testing.contract import DurableStoreContract, StoreContract

__all__ = ["DurableStoreContract", "StoreContract"]
