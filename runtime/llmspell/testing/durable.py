"""Stores that outlive the process, and data that several stores have open at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest

from llmspell.errors import ConfigError
from llmspell.store.base import Check, Clear, Delete, Put, Ref, Store
from llmspell.store.changes import NOBODY, JournalSpan, Origin
from llmspell.testing.clock import ManualClock
from llmspell.testing.rewriting import rewrite_together
from llmspell.testing.sharing import SharingRules, count_together
from llmspell.testing.shorthand import compact, put, sweep, value_of

__all__ = ["DurabilityRules", "SeveralStoresRules"]


class DurabilityRules:
    """What was written is there when the data are opened again."""

    def test_what_was_written_is_there_the_next_time(
        self, open_again: Callable[..., Store], clock: ManualClock
    ) -> None:
        """Entries survive closing, and so do the versions of deleted ones."""
        first = open_again()
        batch = [Put("s", "k", b"value", 1, 2, "bulk", clock.now + 9), Put("s", "gone", b"", 1)]
        first.write(batch, origin=Origin("me", "run-1", "c"))
        first.write([Delete("s", "gone", 2)], durability="fsync")
        rows = first.scan("s")
        first.close()
        second = open_again()
        assert second.scan("s") == rows
        assert len(rows) == 1
        assert put(second, "s", "gone").version == 3

    def test_the_journal_is_there_the_next_time(self, open_again: Callable[..., Store]) -> None:
        """All its changes, how far it reaches, and where each key goes on."""
        first = open_again()
        first.write([Put("s", "k", b"%d" % i, i) for i in range(5)], origin=Origin("me", "r", "c"))
        first.write([Delete("s", "k", 6), Put("s", "other", b"", 6)])
        compact(first, keep=4)
        changes, span = first.changes(0), first.span()
        first.close()
        second = open_again()
        assert second.changes(0) == changes
        assert second.span() == span == JournalSpan(3, 7, 5)
        assert second.write([Put("s", "k", b"", 7)]).seq == 8
        assert [c.seq for c in second.history(Ref("s", "k"))] == [8, 6, 5, 4, 3]

    def test_positions_go_on_after_everything_was_compacted(
        self, open_again: Callable[..., Store]
    ) -> None:
        """No number is given twice, even if nothing is left of what had it."""
        first = open_again()
        first.write([Put("s", "k", b"", 1), Put("s", "k", b"", 1), Delete("s", "k", 1)])
        compact(first, keep=0)
        first.close()
        second = open_again()
        assert second.span() == JournalSpan(3, 3, 1)
        assert second.write([Put("s", "k", b"", 2)]).seq == 4
        compact(second, keep=0)
        second.write([Clear("s", 3)])
        compact(second, keep=0)
        second.close()
        third = open_again()
        assert third.write([Put("s", "k", b"", 4)]).seq == 6
        assert put(third, "s", "k").version == 7

    def test_what_expired_while_nobody_was_there_is_swept(
        self, open_again: Callable[..., Store], clock: ManualClock
    ) -> None:
        """And so are tombstones of a former time."""
        first = open_again()
        first.write([Put("s", "old", b"", 1), Delete("s", "old", 1)])
        first.write([Put("s", "k", b"", clock.now, expires_at=clock.now + 10)])
        first.close()
        clock.now += 10
        second = open_again()
        assert value_of(second, "s", "k") is None
        assert sweep(second, clock.now) == (1, 1)
        assert put(second, "s", "k").version == 3
        assert put(second, "s", "old").version == 1

    def test_a_store_without_a_journal_is_durable_too(
        self, open_again: Callable[..., Store]
    ) -> None:
        """Entries and versions do not need it."""
        first = open_again(journal=False)
        first.write([Put("s", "k", b"v", 1), Put("s", "gone", b"", 1), Delete("s", "gone", 1)])
        first.close()
        second = open_again(journal=False)
        assert value_of(second, "s", "k") == b"v"
        assert (put(second, "s", "k").version, put(second, "s", "gone").version) == (2, 3)
        assert second.span() == JournalSpan(0, 0, 0)

    @pytest.mark.parametrize("journal", [True, False])
    def test_a_store_keeps_the_journal_it_was_made_with_or_none(
        self, open_again: Callable[..., Store], journal: bool
    ) -> None:
        """Opening it otherwise would leave a gap, so that is refused and harms nothing."""
        first = open_again(journal=journal)
        put(first, "s", "k")
        first.close()
        with pytest.raises(ConfigError):
            open_again(journal=not journal)
        again = open_again(journal=journal)
        assert put(again, "s", "k").version == 2
        assert again.span().rows == (2 if journal else 0)


class SeveralStoresRules(SharingRules):
    """Stores that have the same data open, here in one process, act as one."""

    def test_two_stores_see_each_other_at_once(self, open_again: Callable[..., Store]) -> None:
        """A write that returned is visible everywhere, and moves the epoch everywhere."""
        stores = [open_again(), open_again()]
        for number in range(20):
            writer, other = stores if number % 2 else reversed(stores)
            before = other.epoch()
            put(writer, "s", "k", b"%d" % number)
            assert other.epoch() != before or before == -1 != self.caches
            assert value_of(other, "s", "k") == b"%d" % number

    def test_an_idle_store_has_a_steady_epoch(self, open_again: Callable[..., Store]) -> None:
        """Reading and waiting change nothing, whoever does it."""
        store, other = open_again(), open_again()
        put(store, "s", "k")
        before = store.epoch()
        other.scan("s")
        sleep(0.15)
        assert store.epoch() in (before, -1)
        assert store.epoch() != -1 or not self.caches

    def test_a_write_after_anothers_does_not_claim_continuity(
        self, open_again: Callable[..., Store]
    ) -> None:
        """A cache filled before the other's write is not carried over it by an own one."""
        store, other = open_again(), open_again()
        for short in (False, True):
            put(store, "s", "k")
            cached_at = store.epoch()
            put(other, "s", "k", b"other")
            if short:
                before = store.put("s", "mine", b"", 1, 1, "standard", None, NOBODY)[2]
            else:
                before = store.write([Put("s", "mine", b"", 1)]).epoch_before
            assert before == -1 or before != cached_at

    def test_changes_of_all_stores_are_in_one_order(self, open_again: Callable[..., Store]) -> None:
        """Each sees the same journal, without gaps, whoever wrote."""
        stores = [open_again(), open_again(), open_again()]

        def write(number: int) -> None:
            store, origin = stores[number % 3], Origin(f"writer {number % 3}")
            if number % 2:
                store.put("s", str(number % 7), b"", number, 1, "standard", None, origin)
            else:
                store.write([Put("s", str(number % 7), b"", number)], origin=origin)

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write, range(90)))
        changes = stores[0].changes(0)
        assert [change.seq for change in changes] == list(range(1, 91))
        assert stores[1].changes(0) == stores[2].changes(0) == changes
        latest: dict[str, int] = {}
        for change in changes:
            assert change.previous == latest.get(change.key)
            latest[change.key] = change.seq
        assert {change.actor for change in changes} == {"writer 0", "writer 1", "writer 2"}

    def test_several_stores_lose_no_compare_and_set(self, open_again: Callable[..., Store]) -> None:
        """Whoever succeeds in writing has seen the value before his own, through any store."""
        count_together([open_again(), open_again(), open_again()], 150)

    def test_several_stores_that_rewrite_and_write_lose_nothing(
        self, open_again: Callable[..., Store]
    ) -> None:
        """Each value is made of the one before it, whichever store that was written through."""
        rewrite_together([open_again(), open_again(), open_again()], rounds=6)

    def test_a_write_wakes_who_waits_in_another_store(
        self, open_again: Callable[..., Store]
    ) -> None:
        """Within a moment, without asking again and again in between."""
        store, other = open_again(), open_again()
        last = store.write([Put("s", "k", b"", 1)]).seq

        def wait() -> float:
            while not other.changes(last):
                other.wait(last, 30)
            return monotonic()

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait)
            sleep(0.05)
            put(store, "s", "k")
            written = monotonic()
            assert waiting.result() - written < 5

    def test_sweep_and_compaction_of_one_hold_for_all(
        self, open_again: Callable[..., Store], clock: ManualClock
    ) -> None:
        """The other neither sweeps again nor knows what was removed, and writes on from there."""
        store, other = open_again(), open_again()
        put(other, "s", "k", expires_at=clock.now)
        other.write([Check("s", "k", 1, 1)])
        assert sweep(store, clock.now) == (1, 0)
        assert sweep(other, clock.now) == (0, 0)
        compact(store, keep=0)
        assert other.span() == JournalSpan(2, 2, 1)
        assert put(other, "s", "k").version == 3
        assert [c.seq for c in store.changes(0)] == [2, 3]
