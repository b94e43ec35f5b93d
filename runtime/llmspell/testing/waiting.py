"""Waiting for the journal to grow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic, sleep

import pytest

from llmspell.errors import RuntimeClosed
from llmspell.store.base import Put, Store
from llmspell.store.changes import NOBODY

__all__ = ["WaitingRules"]


def _long(store: Store) -> None:
    store.write([Put("s", "k", b"new", 2)])


def _short(store: Store) -> None:
    store.put("s", "k", b"new", 2, 1, "standard", None, NOBODY)


class WaitingRules:
    """Who waits is woken by a write, by the time and by the end."""

    @pytest.mark.parametrize("write", [_long, _short])
    def test_a_write_wakes_who_waits_for_it(
        self, store: Store, write: Callable[[Store], object]
    ) -> None:
        """Of another thread, within a moment; and nobody waits for what is there already."""
        last = store.write([Put("s", "k", b"", 1)]).seq
        assert store.wait(last - 1, 30)
        started = threading.Event()

        def wait() -> float:
            started.set()
            while not store.changes(last):
                store.wait(last, 30)
            return monotonic()

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait)
            started.wait()
            sleep(0.02)
            write(store)
            written = monotonic()
            assert waiting.result() - written < 5

    def test_waiting_ends_when_the_time_is_up(self, store: Store) -> None:
        """It returns False then, and not before."""
        last = store.write([Put("s", "k", b"", 1)]).seq
        started = monotonic()
        while store.wait(last, 0.1):  # True without a reason is allowed
            started = monotonic()
        assert 0.09 < monotonic() - started < 5

    def test_close_wakes_who_waits(self, store: Store) -> None:
        """Nobody is kept from ending by a wait for what will never come."""
        store.wait(0, 0.01)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(store.wait, 0, 30)
            sleep(0.05)
            store.close()
            closed = monotonic()
            with suppress(RuntimeClosed):  # what a thread is told that comes too late to wait
                waiting.result(10)
            assert monotonic() - closed < 5
