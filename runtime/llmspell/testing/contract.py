"""The whole contract: the rules of every topic, and the fixtures they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from llmspell.store.base import Store
from llmspell.testing.clock import ManualClock
from llmspell.testing.closing import ClosingRules
from llmspell.testing.compaction import CompactionRules
from llmspell.testing.durable import DurabilityRules, SeveralStoresRules
from llmspell.testing.entries import EntryRules
from llmspell.testing.expiry import ExpiryRules
from llmspell.testing.journal import JournalRules
from llmspell.testing.machine import StoreMachine
from llmspell.testing.restoring import RestoringRules
from llmspell.testing.rewriting import RewritingRules
from llmspell.testing.scans import ScanRules
from llmspell.testing.sharing import SharingRules
from llmspell.testing.waiting import WaitingRules
from llmspell.testing.walking import WalkingRules
from llmspell.testing.without_journal import NoJournalRules

__all__ = ["DurableStoreContract", "SharedStoreContract", "StoreContract"]


class StoreContract(
    EntryRules,
    ScanRules,
    WalkingRules,
    ExpiryRules,
    JournalRules,
    RewritingRules,
    RestoringRules,
    CompactionRules,
    WaitingRules,
    NoJournalRules,
    SharingRules,
    ClosingRules,
):
    """What holds for every store.

    Provide the fixtures ``store`` and ``store_without_journal``: empty stores that go by
    ``clock``. Set ``caches`` if ``epoch`` is meant to be used, and ``histories``, how many random
    ones are tried, lower where each call is a round trip.
    """

    histories = 40

    @pytest.fixture
    def clock(self) -> ManualClock:
        """The time the stores of one test go by."""
        return ManualClock()

    def test_any_history_matches_a_dictionary(self, store: Store, clock: ManualClock) -> None:
        """Whatever is written, swept, compacted and asked for: plain dictionaries agree."""

        class Machine(StoreMachine):
            used: ClassVar[set[str]] = set()

            def __init__(self) -> None:
                super().__init__(store, clock)

        limits = settings(max_examples=self.histories, stateful_step_count=30, deadline=None)
        run_state_machine_as_test(Machine, settings=limits)


class DurableStoreContract(DurabilityRules, StoreContract):
    """What holds besides for a store whose data outlive it. Provide ``open_again``.

    This fixture returns a function that opens one more store on the same data, going by
    ``clock``, each time it is called, with or without ``journal=False``. It closes them all at
    the end. Here each test closes a store before it opens the next.
    """

    @pytest.fixture
    def store(self, open_again: Callable[..., Store]) -> Store:
        """The store of every inherited test."""
        return open_again()

    @pytest.fixture
    def store_without_journal(self, open_again: Callable[..., Store]) -> Store:
        """The store of the tests about a journal that is not there."""
        return open_again(journal=False)


class SharedStoreContract(SeveralStoresRules, DurableStoreContract):
    """What holds besides when several stores have the same data open at the same time."""
