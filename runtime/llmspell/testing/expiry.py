"""Entries that expire, the sweep, and what becomes of tombstones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmspell.errors import VersionConflict
from llmspell.store.base import (
    INTERNAL,
    Check,
    Clear,
    Delete,
    Operation,
    Put,
    Reader,
    Ref,
    Store,
    Written,
)
from llmspell.store.changes import NOBODY, Change, Origin
from llmspell.store.plan import KEEP_TOMBSTONES_US
from llmspell.testing.clock import ManualClock
from llmspell.testing.shorthand import put, sweep, value_of

__all__ = ["ExpiryRules"]

_REF = Ref("s", "k")
_WAYS_TO_READ: list[Callable[[Reader], object]] = [
    lambda reader: reader.read([_REF]) != [None],
    lambda reader: reader.scan("s") != [],
    lambda reader: reader.scan("s", prefix="k", limit=1, values=False) != [],
    lambda reader: reader.scopes() != [],
    lambda reader: reader.scopes("s") != [],
    lambda reader: reader.versions() != [],
    lambda reader: reader.walk(limit=1) != [],
]


def _is_seen(reader: Reader) -> bool:
    """Tell whether the only entry shows; every way to read must agree."""
    (seen,) = {bool(read(reader)) for read in _WAYS_TO_READ}
    return seen


class ExpiryRules:
    """From ``expires_at`` on an entry is absent, whether or not it has been swept."""

    def test_an_expired_entry_is_never_seen(self, store: Store, clock: ManualClock) -> None:
        """It shows until the store's clock reaches its time, and from then on nowhere."""
        put(store, "s", "k", expires_at=clock.now + 10)
        clock.now += 9
        assert _is_seen(store)
        assert store.stats()["entries"] == store.stats()["scopes"] == 1
        clock.now += 1
        assert not _is_seen(store)
        assert store.stats()["entries"] == store.stats()["scopes"] == 0
        assert sweep(store, clock.now) == (1, 0)
        assert not _is_seen(store)

    def test_an_expired_entry_takes_no_place_on_a_page(
        self, store: Store, clock: ManualClock
    ) -> None:
        """A page is full as long as there are enough living entries."""
        store.write(
            [
                Put("s", f"{i:02}", b"", 1, expires_at=clock.now if i % 3 else None)
                for i in range(30)
            ]
        )
        assert [row.key for row in store.scan("s", limit=4)] == ["00", "03", "06", "09"]
        assert [row.key for row in store.scan("s", after="03", limit=2)] == ["06", "09"]
        assert store.scopes() == [("s", 10)]

    def test_a_snapshot_goes_by_the_clock_of_the_reading(
        self, store: Store, clock: ManualClock
    ) -> None:
        """What expires while it is open vanishes from it; a sweep changes nothing in it."""
        store.write([Put("s", "k", b"", 1, expires_at=clock.now + 10), Put("t", "k", b"", 1)])
        with store.snapshot() as moment:
            assert [row.key for row in moment.scan("s")] == ["k"]
            clock.now += 10
            assert moment.scan("s") == []
            assert moment.read([_REF, Ref("t", "k")])[0] is None
            assert moment.scopes() == [("t", 1)]
            sweep(store, clock.now)
            assert moment.scopes() == [("t", 1)]

    @pytest.mark.parametrize("swept", [False, True])
    @pytest.mark.parametrize("way", ["write", "put"])
    def test_writing_over_an_expired_entry_takes_two_versions(
        self, store: Store, clock: ManualClock, swept: bool, way: str
    ) -> None:
        """One for the expiry and one for the write, and both are journalled, swept or not."""
        expires_at = clock.now + 10
        put(store, "s", "k", b"old", expires_at=expires_at, origin=Origin("me", "r", "c"))
        at = clock.now = expires_at + 3
        if swept:
            sweep(store, clock.now)
        if way == "put":
            taken = store.put("s", "k", b"new", at, 1, "standard", 0, Origin("you"))[:2]
        else:
            written = put(store, "s", "k", b"new", at=at, if_version=0, origin=Origin("you"))
            assert written == Written(3, at, False, 1)
            taken = written[:2]
        assert taken == (3, at)
        assert store.changes(1) == [
            Change(2, expires_at, "s", "k", "expire", 2, 1, 1, "standard", None, *NOBODY, 1, b""),
            Change(
                3, at, "s", "k", "put", 3, at, 1, "standard", None, "you", None, None, 2, b"new"
            ),
        ]
        assert value_of(store, "s", "k") == b"new"

    def test_preconditions_go_by_the_time_of_the_operation(
        self, store: Store, clock: ManualClock
    ) -> None:
        """An entry is there for an operation before its end and absent for one at it."""
        put(store, "s", "k", expires_at=clock.now + 10)
        early, late = clock.now + 9, clock.now + 10
        store.write([Check("s", "k", early, 1)])
        for operation in (
            Put("s", "k", b"", late, if_version=1),
            Delete("s", "k", late, 1),
            Check("s", "k", late, 1),
        ):
            with pytest.raises(VersionConflict) as caught:
                store.write([operation])
            assert caught.value.details["actual"] == 0
        with pytest.raises(VersionConflict):
            store.put("s", "k", b"", late, 1, "standard", 1, NOBODY)
        assert [change.op for change in store.changes(0)] == ["put"]
        assert store.write([Check("s", "k", late, 0)]).written == [Written(0, 0, False, 0)]

    @pytest.mark.parametrize("operation", [Delete("s", "k", 99), Clear("s", 99)])
    def test_removing_an_expired_entry_removes_nothing(
        self, store: Store, operation: Operation
    ) -> None:
        """It is not counted, and its end is an expiry rather than a deletion."""
        put(store, "s", "k", expires_at=99)
        assert store.write([operation]).written == [Written(0, 0, False, 0)]
        assert put(store, "s", "k", at=100).version == 3
        assert [change.op for change in store.changes(0)] == ["put", "expire", "put"]

    def test_a_sweep_journals_each_expiry_with_its_own_time(
        self, store: Store, clock: ManualClock
    ) -> None:
        """Nobody is its origin, and it takes a version."""
        for key, ends in (("a", 5), ("b", 3), ("c", 50)):
            put(store, "s", key, expires_at=clock.now + ends, origin=Origin("me", "r", "c"))
        clock.now += 10
        assert sweep(store, clock.now) == (2, 0)
        ends_at = {"a": clock.now - 5, "b": clock.now - 7}
        assert {change.key: change for change in store.changes(3)} == {
            c.key: Change(
                c.seq, ends_at[c.key], "s", c.key, "expire", 2, 1, 1, "standard", None, *NOBODY,
                previous, b"",
            )
            for c, previous in zip(
                sorted(store.changes(3), key=lambda change: change.key), (1, 2), strict=True
            )
        }  # fmt: skip
        assert [c.op for c in store.history(Ref("s", "a"))] == ["expire", "put"]
        assert store.span().last == 5

    def test_a_sweep_goes_by_the_time_it_is_given(self, store: Store, clock: ManualClock) -> None:
        """What expires later stays, and a second sweep finds nothing."""
        put(store, "s", "k", expires_at=clock.now + 10)
        assert sweep(store, clock.now + 9) == (0, 0)
        assert sweep(store, clock.now + 10) == (1, 0)
        assert sweep(store, clock.now + 10) == (0, 0)
        assert [change.op for change in store.changes(0)] == ["put", "expire"]

    def test_a_sweep_works_in_batches(self, store: Store, clock: ManualClock) -> None:
        """One call takes at most ``limit``, and says whether there is more."""
        store.write([Put("s", str(i), b"", 1, expires_at=clock.now - i) for i in range(25)])
        first = store.sweep(clock.now, limit=10)
        assert (first.expired, first.done) == (10, False)
        assert store.span().last == 35
        assert sweep(store, clock.now, limit=10) == (15, 0)
        store.write([Put("s", str(i), b"", 1, expires_at=clock.now) for i in range(2500)])
        assert sweep(store, clock.now) == (2500, 0)

    def test_only_the_present_expiry_of_an_entry_counts(
        self, store: Store, clock: ManualClock
    ) -> None:
        """One that was put off, taken away or deleted with its entry is never acted on."""
        keys = ["later", "never", "gone", "short"]
        store.write([Put("s", key, b"", 1, expires_at=clock.now + 10) for key in keys])
        store.write(
            [
                Put("s", "later", b"", 1, expires_at=clock.now + 100),
                Delete("s", "gone", 1),
                Put("s", "gone", b"", 1),
            ]
        )
        store.put("s", "never", b"", 1, 1, "standard", None, NOBODY)
        clock.now += 10
        assert [row.key for row in store.scan("s")] == ["gone", "later", "never"]
        assert sweep(store, clock.now) == (1, 0)
        assert [row.key for row in store.scan("s")] == ["gone", "later", "never"]
        clock.now += 90
        assert sweep(store, clock.now) == (1, 0)
        assert [row.key for row in store.scan("s")] == ["gone", "never"]

    def test_internal_entries_expire_and_are_swept(self, store: Store, clock: ManualClock) -> None:
        """A lease ends by the clock as every other entry does, and its versions go on."""
        scope = INTERNAL + "lease"
        put(store, scope, "k", expires_at=clock.now + 10)
        clock.now += 10
        assert store.read([Ref(scope, "k")]) == [None]
        assert sweep(store, clock.now) == (1, 0)
        assert put(store, scope, "k", if_version=0).version == 3

    def test_tombstones_go_when_their_time_is_over_and_not_before(
        self, store: Store, clock: ManualClock
    ) -> None:
        """Until then a key written again goes on from its last version; then it begins anew."""
        start = clock.now
        store.write([Put("s", key, b"", start) for key in "abc"])
        store.write([Put("s", "d", b"", start, expires_at=start)])
        store.write([Delete("s", "a", start), Delete("s", "b", start), Clear("s", start)])
        clock.now = start + KEEP_TOMBSTONES_US - 1
        assert sweep(store, clock.now) == (0, 0)
        assert put(store, "s", "b", at=clock.now).version == 3
        clock.now += 2
        assert sweep(store, clock.now, limit=2) == (0, 3)
        versions = [put(store, "s", key, at=clock.now).version for key in "abcd"]
        assert versions == [1, 4, 1, 1]
        assert [row.key for row in store.scan("s")] == ["a", "b", "c", "d"]

    def test_a_purge_leaves_the_journal_alone(self, store: Store, clock: ManualClock) -> None:
        """What it has of a key stays until compaction takes it."""
        store.write([Put("s", "k", b"1", 1), Delete("s", "k", 1)])
        before = store.changes(0)
        assert sweep(store, clock.now) == (0, 1)
        assert store.changes(0) == before
        put(store, "s", "k", b"2")
        assert store.changes(0)[:2] == before
        assert [(c.seq, c.version) for c in store.history(_REF, limit=1)] == [(3, 1)]
