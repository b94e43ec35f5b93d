"""What holds for every store, as tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from llmspell.errors import InvalidArgument, RuntimeClosed, VersionConflict
from llmspell.store.base import Clear, Delete, Operation, Put, Ref, Row, Store, Written
from llmspell.testing.model import AWKWARD, StoreModel

__all__ = ["DurableStoreContract", "StoreContract"]


def _value_of(store: Store, scope: str, key: str) -> bytes | None:
    (row,) = store.read([Ref(scope, key)])
    return None if row is None else row.blob


def _put(store: Store, scope: str, key: str, blob: bytes = b"v", **fields: Any) -> Written:
    (written,) = store.write([Put(scope, key, blob, fields.pop("at", 1), **fields)]).written
    return written


class StoreContract:
    """What holds for every store. The subclass provides the fixture ``store``."""

    def test_a_put_comes_back_with_everything_that_was_given(self, store: Store) -> None:
        """Every field of a Put is in the row that is read."""
        store.write([Put("s", "k", b"\x00\xff", -5, 3, "bulk", 99, "run-1")])
        row = Row("s", "k", 1, -5, -5, 3, "bulk", 99, "run-1", b"\x00\xff")
        assert store.read([Ref("s", "k")]) == [row]

    def test_read_answers_in_the_order_of_the_question(self, store: Store) -> None:
        """Absent entries are None, repeated ones repeat, and a long list is no exception."""
        store.write([Put("s", str(i), str(i).encode(), 1) for i in range(0, 2000, 2)])
        refs = [Ref("s", str(i)) for i in range(2000)] + [Ref("s", "0"), Ref("other", "0")]
        blobs = [row and row.blob for row in store.read(refs)]
        assert blobs[:2000] == [str(i).encode() if i % 2 == 0 else None for i in range(2000)]
        assert blobs[2000:] == [b"0", None]
        assert store.read([]) == []

    def test_versions_count_writes_and_never_return(self, store: Store) -> None:
        """A delete takes a version, and the key goes on from there with a new beginning."""
        assert _put(store, "s", "k", at=1) == Written(1, 1, False, 1)
        assert _put(store, "s", "k", at=2) == Written(2, 1, True, 1)
        deleted, again = store.write([Delete("s", "k", 3), Put("s", "k", b"v", 4)]).written
        assert deleted == Written(3, 1, True, 1)
        assert again == Written(4, 4, False, 1)
        assert store.write([Delete("s", "nothing", 5)]).written == [Written(0, 0, False, 0)]

    def test_the_short_way_to_write_one_entry_is_the_long_way(self, store: Store) -> None:
        """``put`` does what ``write`` does with one Put, conflicts and epochs included."""
        version, created_at, _, after = store.put("s", "k", b"v", 5, 2, "trusted", None)
        assert (version, created_at, after) == (1, 5, store.epoch())
        (row,) = store.read([Ref("s", "k")])
        assert row == Row("s", "k", 1, 5, 5, 2, "trusted", None, None, b"v")
        again = store.write([Put("s", "k", b"w", 6)])
        assert (again.written[0].version, again.epoch_before) == (2, after)
        with pytest.raises(VersionConflict) as caught:
            store.put("s", "k", b"x", 7, 1, "standard", 1)
        assert caught.value.details["actual"] == 2
        assert _value_of(store, "s", "k") == b"w"
        store.put("s", "k", b"x", 7, 1, "standard", 2)
        assert _value_of(store, "s", "k") == b"x"

    def test_clear_removes_one_scope_and_keeps_its_versions(self, store: Store) -> None:
        """Clear counts what it removed; its keys do not start at version 1 again."""
        store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1), Put("t", "a", b"", 1)])
        assert store.write([Clear("s", 2), Clear("s", 2)]).written == [
            Written(0, 0, True, 2),
            Written(0, 0, False, 0),
        ]
        assert store.scopes() == [("t", 1)]
        assert _put(store, "s", "a").version == 3

    @pytest.mark.parametrize("wanted", [1, 3, 7])
    def test_a_wrong_precondition_is_a_conflict(self, store: Store, wanted: int) -> None:
        """The error names scope, key and both versions; the entry is as it was."""
        store.write([Put("s", "k", b"one", 1), Put("s", "k", b"two", 1)])
        for operation in (
            Put("s", "k", b"new", 2, if_version=wanted),
            Delete("s", "k", 2, wanted),
        ):
            with pytest.raises(VersionConflict) as caught:
                store.write([operation])
            expected = {"scope": "s", "key": "k", "expected": wanted, "actual": 2}
            assert caught.value.details == expected
        assert _value_of(store, "s", "k") == b"two"

    def test_version_zero_means_that_nothing_is_there(self, store: Store) -> None:
        """0 holds for a key never written and for a deleted one, and fails for a live one."""
        assert _put(store, "s", "k", if_version=0).version == 1
        with pytest.raises(VersionConflict):
            _put(store, "s", "k", if_version=0)
        store.write([Delete("s", "k", 2)])
        with pytest.raises(VersionConflict):
            _put(store, "s", "k", if_version=2)
        assert _put(store, "s", "k", if_version=0).version == 3

    def test_a_batch_applies_whole_or_not_at_all(self, store: Store) -> None:
        """After a conflict in the last place nothing of the batch has happened."""
        store.write([Put("s", "a", b"old", 1), Put("s", "b", b"old", 1)])
        batch: list[Operation] = [
            Put("s", "a", b"new", 2),
            Put("s", "new", b"", 2),
            Delete("s", "b", 2),
            Clear("s", 2),
            Put("s", "a", b"newer", 2),
            Put("s", "a", b"last", 2, if_version=77),
        ]
        before = store.scan("s")
        with pytest.raises(VersionConflict):
            store.write(batch)
        assert store.scan("s") == before
        assert [_put(store, "s", key).version for key in ("a", "b", "new")] == [2, 2, 1]

    def test_operations_of_a_batch_see_each_other(self, store: Store) -> None:
        """Preconditions count what the same batch did before them."""
        first, second = store.write(
            [Put("s", "k", b"1", 1, if_version=0), Put("s", "k", b"2", 1, if_version=1)]
        ).written
        assert (first.version, second.version) == (1, 2)
        assert store.write([]).written == []

    def test_what_is_no_operation_is_refused(self, store: Store) -> None:
        """A stranger in the batch is an InvalidArgument, and the rest is not applied."""
        stranger: Any = ("s", "k")
        with pytest.raises(InvalidArgument):
            store.write([Put("s", "k", b"", 1), stranger])
        with pytest.raises(InvalidArgument):
            store.write([], durability="perhaps")
        assert store.scopes() == []

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
        store.write([Put("s", "k", b"value", 1, correlation_id="c")])
        (row,) = store.scan("s")
        assert store.scan("s", values=False) == [row._replace(blob=b"")]

    def test_scope_and_key_never_run_into_each_other(self, store: Store) -> None:
        """The same text cut at another place is another entry."""
        _put(store, "agent:a", "b:c", b"1")
        _put(store, "agent:a:b", "c", b"2")
        assert _value_of(store, "agent:a", "b:c") == b"1"
        assert store.scopes("agent:a") == [("agent:a", 1), ("agent:a:b", 1)]

    def test_big_and_empty_values_come_back_unchanged(self, store: Store) -> None:
        """Sixteen mebibytes and none at all are both values."""
        big = bytes(range(256)) * 65536
        store.write([Put("s", "big", big, 1), Put("s", "empty", b"", 1)])
        assert _value_of(store, "s", "big") == big
        assert _value_of(store, "s", "empty") == b""

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

    def test_threads_lose_no_compare_and_set(self, store: Store) -> None:
        """Whoever succeeds in writing has seen the value before his own."""

        def add_one(_: int) -> None:
            while True:
                (row,) = store.read([Ref("s", "n")])
                number, version = (int(row.blob), row.version) if row else (0, 0)
                try:
                    _put(store, "s", "n", b"%d" % (number + 1), if_version=version)
                except VersionConflict:
                    continue
                return

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add_one, range(400)))
        assert _value_of(store, "s", "n") == b"400"

    def test_readers_see_all_of_a_batch_or_nothing(self, store: Store) -> None:
        """Two entries that are always written together are always read alike."""
        refs = [Ref("s", str(i)) for i in range(300)]
        stop = threading.Event()
        torn: list[int] = []

        def watch() -> None:
            while not stop.is_set():
                seen = {row and row.blob for row in store.read([refs[0], *refs])}
                seen_in_scan = {row.blob for row in store.scan("s")}
                if len(seen) > 1 or len(seen_in_scan) > 1:
                    torn.append(len(seen))

        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(60):
            store.write([Put(*ref, b"%d" % number, 1) for ref in refs])
        stop.set()
        watcher.join()
        assert torn == []

    def test_own_writes_keep_a_cache_valid(self, store: Store) -> None:
        """The epoch before a write is the current one, and the one after it becomes current.

        It does move: a thread that read before the write must not cache after it.
        """
        before = store.epoch()
        result = store.write([Put("s", "k", b"", 1)])
        assert result.epoch_before == before != -1
        assert before != result.epoch_after == store.epoch()
        with pytest.raises(VersionConflict):
            store.write([Put("s", "k", b"", 1, if_version=9)])
        assert store.epoch() == result.epoch_after

    def test_stats_count_what_is_alive(self, store: Store) -> None:
        """Deleted entries and emptied scopes are not counted."""
        store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1), Put("t", "k", b"", 1)])
        store.write([Delete("s", "a", 1), Clear("t", 1)])
        facts = store.stats()
        assert (facts["entries"], facts["scopes"]) == (1, 1)
        assert {"backend", "bytes", "durability"} <= facts.keys()

    def test_a_closed_store_says_so(self, store: Store) -> None:
        """Every method fails by name after close, and closing again is fine."""
        _put(store, "s", "k")
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
            lambda: store.snapshot().__enter__(),
            store.epoch,
            store.stats,
        ]
        for call in calls:
            with pytest.raises(RuntimeClosed):
                call()
            with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeClosed):
                pool.submit(call).result()

    def test_any_history_matches_a_dictionary(self, store: Store) -> None:
        """Whatever is written, deleted, cleared and demanded: a plain model agrees."""
        runs = iter(range(10_000))

        class Machine(StoreModel):
            def __init__(self) -> None:
                super().__init__(store, f"run-{next(runs):04}:")

        limits = settings(max_examples=25, stateful_step_count=25, deadline=None)
        run_state_machine_as_test(Machine, settings=limits)


class DurableStoreContract(StoreContract):
    """What holds besides for a store that others can open. Provide ``open_again``.

    The fixture ``open_again`` returns a function that opens one more store on the same data
    each time it is called, and closes them all at the end.
    """

    @pytest.fixture
    def store(self, open_again: Callable[[], Store]) -> Store:
        """The store of every inherited test."""
        return open_again()

    def test_what_was_written_is_there_the_next_time(self, open_again: Callable[[], Store]) -> None:
        """Entries survive closing, and so do the versions of deleted ones."""
        first = open_again()
        first.write([Put("s", "k", b"value", 1, 2, "bulk", 3, "c"), Put("s", "gone", b"", 1)])
        first.write([Delete("s", "gone", 2)], durability="fsync")
        rows = first.scan("s")
        first.close()
        second = open_again()
        assert second.scan("s") == rows
        assert _put(second, "s", "gone").version == 3

    def test_two_stores_see_each_other_at_once(self, open_again: Callable[[], Store]) -> None:
        """A write that returned is visible everywhere, and moves the epoch everywhere."""
        stores = [open_again(), open_again()]
        for number in range(20):
            writer, other = stores if number % 2 else reversed(stores)
            before = other.epoch()
            _put(writer, "s", "k", b"%d" % number)
            assert other.epoch() != before
            assert _value_of(other, "s", "k") == b"%d" % number

    def test_an_idle_store_has_a_steady_epoch(self, open_again: Callable[[], Store]) -> None:
        """Reading and waiting change nothing, whoever does it."""
        store, other = open_again(), open_again()
        _put(store, "s", "k")
        before = store.epoch()
        other.scan("s")
        sleep(0.15)
        assert store.epoch() == before != -1

    def test_a_write_after_anothers_does_not_claim_continuity(
        self, open_again: Callable[[], Store]
    ) -> None:
        """A cache filled before the other's write is not carried over it by an own one."""
        store, other = open_again(), open_again()
        cached_at = _put_and_epoch(store)
        _put(other, "s", "k", b"other")
        assert store.write([Put("s", "mine", b"", 1)]).epoch_before != cached_at


def _put_and_epoch(store: Store) -> int:
    store.write([Put("s", "k", b"", 1)])
    return store.epoch()
