"""What holds for restoring: entries come back as they were, all of them or none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import InvalidArgument, RuntimeClosed, StorageError
from llmspell.store.base import INTERNAL, Delete, Put, Reader, Ref, Restored, Store
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.memory.store import MemoryStore
from llmspell.testing.clock import ManualClock
from llmspell.testing.shorthand import put, sweep, value_of

__all__ = ["RestoringRules", "restored"]

Batch = Sequence[Restored | Delete]
# More entries than any store takes at once in one statement, and not a multiple of it.
_entries = st.tuples(
    st.sampled_from([f"{number:02}" for number in range(45)]),
    st.integers(1, 5),
    st.sampled_from([None, None, 1, 5]),
)
_steps = st.lists(
    st.tuples(
        st.sampled_from(["restore", "restore", "mixed", "put", "delete"]),
        st.lists(_entries, min_size=1, max_size=45, unique_by=lambda it: it[0]),
        st.integers(0, 45),
    ),
    max_size=5,
)


def restored(key: str, blob: bytes = b"old", *, scope: str = "s", **rest: Any) -> Restored:
    """Make an entry of long ago, which a backup could have had."""
    facts: dict[str, Any] = {
        "at": 9, "version": 1, "created_at": 3, "updated_at": 4, "schema_version": 1,
        "state_class": "standard", "expires_at": None, "correlation_id": None,
    }  # fmt: skip
    return Restored(scope, key, blob, **(facts | rest))


def _all(*batches: Batch) -> Callable[[Reader], Iterable[Batch]]:
    return lambda _: batches


def _bad_batches() -> list[Any]:
    return [
        None,
        7,
        "text",
        restored("b"),
        iter([restored("b")]),
        [None],
        [restored("b"), Put("s", "c", b"", 1)],
        [restored("b", version=0)],
        [restored("b", version=-3)],
        [restored("b", version=1.5)],
        [restored("b", version=True)],
        [restored("b", version=2**53)],
        [restored("b"), restored("c"), restored("b")],
        [restored("b"), Delete("s", "b", 1)],
        [Delete("s", "a", 1, 1)],
        [restored("first")],
    ]


class RestoringRules:
    """Whatever is restored: nobody sees a part of it, and nothing else is changed."""

    histories: int

    def test_entries_come_back_as_they_were(self, store: Store, clock: ManualClock) -> None:
        """With their times, versions, classes and correlation ids, in scopes of any kind."""
        end = clock.now + 5
        batches = [
            [
                restored("a", b"A", version=7, schema_version=2, correlation_id="why"),
                restored("b", b"", state_class="bulk", expires_at=end, created_at=1),
            ],
            [restored("a", b"T", scope="t", version=2), restored("own", scope=INTERNAL + "s")],
        ]
        done = store.restore(_all(*batches), origin=Origin("me", "run"))
        assert done.seq == store.span().last == 3
        assert [row[:] for scope in "st" for row in store.scan(scope)] == [
            ("s", "a", 7, 3, 4, 2, "standard", None, "why", b"A"),
            ("s", "b", 1, 1, 4, 1, "bulk", end, None, b""),
            ("t", "a", 2, 3, 4, 1, "standard", None, None, b"T"),
        ]
        assert [change[:] for change in store.changes(0)] == [
            (1, 9, "s", "a", "put", 7, 3, 2, "standard", None, "me", "run", "why", None, b"A"),
            (2, 9, "s", "b", "put", 1, 1, 1, "bulk", end, "me", "run", None, None, b""),
            (3, 9, "t", "a", "put", 2, 3, 1, "standard", None, "me", "run", None, None, b"T"),
        ]
        assert value_of(store, INTERNAL + "s", "own") == b"old"
        assert store.scopes() == [("s", 2), ("t", 1)]
        clock.now = end
        assert value_of(store, "s", "b") is None
        assert sweep(store, end) == (1, 0)

    def test_the_journal_tells_who_restored(self, store: Store) -> None:
        """An origin's own correlation id stands there, the entry keeps its own."""
        origin = Origin(None, None, "restore")
        store.restore(_all([restored("a", correlation_id="why"), restored("b")]), origin=origin)
        assert [change.correlation_id for change in store.changes(0)] == ["restore", "restore"]
        assert [row.correlation_id for row in store.scan("s")] == ["why", None]

    def test_versions_never_come_back(self, store: Store, clock: ManualClock) -> None:
        """A key that has come as far takes the next one: alive, deleted or expired."""
        for key in ("alive", "behind", "deleted", "expired"):
            put(store, "s", key)
            put(store, "s", key, expires_at=clock.now + 1 if key == "expired" else None)
        store.write([Delete("s", "deleted", 2)])
        clock.now += 1
        at, last = clock.now, store.span().last
        keys = ("alive", "behind", "deleted", "expired", "new")
        batch = [restored(key, at=at, version=9 if key == "behind" else 2) for key in keys]
        store.restore(_all(batch))
        assert [(row.key, row.version) for row in store.scan("s")] == [
            ("alive", 3), ("behind", 9), ("deleted", 4), ("expired", 4), ("new", 2),
        ]  # fmt: skip
        assert {row.created_at for row in store.scan("s")} == {3}
        told = [(change.key, change.op, change.version) for change in store.changes(last)]
        assert ("expired", "expire", 3) in told
        assert len(told) == 6
        for key in keys:
            changes = store.history(Ref("s", key))
            assert [it.previous for it in changes] == [it.seq for it in changes[1:]] + [None]
        written = store.write([Put("s", key, b"", at) for key in keys]).written
        assert [(done.version, done.created_at) for done in written] == [
            (4, 3), (10, 3), (5, 3), (5, 3), (3, 3),
        ]  # fmt: skip

    def test_a_restore_may_remove_what_was_not_there(self, store: Store) -> None:
        """A delete takes a version; of what is not there it is nothing."""
        put(store, "s", "later")
        last = store.span().last
        batch: Batch = [Delete("s", "later", 8), restored("a"), Delete("s", "never", 8)]
        store.restore(_all(batch, [Delete("s", "nor that", 8)]), origin=Origin("me"))
        assert [row.key for row in store.scan("s")] == ["a"]
        assert [(it.op, it.key, it.version, it.at, it.actor) for it in store.changes(last)] == [
            ("delete", "later", 2, 8, "me"),
            ("put", "a", 1, 9, "me"),
        ]

    def test_work_reads_what_there_was(self, store: Store) -> None:
        """And nothing of what it has yielded already, whichever way it reads."""
        put(store, "s", "a", b"new")
        seen: list[object] = []

        def work(reader: Reader) -> Iterator[Batch]:
            for key in ("a", "b"):
                yield [restored(key)]
                seen.append([row and row.blob for row in reader.read([Ref("s", "a")])])
                seen.append([row.blob for row in reader.scan("s")])
                seen.append(reader.scopes())
                seen.append([row.key for row in reader.walk(limit=9)])
                seen.append(reader.position())

        position = store.span().last
        store.restore(work)
        assert seen == [[b"new"], [b"new"], [("s", 1)], ["a"], position] * 2
        assert [row.blob for row in store.scan("s")] == [b"old", b"old"]

    def test_what_is_cached_shows_that_there_was_a_restore(self, store: Store) -> None:
        """The epoch rises with it; a restore of nothing changes nothing."""
        before, last = store.epoch(), store.span().last
        for nothing in (_all(), _all([]), _all([Delete("s", "never", 1)])):
            assert store.restore(nothing).seq == last
        assert store.epoch() in (before, -1)
        done = store.restore(_all([restored("a")], [restored("b")]))
        if -1 not in (before, done.epoch_before, done.epoch_after):
            assert before == done.epoch_before != done.epoch_after == store.epoch()
        assert store.changes(last)

    def test_who_waits_for_changes_sees_the_restore(self, store: Store) -> None:
        """All of it, once it is over."""
        put(store, "s", "a")
        last = store.span().last

        def wait() -> list[int]:
            while not (changes := store.changes(last)):
                store.wait(last, 30)
            return [change.seq for change in changes]

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait)
            store.restore(_all([restored("b")], [restored("c")]))
            assert waiting.result(30) == [last + 1, last + 2]

    def test_what_work_raises_leaves_everything_as_it_was(self, store: Store) -> None:
        """It comes out as it is, and the store goes on; what work had open is closed."""
        put(store, "s", "a")
        was = store.scan("s"), store.changes(0), store.span()
        closed: list[type] = []
        errors = (ValueError, OverflowError, KeyboardInterrupt, StorageError)
        for error in errors:

            def work(_: Reader, error: type[BaseException] = error) -> Iterator[Batch]:
                try:
                    yield [restored("a"), restored("b"), restored("in", scope="t")]
                    raise error("told")
                finally:
                    closed.append(error)

            def at_once(_: Reader, error: type[BaseException] = error) -> Iterator[Batch]:
                raise error("told")

            for each in (work, at_once):
                with pytest.raises(error, match="told"):
                    store.restore(each)
                assert (store.scan("s"), store.changes(0), store.span()) == was
        assert closed == [*errors]
        store.restore(_all([restored("a")]))
        assert value_of(store, "s", "a") == b"old"

    def test_what_restores_nothing_is_refused(self, store: Store) -> None:
        """By name, and the batches before it are not kept either."""
        put(store, "s", "a")
        for bad in _bad_batches():
            batches: Any = [restored("first")], bad
            with pytest.raises(InvalidArgument, match="a restore takes"):
                store.restore(_all(*batches))
            assert [row.key for row in store.scan("s")] == ["a"]
        for nothing in (None, 7):
            with pytest.raises(InvalidArgument, match="a restore takes"):
                store.restore(lambda _, it=nothing: it)  # type: ignore[misc]
        put(store, "s", "b")
        assert store.span().last == 2

    def test_an_address_of_an_earlier_batch_is_refused(self, store: Store) -> None:
        """Over an empty store and over what was there."""
        for key in ("a", "b"):
            for again in (restored(key), Delete("s", key, 9)):
                with pytest.raises(InvalidArgument, match="'s' came twice"):
                    store.restore(_all([restored("x"), restored(key)], [restored("y")], [again]))
            assert store.scan("s", values=False) == store.scan("s", prefix="a", values=False)
            put(store, "s", "a")
        assert store.span().last == 2

    def test_a_durability_is_looked_at_first(self, store: Store) -> None:
        """As when writing."""
        with pytest.raises(InvalidArgument):
            store.restore(_all([restored("a")]), durability="wishful")
        store.restore(_all([restored("a")]), durability="fsync")
        assert value_of(store, "s", "a") == b"old"

    def test_work_cannot_write_to_the_store_it_restores(self, store: Store) -> None:
        """It is told so at once, in whatever way it tries, and may go on restoring."""
        put(store, "s", "a", expires_at=2)
        calls: list[Callable[[], object]] = [
            lambda: put(store, "s", "b"),
            lambda: store.put("s", "b", b"", 1, 1, "standard", None, NOBODY),
            lambda: store.rewrite([Put("s", "a", b"", 1, if_version=1)]),
            lambda: store.restore(_all([restored("b")])),
            lambda: store.compact(keep=0),
        ]

        def work(_: Reader) -> Iterator[Batch]:
            yield [restored("first")]
            for call in calls:
                with pytest.raises(StorageError) as caught:
                    call()
                assert caught.value.details["reason"] == "locked"
            yield [restored("last")]

        store.restore(work)
        assert [row.key for row in store.scan("s")] == ["first", "last"]
        put(store, "s", "b")

    def test_who_writes_meanwhile_waits(self, store: Store) -> None:
        """And then writes over what was restored; readers are not kept waiting."""
        put(store, "s", "a", b"was")
        writing = threading.Event()

        def write() -> int:
            writing.set()
            return put(store, "s", "a", b"after", at=10).version

        with ThreadPoolExecutor(2) as pool:
            told: list[Any] = []

            def work(_: Reader) -> Iterator[Batch]:
                yield [restored("a")]
                told.append(pool.submit(write))
                assert writing.wait(30)
                seen = pool.submit(value_of, store, "s", "a")
                assert seen.result(30) == b"was"
                yield [restored("b")]

            store.restore(work)
            assert told[0].result(30) == 3
        assert [row.blob for row in store.scan("s")] == [b"after", b"old"]

    def test_a_snapshot_shows_nothing_of_a_later_restore(self, store: Store) -> None:
        """It stays at its moment."""
        put(store, "s", "a")
        with store.snapshot() as snapshot:
            store.restore(_all([restored("a"), restored("b")]))
            assert [row.blob for row in snapshot.scan("s")] == [b"v"]
        assert len(store.scan("s")) == 2

    def test_many_entries_are_restored_over_some_of_them(self, store: Store) -> None:
        """In batches of any size, of many scopes and few."""
        keys = [f"{number:03}" for number in range(150)]
        old = [put(store, f"t{key[2]}", key, expires_at=None).version for key in keys[::7]]
        entries = [restored(key, scope=f"t{key[2]}", version=1 + int(key) % 3) for key in keys]
        last = store.span().last
        store.restore(_all(entries[:100], entries[100:101], entries[101:]))
        rows = {row.key: row for scope, _ in store.scopes() for row in store.scan(scope)}
        assert len(old) == last
        for number, key in enumerate(keys):
            least = 2 if number % 7 == 0 else 1
            assert rows[key].version == max(least, 1 + number % 3)
        assert [change.key for change in store.changes(last)] == keys
        assert sum(count for _, count in store.scopes()) == 150

    def test_a_restore_does_what_it_does_in_memory(self, store: Store, clock: ManualClock) -> None:
        """After any history: another store that does the same has the same entries and changes."""
        twin = MemoryStore(clock=clock)
        numbers = count()

        @settings(max_examples=max(5, self.histories // 2), deadline=None)
        @given(_steps)
        def any_history(steps: list[tuple[str, list[tuple[str, int, int | None]], int]]) -> None:
            scopes, start = [f"{next(numbers)} {name}" for name in "ab"], twin.span().last
            for number, (kind, entries, cut) in enumerate(steps):
                clock.now += 2
                batch: list[Any] = []
                for key, version, lifetime in entries:
                    scope, blob = scopes[version % 2], b"%d" % number
                    end = None if lifetime is None else clock.now + lifetime
                    if kind == "delete" or (kind == "mixed" and version == 5):
                        batch.append(Delete(scope, key, clock.now))
                    elif kind == "put":
                        batch.append(Put(scope, key, blob, clock.now, expires_at=end))
                    else:
                        batch.append(
                            restored(key, blob, scope=scope, at=clock.now + version // 4,
                                     version=version, schema_version=version, expires_at=end,
                                     correlation_id="why" if version == 2 else None)
                        )  # fmt: skip
                origin = Origin(f"step {number}") if number % 2 else NOBODY
                for it in (store, twin):
                    if kind in ("put", "delete"):
                        it.write(batch, origin=origin)
                    else:
                        it.restore(_all(batch[:cut], batch[cut:]), origin=origin)
            assert store.changes(start) == twin.changes(start)
            for scope in scopes:
                assert store.scan(scope) == twin.scan(scope)

        any_history()
        twin.close()

    def test_without_a_journal_entries_come_back_as_ever(
        self, store_without_journal: Store
    ) -> None:
        """Only nobody is told."""
        store = store_without_journal
        put(store, "s", "a")
        assert store.restore(_all([restored("a"), restored("b", version=4)])).seq == 0
        assert [row.version for row in store.scan("s")] == [2, 4]
        assert store.changes(0) == []

    def test_a_closed_store_restores_nothing(self, store: Store) -> None:
        """And does not ask for anything either."""
        store.close()
        with pytest.raises(RuntimeClosed):
            store.restore(lambda _: pytest.fail("it was asked"))
