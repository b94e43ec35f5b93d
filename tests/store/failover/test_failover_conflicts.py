"""What a primary no longer takes is a conflict, which keeps both sides until it is resolved."""

from __future__ import annotations

import pytest

from llmspell.errors import (
    InvalidArgument,
    VersionConflict,
)
from llmspell.store import (
    Check,
    Delete,
    Origin,
    Put,
    Ref,
)
from llmspell.store.failover.store import FailoverStore
from llmspell.testing import ManualClock

from .outages import Dead, Primary, blobs, put, unavailable, value


@pytest.fixture
def in_conflict(primary: Primary, store: FailoverStore) -> FailoverStore:
    """Both sides wrote "a" over version 1, ours twice; "b" is only ours."""
    put(store, "a", b"base")
    primary.reason = "unavailable"
    store.write([Put("s", "a", b"ours", 11)], origin=Origin("me", None, None))
    put(store, "a", b"ours too")
    put(store, "b", b"alone")
    put(primary.store, "a", b"theirs")
    primary.reason = None
    assert store.replay()
    return store


def test_a_conflict_keeps_both_sides_and_the_rest_goes_on(
    primary: Primary, in_conflict: FailoverStore
) -> None:
    first, second = in_conflict.conflicts()
    assert blobs(primary.store) == [b"base", b"theirs", b"alone"]
    (side,) = first.sides
    assert side.ours is not None
    assert side.theirs is not None
    assert (side.scope, side.key, side.base) == ("s", "a", 1)
    assert (side.ours.blob, side.theirs.blob, side.theirs.version) == (b"ours", b"theirs", 2)
    assert first.origin.actor == "me"
    assert second.sides[0].ours is not None
    assert second.sides[0].ours.blob == b"ours too"
    assert in_conflict.health()["conflicts"] == 2
    assert value(in_conflict, "a") == b"theirs"


def test_keeping_theirs_drops_ours(primary: Primary, in_conflict: FailoverStore) -> None:
    first, second = in_conflict.conflicts()
    in_conflict.keep_theirs(first.id)
    assert [conflict.id for conflict in in_conflict.conflicts()] == [second.id]
    assert value(in_conflict, "a") == b"theirs"
    with pytest.raises(InvalidArgument):
        in_conflict.keep_theirs(first.id)


def test_keeping_ours_writes_a_new_version_over_theirs(
    primary: Primary, in_conflict: FailoverStore, clock: ManualClock
) -> None:
    clock.now += 77
    for conflict in in_conflict.conflicts():
        in_conflict.keep_ours(conflict.id)
    changes = primary.store.history(Ref("s", "a"))
    assert [(change.version, change.blob) for change in changes] == [
        (4, b"ours too"),
        (3, b"ours"),
        (2, b"theirs"),
        (1, b"base"),
    ]
    assert [change.at for change in changes][:2] == [clock.now, clock.now]
    assert changes[1].actor == "me"
    assert in_conflict.conflicts() == []


def test_ours_is_not_written_over_what_nobody_has_looked_at(
    primary: Primary, in_conflict: FailoverStore
) -> None:
    first, _ = in_conflict.conflicts()
    put(primary.store, "a", b"newer")
    with pytest.raises(VersionConflict, match="no longer what it was"):
        in_conflict.keep_ours(first.id)
    (side,) = in_conflict.conflict(first.id).sides
    assert side.theirs is not None
    assert side.theirs.blob == b"newer"
    in_conflict.keep_ours(first.id)
    assert value(in_conflict, "a") == b"ours"


def test_ours_needs_the_primary_and_theirs_does_not(
    primary: Primary, in_conflict: FailoverStore
) -> None:
    first, second = in_conflict.conflicts()
    primary.reason = "unavailable"
    unavailable(lambda: in_conflict.keep_ours(first.id))
    in_conflict.keep_theirs(first.id)
    assert [conflict.id for conflict in in_conflict.conflicts()] == [second.id]


def test_a_death_while_keeping_ours_does_not_write_it_twice(
    primary: Primary, in_conflict: FailoverStore
) -> None:
    first, _ = in_conflict.conflicts()
    primary.dies_after = 0
    with pytest.raises(Dead):
        in_conflict.keep_ours(first.id)
    primary.dies_after = None
    in_conflict.keep_ours(first.id)
    assert [blob for blob in blobs(primary.store) if blob == b"ours"] == [b"ours"]
    assert len(in_conflict.conflicts()) == 1


def test_a_batch_is_taken_or_refused_as_a_whole(primary: Primary, store: FailoverStore) -> None:
    put(store, "a", b"base")
    put(store, "seen", b"base")
    primary.reason = "unavailable"
    store.write([Put("s", "a", b"ours", 11), Put("s", "b", b"ours", 11), Delete("s", "seen", 11)])
    put(primary.store, "seen", b"theirs")
    primary.reason = None
    store.replay()
    assert b"ours" not in blobs(primary.store)
    (conflict,) = store.conflicts()
    assert [(side.key, side.base, side.ours and side.ours.blob) for side in conflict.sides] == [
        ("a", 1, b"ours"),
        ("b", None, b"ours"),
        ("seen", 1, None),
    ]
    store.keep_ours(conflict.id)
    assert [value(store, key) for key in ("a", "b", "seen")] == [b"ours", b"ours", None]


def test_what_a_write_only_looked_at_must_hold_at_the_primary_too(
    primary: Primary, store: FailoverStore
) -> None:
    put(store, "a", b"base")
    put(store, "b", b"base")
    primary.reason = "unavailable"
    put(store, "a", b"ours")
    store.write([Check("s", "a", 11, 2), Put("s", "b", b"by a", 11)])
    put(primary.store, "a", b"theirs")
    primary.reason = None
    store.replay()
    assert [conflict.sides[0].key for conflict in store.conflicts()] == ["a", "b"]
    assert value(store, "b") == b"base"


def test_a_write_of_an_unknown_entry_overwrites_nothing(
    primary: Primary, store: FailoverStore
) -> None:
    put(primary.store, "a", b"theirs")
    primary.reason = "unavailable"
    put(store, "a", b"ours")
    put(store, "b", b"ours")
    primary.reason = None
    store.replay()
    assert blobs(primary.store) == [b"theirs", b"ours"]
    (conflict,) = store.conflicts()
    assert conflict.sides[0].base is None
