"""Scanning scopes, listing them, and reading all of one moment."""

from __future__ import annotations

import pytest

from llmspell.errors import RuntimeClosed
from llmspell.store.base import Clear, Delete, Put, Ref, Row, Store
from llmspell.store.changes import Origin
from llmspell.testing.shorthand import put, value_of

__all__ = ["AWKWARD", "ScanRules"]

#: Keys that sort, match or escape differently where somebody took a short cut.
AWKWARD = ["a", "a%", "a_", "ab", "a*", "a[b]", "a\\", "aé", "aé", "a\ud7ff", "a\ue000"]
AWKWARD += ["A", "a\U0010ffff", "a\U0010ffffz", "\U0001f600", "ﬀ", "z", " ", "'", '"', "a:b"]


class ScanRules:
    """Order, prefixes, pages and snapshots."""

    def test_scan_is_in_code_point_order_and_prefixes_are_literal(self, store: Store) -> None:
        """No character is a wildcard, and no alphabet or case changes the order."""
        store.write([Put("s", key, key.encode(), 1) for key in AWKWARD])
        assert [row.key for row in store.scan("s")] == sorted(set(AWKWARD))
        for prefix in (*AWKWARD, "a", "%", "_", "\U0010ffff", "nothing"):
            expected = sorted(key for key in set(AWKWARD) if key.startswith(prefix))
            assert [row.key for row in store.scan("s", prefix=prefix)] == expected
            store.write([Put(key, "k", b"", 1) for key in AWKWARD])
            assert [s for s, _ in store.scopes(prefix) if s != "s"] == expected

    def test_pages_put_together_are_the_whole(self, store: Store) -> None:
        """``after`` and ``limit`` walk a scope, with a prefix or without."""
        store.write([Put("s", key, key.encode(), 1) for key in AWKWARD])
        for prefix in ("", "a"):
            pages: list[Row] = []
            while page := store.scan(
                "s", prefix=prefix, after=pages[-1].key if pages else None, limit=3
            ):
                assert len(page) <= 3
                pages += page
            assert pages == store.scan("s", prefix=prefix)
        assert store.scan("s", after=max(AWKWARD)) == []
        assert store.scan("s", prefix="b", after="a") == store.scan("s", prefix="b")
        assert store.scan("s", limit=0) == []

    def test_scan_without_values_leaves_out_only_the_values(self, store: Store) -> None:
        """The metadata is complete; the blob is empty."""
        put(store, "s", "k", b"value", origin=Origin(correlation_id="c"))
        (row,) = store.scan("s")
        assert (row.blob, row.correlation_id) == (b"value", "c")
        assert store.scan("s", values=False) == [row._replace(blob=b"")]

    def test_scope_and_key_never_run_into_each_other(self, store: Store) -> None:
        """The same text cut at another place is another entry."""
        put(store, "agent:a", "b:c", b"1")
        put(store, "agent:a:b", "c", b"2")
        assert value_of(store, "agent:a", "b:c") == b"1"
        assert store.scopes("agent:a") == [("agent:a", 1), ("agent:a:b", 1)]
        assert [row.key for row in store.scan("agent:a")] == ["b:c"]

    def test_a_snapshot_stands_still_while_writers_go_on(self, store: Store) -> None:
        """Puts, deletes, clears and new scopes after its beginning do not show in it."""
        store.write([Put("s", "a", b"old", 1), Put("s", "b", b"old", 1)])
        with store.snapshot() as moment:
            store.write([Put("s", "a", b"new", 2), Delete("s", "b", 2), Put("t", "k", b"", 2)])
            store.write([Clear("s", 3)])
            assert [row.blob for row in moment.scan("s")] == [b"old", b"old"]
            assert moment.scopes() == [("s", 2)]
            assert all(moment.read([Ref("s", "a"), Ref("s", "b")]))
            assert moment.read([Ref("t", "k")]) == [None]
        assert store.scopes() == [("t", 1)]
        with pytest.raises(RuntimeClosed):
            moment.read([Ref("s", "a")])

    def test_a_writer_is_not_held_up_by_its_own_snapshot(self, store: Store) -> None:
        """One thread may read a snapshot and write, in turns."""
        with store.snapshot() as first:
            store.put("s", "k", b"1", 1, 1, "standard", None, Origin())
            with store.snapshot() as second:
                store.put("s", "k", b"2", 2, 1, "standard", None, Origin())
                assert [row.blob for row in second.scan("s")] == [b"1"]
            assert first.scan("s") == []
        assert value_of(store, "s", "k") == b"2"

    def test_stats_count_what_is_alive(self, store: Store) -> None:
        """Deleted entries and emptied scopes are not counted."""
        store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1), Put("t", "k", b"", 1)])
        store.write([Delete("s", "a", 1), Clear("t", 1)])
        facts = store.stats()
        assert (facts["entries"], facts["scopes"]) == (1, 1)
        assert {"backend", "bytes", "durability"} <= facts.keys()
