"""The contract every store keeps, as tests: a backend's own test file inherits them.

    class TestMine(StoreContract):
        @pytest.fixture
        def store(self, clock):
            store = MyStore(clock=clock)
            yield store
            store.close()

        @pytest.fixture
        def store_without_journal(self, clock):
            store = MyStore(clock=clock, journal=False)
            yield store
            store.close()

``clock`` is a fixture of the contract: a ManualClock, which stands still until a test moves it.
The store must go by it.

A backend whose data outlive it inherits DurableStoreContract and provides ``open_again``
instead of both; one whose data several stores can have open at the same time inherits
SharedStoreContract. One that keeps the bytes itself, as ``Backend`` says, inherits SealingRules
beside that. Who has no quicker way to rewrite than to write inherits ``RewritesByWriting`` of
``llmspell.store.rewriting``. A store that answers ``epoch`` with real numbers says
``caches = True``; without it -1 is always a good answer.

Needs pytest and hypothesis, which the ``test`` extra brings. For readable failures call
``pytest.register_assert_rewrite("llmspell.testing")`` in your ``conftest.py``.
"""

from __future__ import annotations

from llmspell.testing.clock import ManualClock
from llmspell.testing.contract import DurableStoreContract, SharedStoreContract, StoreContract
from llmspell.testing.resealing import SealingRules

__all__ = [
    "DurableStoreContract",
    "ManualClock",
    "SealingRules",
    "SharedStoreContract",
    "StoreContract",
]
