"""Restoring needs the primary, and what was known before it is not served afterwards."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from llmspell.errors import StorageError
from llmspell.store import NOBODY, Delete, Origin
from llmspell.store.base import Reader, Restored, RestoreWork, Rewritten
from llmspell.store.failover.store import FailoverStore
from llmspell.store.memory.store import MemoryStore
from llmspell.testing.restoring import restored

from .outages import Primary, put, unavailable, value

Batch = Sequence[Restored | Delete]


def test_nothing_is_restored_while_the_primary_is_away(
    primary: Primary, store: FailoverStore
) -> None:
    """It is not even asked for, and nothing waits to be replayed."""
    put(store, "k", b"new")
    primary.reason = "unavailable"
    for _ in range(2):
        unavailable(lambda: store.restore(lambda _: pytest.fail("it was asked")))
    assert store.health()["waiting_writes"] == 0


def test_copies_from_before_a_restore_are_not_served(
    primary: Primary, store: FailoverStore, path: Path
) -> None:
    """Neither those in memory nor those that an earlier outage has left in the file."""
    put(store, "in file", b"new")
    primary.reason = "unavailable"
    assert value(store, "in file") == b"new"
    primary.reason = None
    assert store.replay()
    put(store, "in memory", b"new")
    store.restore(lambda _: [[restored("in file"), Delete("s", "in memory", 9)]])
    put(store, "since", b"newer")
    primary.reason = "unavailable"
    assert value(store, "since") == b"newer"
    for key in ("in file", "in memory"):
        unavailable(lambda key=key: value(store, key))  # type: ignore[misc]
    other = primary.failover(path)
    unavailable(lambda: value(other, "in file"))
    other.close()


def test_a_medium_that_fails_is_no_outage_of_the_primary(
    primary: Primary, store: FailoverStore
) -> None:
    """What work raises comes out; the line stays up, and nothing is restored twice."""

    def work(_: Reader) -> Iterator[Batch]:
        yield [restored("k")]
        raise StorageError("the backup cannot be read", reason="io")

    with pytest.raises(StorageError, match="the backup cannot be read"):
        store.restore(work)
    assert store.health()["breaker"] == "closed"
    assert value(store, "k") is None


class _Lost(MemoryStore):
    """Is lost at the end of a restore, and nobody knows what has become of it."""

    def restore(
        self, work: RestoreWork, *, durability: str | None = None, origin: Origin = NOBODY
    ) -> Rewritten:
        super().restore(work, durability=durability, origin=origin)
        raise StorageError("the connection is lost", reason="unknown_outcome")


def test_an_outage_in_the_middle_is_told_and_nothing_old_is_served(
    primary: Primary, path: Path
) -> None:
    """Work is done once: whether it was restored is for the caller to find out."""
    primary.store = _Lost(clock=primary.clock)
    store = primary.failover(path)
    put(store, "k", b"new")
    calls: list[int] = []

    def work(_: Reader) -> Iterator[Batch]:
        calls.append(1)
        yield [restored("k")]

    with pytest.raises(StorageError, match="the connection is lost"):
        store.restore(work)
    assert calls == [1]
    assert store.health()["breaker"] == "open"
    unavailable(lambda: value(store, "k"))
    assert store.replay()
    assert value(store, "k") == b"old"
    store.close()
