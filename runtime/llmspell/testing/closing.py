"""The end of a store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmspell.errors import RuntimeClosed
from llmspell.store.base import Clear, Ref, Store
from llmspell.store.changes import NOBODY
from llmspell.testing.shorthand import put

__all__ = ["ClosingRules"]


class ClosingRules:
    """A store that is closed does nothing any more, and says so."""

    def test_a_closed_store_says_so(self, store: Store) -> None:
        """Every method fails by name after close, and closing again is fine."""
        put(store, "s", "k")
        with store.snapshot():
            pass
        assert store.read([Ref("s", "k")])
        store.close()
        store.close()
        calls: list[Callable[[], object]] = [
            lambda: store.read([Ref("s", "k")]),
            lambda: store.read([]),
            lambda: store.scan("s"),
            store.scopes,
            lambda: store.write([]),
            lambda: store.write([Clear("s", 1)]),
            lambda: store.put("s", "k", b"", 1, 1, "standard", None, NOBODY),
            lambda: store.snapshot().__enter__(),
            lambda: store.changes(0),
            lambda: store.recall([1]),
            lambda: store.history(Ref("s", "k")),
            lambda: store.compact(keep=0),
            lambda: store.sweep(1),
            store.span,
            store.epoch,
            store.stats,
        ]
        for call in calls:
            with pytest.raises(RuntimeClosed):
                call()
            with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeClosed):
                pool.submit(call).result()
