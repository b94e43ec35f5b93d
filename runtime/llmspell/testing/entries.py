"""Reading and writing entries: versions, batches, preconditions."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell.errors import InvalidArgument, VersionConflict
from llmspell.store.base import (
    INTERNAL,
    Check,
    Clear,
    Delete,
    Operation,
    Put,
    Ref,
    Row,
    Store,
    Written,
)
from llmspell.store.changes import NOBODY, Origin
from llmspell.testing.clock import DAY_US, ManualClock
from llmspell.testing.shorthand import put, value_of

__all__ = ["EntryRules"]


class EntryRules:
    """What a write does to entries and what a read gives back."""

    def test_a_put_comes_back_with_everything_that_was_given(
        self, store: Store, clock: ManualClock
    ) -> None:
        """Every field of a Put is in the row that is read, and so is the correlation id."""
        expires_at = clock.now + DAY_US
        operation = Put("s", "k", b"\x00\xff", -5, 3, "bulk", expires_at)
        store.write([operation], origin=Origin("me", "run-1", "cause-1"))
        row = Row("s", "k", 1, -5, -5, 3, "bulk", expires_at, "cause-1", b"\x00\xff")
        assert store.read([Ref("s", "k")]) == [row]

    def test_a_put_replaces_everything_that_was_there(
        self, store: Store, clock: ManualClock
    ) -> None:
        """No field of the entry before shines through, but its beginning stays."""
        operation = Put("s", "k", b"old", 5, 3, "bulk", clock.now + DAY_US)
        store.write([operation], origin=Origin(correlation_id="cause-1"))
        put(store, "s", "k", b"new", at=6)
        assert store.read([Ref("s", "k")]) == [
            Row("s", "k", 2, 5, 6, 1, "standard", None, None, b"new")
        ]

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
        assert put(store, "s", "k", at=1) == Written(1, 1, False, 1)
        assert put(store, "s", "k", at=2) == Written(2, 1, True, 1)
        deleted, again = store.write([Delete("s", "k", 3), Put("s", "k", b"v", 4)]).written
        assert deleted == Written(3, 1, True, 1)
        assert again == Written(4, 4, False, 1)
        assert store.write([Delete("s", "nothing", 5)]).written == [Written(0, 0, False, 0)]

    def test_a_put_may_take_several_versions(self, store: Store) -> None:
        """A write that stands for three takes the last version of the three."""
        assert put(store, "s", "k", versions=3).version == 3
        assert put(store, "s", "k", versions=2, if_version=3).version == 5
        assert put(store, "s", "k").version == 6

    def test_the_short_way_to_write_one_entry_is_the_long_way(self, store: Store) -> None:
        """``put`` does what ``write`` does with one Put, conflicts and origin included."""
        origin = Origin("me", "run-1", "cause-1")
        assert store.put("s", "k", b"v", 5, 2, "trusted", None, origin)[:2] == (1, 5)
        (row,) = store.read([Ref("s", "k")])
        assert row == Row("s", "k", 1, 5, 5, 2, "trusted", None, "cause-1", b"v")
        assert put(store, "s", "k", b"w", at=6).version == 2
        with pytest.raises(VersionConflict) as caught:
            store.put("s", "k", b"x", 7, 1, "standard", 1, NOBODY)
        assert caught.value.details["actual"] == 2
        assert value_of(store, "s", "k") == b"w"
        assert store.put("s", "k", b"x", 7, 1, "standard", 2, NOBODY)[:2] == (3, 5)
        store.write([Delete("s", "k", 8)])
        assert store.put("s", "k", b"y", 9, 1, "standard", 0, NOBODY)[:2] == (5, 9)
        assert value_of(store, "s", "k") == b"y"

    def test_entries_are_counted_by_scope_and_schema_version(self, store: Store) -> None:
        """Of what is live, in the order of scopes and versions, as a snapshot sees it too."""
        store.write([Put("t", "a", b"", 1, 10), Put("t", "b", b"", 1, 9), Put("t", "c", b"", 1, 9)])
        store.write([Put("s", "a", b"", 1, 2), Put("s", "b", b"", 1), Delete("s", "b", 2)])
        assert store.versions() == [("s", 2, 1), ("t", 9, 2), ("t", 10, 1)]
        with store.snapshot() as moment:
            put(store, "s", "a", schema_version=3)
            assert moment.versions() == [("s", 2, 1), ("t", 9, 2), ("t", 10, 1)]
        assert store.versions() == [("s", 3, 1), ("t", 9, 2), ("t", 10, 1)]

    def test_clear_removes_one_scope_and_keeps_its_versions(self, store: Store) -> None:
        """Clear counts what it removed; its keys do not start at version 1 again."""
        store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1), Put("t", "a", b"", 1)])
        assert store.write([Clear("s", 2), Clear("s", 2)]).written == [
            Written(0, 0, True, 2),
            Written(0, 0, False, 0),
        ]
        assert store.scopes() == [("t", 1)]
        assert put(store, "s", "a").version == 3

    def test_a_clear_takes_what_its_own_batch_wrote_before_it(self, store: Store) -> None:
        """What the batch puts after the clear stays."""
        batch: list[Operation] = [Put("s", "a", b"", 1), Clear("s", 1), Put("s", "b", b"", 1)]
        assert store.write(batch).written[1] == Written(0, 0, True, 1)
        assert [row.key for row in store.scan("s")] == ["b"]
        assert put(store, "s", "a").version == 3

    @pytest.mark.parametrize("wanted", [1, 3, 7])
    def test_a_wrong_precondition_is_a_conflict(self, store: Store, wanted: int) -> None:
        """The error names scope, key and both versions; the entry is as it was."""
        store.write([Put("s", "k", b"one", 1), Put("s", "k", b"two", 1)])
        for operation in (
            Put("s", "k", b"new", 2, if_version=wanted),
            Delete("s", "k", 2, wanted),
            Check("s", "k", 2, wanted),
        ):
            with pytest.raises(VersionConflict) as caught:
                store.write([operation])
            expected = {"scope": "s", "key": "k", "expected": wanted, "actual": 2}
            assert caught.value.details == expected
        assert value_of(store, "s", "k") == b"two"

    def test_version_zero_means_that_nothing_is_there(self, store: Store) -> None:
        """0 holds for a key never written and for a deleted one, and fails for a live one."""
        assert put(store, "s", "k", if_version=0).version == 1
        with pytest.raises(VersionConflict):
            put(store, "s", "k", if_version=0)
        store.write([Delete("s", "k", 2)])
        with pytest.raises(VersionConflict):
            put(store, "s", "k", if_version=2)
        assert put(store, "s", "k", if_version=0).version == 3

    def test_a_check_lets_the_rest_of_its_batch_pass_or_fail(self, store: Store) -> None:
        """It writes nothing and takes no version; its key need not be written by the batch."""
        store.write([Put("s", "seen", b"", 1), Put("s", "gone", b"", 1), Delete("s", "gone", 1)])
        right: list[Operation] = [Check("s", "seen", 2, 1), Check("s", "gone", 2, 0)]
        right.append(Check("s", "never", 2, 0))
        assert store.write([*right, Put("s", "k", b"1", 2)]).written == [
            Written(0, 0, True, 0),
            Written(0, 0, False, 0),
            Written(0, 0, False, 0),
            Written(1, 2, False, 1),
        ]
        for wrong in (Check("s", "seen", 2, 0), Check("s", "gone", 2, 2), Check("s", "no", 2, 1)):
            batch: list[Operation] = [wrong, Put("s", "k", b"2", 3)]
            for order in (batch, batch[::-1]):
                with pytest.raises(VersionConflict):
                    store.write(order)
        assert value_of(store, "s", "k") == b"1"
        assert put(store, "s", "seen").version == 2

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
        assert [put(store, "s", key).version for key in ("a", "b", "new")] == [2, 2, 1]

    def test_operations_of_a_batch_see_each_other(self, store: Store) -> None:
        """Preconditions count what the same batch did before them."""
        first, second, third = store.write(
            [
                Put("s", "k", b"1", 1, if_version=0),
                Put("s", "k", b"2", 1, if_version=1),
                Check("s", "k", 1, 2),
            ]
        ).written
        assert (first.version, second.version, third.existed) == (1, 2, True)
        assert store.write([]).written == []

    def test_what_is_no_operation_is_refused(self, store: Store) -> None:
        """A stranger in the batch is an InvalidArgument, and the rest is not applied."""
        stranger: Any = ("s", "k")
        with pytest.raises(InvalidArgument):
            store.write([Put("s", "k", b"", 1), stranger])
        with pytest.raises(InvalidArgument):
            store.write([], durability="perhaps")
        assert store.scopes() == []

    def test_big_and_empty_values_come_back_unchanged(self, store: Store) -> None:
        """Sixteen mebibytes and none at all are both values."""
        big = bytes(range(256)) * 65536
        store.write([Put("s", "big", big, 1), Put("s", "empty", b"", 1)])
        assert value_of(store, "s", "big") == big
        assert value_of(store, "s", "empty") == b""

    def test_internal_scopes_are_kept_but_not_shown(self, store: Store) -> None:
        """They are read, scanned and versioned as all others, but not listed or counted."""
        scope = INTERNAL + "lease"
        store.write([Put(scope, "k", b"mine", 1), Put("s", "k", b"", 1)])
        assert value_of(store, scope, "k") == b"mine"
        assert [row.key for row in store.scan(scope)] == ["k"]
        assert store.scopes() == [("s", 1)]
        assert store.scopes(INTERNAL) == []
        assert store.versions() == [("s", 1, 1)]
        facts = store.stats()
        assert (facts["entries"], facts["scopes"]) == (1, 1)
        assert put(store, scope, "k", if_version=1).version == 2
