"""What holds for rewriting: it is the write of the same puts, whatever way a store does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import InvalidArgument, VersionConflict
from llmspell.store.base import INTERNAL, Clear, Delete, Operation, Put, Ref, Store
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.memory.store import MemoryStore
from llmspell.testing.clock import ManualClock
from llmspell.testing.shorthand import put, value_of

__all__ = ["RewritingRules", "rewrite_together"]

# More than any store takes at once in one statement, and not a multiple of it.
_KEYS = [f"key {number:02}" for number in range(45)]
_steps = st.lists(
    st.tuples(
        st.sampled_from(["rewrite", "rewrite", "put", "delete", "pass"]),
        st.lists(st.sampled_from(_KEYS), min_size=1, unique=True) | st.just(_KEYS),
        st.sampled_from([0, 0, 0, 1]),  # how far the version of the last one is off
        st.sampled_from([None, None, 5]),
    ),
    max_size=6,
)


def rewrite_together(stores: Sequence[Store], rounds: int = 12) -> None:
    """Add one to many counters, at the same time in batches and one by one; none is lost."""
    refs = [Ref("s", key) for key in _KEYS]
    stores[0].write([Put(*ref, b"0", 1) for ref in refs])

    def add(write: Callable[[list[Put]], object], refs: Sequence[Ref], store: Store) -> int:
        rows = [row for row in store.read(refs) if row is not None]
        puts = [
            Put(row.scope, row.key, b"%d" % (int(row.blob) + 1), 2, if_version=row.version)
            for row in rows
        ]
        try:
            write(puts)
        except VersionConflict:
            return 0
        return len(puts)

    def work(number: int) -> int:
        store = stores[number % len(stores)]
        if number % 4 < 2:
            return sum(add(store.rewrite, refs, store) for _ in range(rounds))
        some = [refs[(number + step) % len(refs)] for step in range(2 * rounds)]
        return sum(add(store.write, [ref], store) for ref in some)

    with ThreadPoolExecutor(4) as pool:
        added = sum(pool.map(work, range(4)))
    assert sum(int(row.blob) for row in stores[0].scan("s")) == added
    changes = stores[0].changes(0)
    assert [change.seq for change in changes] == [*range(1, added + len(refs) + 1)]
    latest: dict[str, tuple[int | None, int]] = dict.fromkeys(_KEYS, (None, 0))
    for change in changes:
        assert (change.previous, change.version - 1) == latest[change.key]
        latest[change.key] = change.seq, change.version


class RewritingRules:
    """Whoever rewrites needs to know nothing but ``write``."""

    histories: int

    def test_a_rewrite_replaces_entries_and_journals_each(
        self, store: Store, clock: ManualClock
    ) -> None:
        """All but value, version and what the put names stays; the changes are in its order."""
        put(store, "s", "b", at=5)
        put(store, "s", "a", at=6, expires_at=clock.now + 9)
        batch = [
            Put("s", "a", b"A", 7, 2, "bulk", clock.now + 5, 1),
            Put("s", "b", b"B", 8, 3, "standard", None, 1),
        ]
        origin = Origin("me", "run", "why")
        before = store.epoch()
        result = store.rewrite(batch, origin=origin)
        assert result.seq == store.span().last == 4
        if -1 not in (before, result.epoch_before, result.epoch_after):
            assert before == result.epoch_before != result.epoch_after == store.epoch()
        assert [row[:] for row in store.scan("s")] == [
            ("s", "a", 2, 6, 7, 2, "bulk", clock.now + 5, "why", b"A"),
            ("s", "b", 2, 5, 8, 3, "standard", None, "why", b"B"),
        ]
        assert [change[:] for change in store.changes(2)] == [
            (3, 7, "s", "a", "put", 2, 6, 2, "bulk", clock.now + 5, *origin, 2, b"A"),
            (4, 8, "s", "b", "put", 2, 5, 3, "standard", None, *origin, 1, b"B"),
        ]

    def test_a_rewrite_may_mix_scopes_times_and_schemas(self, store: Store) -> None:
        """The changes are in the order of the batch all the same."""
        refs = [Ref(f"s{number % 3}", key) for number, key in enumerate(reversed(_KEYS))]
        store.write([Put(*ref, b"", 1) for ref in refs])
        store.rewrite(
            [Put(*ref, b"", n // 20, 1 + n // 40, if_version=1) for n, ref in enumerate(refs)]
        )
        told = [(change[2:4], change.at, change.schema_version) for change in store.changes(45)]
        assert told == [(ref, n // 20, 1 + n // 40) for n, ref in enumerate(refs)]

    @pytest.mark.parametrize("what", ["newer", "older", "absent", "deleted", "expired"])
    def test_a_rewrite_changes_all_or_nothing(
        self, store: Store, clock: ManualClock, what: str
    ) -> None:
        """The first entry that is not at its version is named, with the one it is at."""
        for key in ("a", "other", "z"):
            put(store, "s", key, at=clock.now, expires_at=clock.now + (5 if key == "other" else 9))
        if what == "deleted":
            store.write([Delete("s", "other", 2)])
        if what == "expired":
            clock.now += 5
        wanted = {"newer": 2, "older": 1}.get(what, 1)
        if what == "older":
            put(store, "s", "other", at=clock.now)
        key = "nowhere" if what == "absent" else "other"
        was = store.epoch(), store.span(), store.scan("s"), store.changes(0)
        batch = [Put("s", "a", b"", clock.now, if_version=1)]
        batch += [Put("s", key, b"", clock.now, if_version=wanted)]
        batch += [Put("s", "z", b"", clock.now, if_version=9)]
        with pytest.raises(VersionConflict) as caught:
            store.rewrite(batch)
        actual = {"newer": 1, "older": 2}.get(what, 0)
        assert caught.value.details == {
            "scope": "s", "key": key, "expected": wanted, "actual": actual,
        }  # fmt: skip
        assert (store.span(), store.scan("s"), store.changes(0)) == was[1:]
        assert store.epoch() in (was[0], -1)
        store.rewrite(batch[:1])
        assert value_of(store, "s", "a") == b""

    @pytest.mark.parametrize(
        "batch",
        [
            [Put("s", "k", b"", 1)],
            [Put("s", "k", b"", 1, if_version=0)],
            [Put("s", "k", b"", 1, if_version=-1)],
            [Put("s", "k", b"", 1, if_version=1, versions=2)],
            [Put("s", "k", b"", 1, if_version=1), Put("s", "k", b"", 1, if_version=2)],
            [Put("s", "k", b"", 1, if_version=1), Delete("s", "k", 1)],
            [Clear("s", 1)],
            [("s", "k")],
            [None],
        ],
    )
    def test_what_rewrites_nothing_is_refused(self, store: Store, batch: list[Any]) -> None:
        """Each put names the version it replaces, and no key comes twice."""
        put(store, "s", "k")
        with pytest.raises(InvalidArgument):
            store.rewrite(batch)
        assert value_of(store, "s", "k") == b"v"

    def test_an_unknown_durability_is_refused_when_rewriting(self, store: Store) -> None:
        """As when writing."""
        put(store, "s", "k")
        with pytest.raises(InvalidArgument):
            store.rewrite([Put("s", "k", b"", 1, if_version=1)], durability="wishful")
        store.rewrite([Put("s", "k", b"", 1, if_version=1)], durability="fsync")
        assert value_of(store, "s", "k") == b""

    def test_rewriting_nothing_is_fine(self, store: Store) -> None:
        """It tells where the journal ends."""
        put(store, "s", "k")
        assert store.rewrite([]).seq == 1

    def test_scopes_of_llmspells_own_are_rewritten_without_a_trace(self, store: Store) -> None:
        """They are not journalled, alone or among others."""
        own = INTERNAL + "s"
        put(store, own, "k")
        put(store, "s", "k")
        for version in (1, 2):
            batch = [Put(own, "k", b"%d" % version, 1, if_version=version)]
            batch += [Put("s", "k", b"", 1, if_version=1)] * (version == 2)
            store.rewrite(batch)
        assert value_of(store, own, "k") == b"2"
        assert [change.scope for change in store.changes(0)] == ["s", "s"]

    def test_without_a_journal_rewriting_replaces_as_ever(
        self, store_without_journal: Store
    ) -> None:
        """Versions and preconditions need none."""
        store = store_without_journal
        put(store, "s", "k")
        assert store.rewrite([Put("s", "k", b"new", 2, if_version=1)]).seq == 0
        with pytest.raises(VersionConflict):
            store.rewrite([Put("s", "k", b"newer", 2, if_version=1)])
        assert value_of(store, "s", "k") == b"new"
        assert store.changes(0) == []

    def test_what_is_written_after_a_rewrite_goes_on_from_it(self, store: Store) -> None:
        """Whichever way: what a store remembers of its entries is not from before."""
        for number in range(3):
            version = 3 * number
            store.put("s", "k", b"", 1, 1, "standard", version, NOBODY)
            store.rewrite([Put("s", "k", b"", 1, if_version=version + 1)])
            store.write([Put("s", "k", b"", 1, if_version=version + 2)])
        assert [(c.version, c.previous) for c in store.changes(0)] == [
            (number, number - 1 or None) for number in range(1, 10)
        ]

    def test_threads_that_rewrite_and_write_lose_nothing(self, store: Store) -> None:
        """Each value is made of the one before it, and the journal has them all, in order."""
        rewrite_together([store])

    def test_a_rewrite_is_the_write_of_its_puts(self, store: Store, clock: ManualClock) -> None:
        """Another store that writes what this one rewrites has the same entries and changes."""
        twin = MemoryStore(clock=clock)
        numbers = count()

        def same(batch: Sequence[Operation], origin: Origin, *, rewrites: bool) -> None:
            told: list[object] = []
            for it, rewrite in ((store, rewrites), (twin, False)):
                try:
                    write: Any = it.rewrite if rewrite else it.write
                    told.append(write(batch, origin=origin).seq)
                except VersionConflict as conflict:
                    told.append(conflict.details)
            assert told[0] == told[1]

        @settings(max_examples=max(5, self.histories // 2), deadline=None)
        @given(_steps)
        def any_history(steps: list[tuple[str, list[str], int, int | None]]) -> None:
            scope, start = f"history {next(numbers)}", twin.span().last
            same([Put(scope, key, b"", clock.now, if_version=0) for key in _KEYS], NOBODY,
                 rewrites=False)  # fmt: skip
            versions = dict.fromkeys(_KEYS, 1)
            for number, (kind, keys, off, lifetime) in enumerate(steps):
                if kind == "pass":
                    clock.now += 3
                    continue
                blob, end = b"%d" % number, None if lifetime is None else clock.now + lifetime
                wanted = [versions[key] for key in keys]
                wanted[-1] += off
                batch: list[Operation] = [
                    Delete(scope, key, clock.now, version)
                    if kind == "delete"
                    else Put(scope, key, blob, clock.now, number + 1, "standard", end, version)
                    for key, version in zip(keys, wanted, strict=True)
                ]
                origin = Origin(None, None, f"step {number}") if number % 2 else NOBODY
                same(batch, origin, rewrites=kind == "rewrite")
                versions |= {row.key: row.version for row in twin.scan(scope)}
            assert store.scan(scope) == twin.scan(scope)
            assert store.changes(start) == twin.changes(start)

        any_history()
        twin.close()
