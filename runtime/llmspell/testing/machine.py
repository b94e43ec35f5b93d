"""Anything may happen to a store, and the plain model beside it must agree."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llmspell.errors import VersionConflict
from llmspell.store.base import INTERNAL, Check, Clear, Delete, Operation, Put, Ref, Store
from llmspell.store.changes import NOBODY, Change, Origin
from llmspell.store.plan import KEEP_TOMBSTONES_US
from llmspell.testing.clock import DAY_US, ManualClock
from llmspell.testing.model import StoreModel
from llmspell.testing.scans import AWKWARD
from llmspell.testing.shorthand import compact, state_at, sweep
from llmspell.testing.walking import walk_all

__all__ = ["StoreMachine", "operations", "origins", "refs"]

_SCOPES = ["s", "s:t", "%", " ", INTERNAL + "s"]
_scopes = st.sampled_from(_SCOPES)
_characters = st.characters(exclude_categories=["Cs", "Cc"])
_keys = st.sampled_from(AWKWARD) | st.text(_characters, min_size=1, max_size=3)
# Mostly a few that are met again and again.
_familiar = st.sampled_from([Ref("s", "a"), Ref("s", "b"), Ref(_SCOPES[-1], "a")])
refs = _familiar | _familiar | st.builds(Ref, _scopes, _keys)
_lifetimes = st.sampled_from([None, None, 0, 1, 5, 5, 8 * DAY_US])
_limits = st.integers(1, 4)
origins = st.just(NOBODY) | st.builds(
    Origin,
    st.sampled_from([None, "me"]),
    st.just("run"),
    st.text(_characters, min_size=1, max_size=2),
)


@st.composite
def operations(
    draw: st.DrawFn, refs: st.SearchStrategy[Ref], model: StoreModel, now: int
) -> Operation:
    """Draw an operation on one of ``refs``; most of its preconditions hold."""
    kind = draw(st.sampled_from([Put, Put, Put, Delete, Check, Clear]))
    ref = draw(refs)
    if kind is Clear:
        return Clear(ref.scope, now)
    entry = model.living(now).get(ref)
    actual = entry.version if entry else 0
    wanted: int | None = draw(st.sampled_from([actual, actual, None, None, actual + 1, 0]))
    if kind is Check:
        return Check(*ref, now, actual if wanted is None else wanted)
    if kind is Delete:
        return Delete(*ref, now, wanted)
    lifetime = draw(_lifetimes)
    return Put(
        *ref,
        draw(st.binary(max_size=4)),
        now,
        draw(st.integers(1, 3)),
        draw(st.sampled_from(["standard", "bulk"])),
        None if lifetime is None else now + lifetime,
        wanted,
        draw(st.integers(1, 2)),
    )


class StoreMachine(RuleBasedStateMachine):
    """Runs the model beside a store.

    Examples share the store. Each has scopes of its own, and finds no entry, no tombstone that
    may go, and of the journal no more than the last change. ``used`` are the scopes of the
    example before: the machine that is run has a set of its own.
    """

    used: ClassVar[set[str]]

    def __init__(self, store: Store, clock: ManualClock) -> None:
        super().__init__()
        self.store, self.clock = store, clock
        clock.now += DAY_US
        store.write([Clear(scope, clock.now) for scope in self.used])
        self.used.clear()
        clock.now += KEEP_TOMBSTONES_US + DAY_US
        sweep(store, clock.now)
        compact(store, keep=0)
        self.start = store.span().last
        self.run = f"{clock.now}:"
        self.model = StoreModel(self.start)
        self.purged_at: dict[Ref, int] = {}

    def _own(self, ref: Ref) -> Ref:
        """Turn an address into this example's own."""
        internal = INTERNAL if ref.scope[:1] == INTERNAL else ""
        own = ref._replace(scope=internal + self.run + ref.scope.removeprefix(internal))
        self.used.add(own.scope)
        return own

    def _telling(self, changes: list[Change]) -> list[Change]:
        """Leave out what is from before this example, or need not be there any more."""
        return [
            change
            for change in changes
            if change.seq > self.start and (change.op == "put" or change.seq > self.model.floor)
        ]

    @rule(data=st.data(), count=st.sampled_from([1, 2, 4]), origin=origins)
    def write(self, data: st.DataObject, count: int, origin: Origin) -> None:
        some = operations(refs.map(self._own), self.model, self.clock.now)
        batch = data.draw(st.lists(some, min_size=count, max_size=count), label="batch")
        refusal = None
        try:
            expected = self.model.apply(batch, origin)
        except VersionConflict as conflict:
            refusal = conflict.details
        if refusal is None:
            result = self.store.write(batch, origin=origin)
            assert (result.written, result.seq) == (expected, self.model.last)
        else:
            with pytest.raises(VersionConflict) as caught:
                self.store.write(batch, origin=origin)
            assert caught.value.details == refusal

    @rule(ref=refs, blob=st.binary(max_size=4), right=st.booleans(), origin=origins)
    def put(self, ref: Ref, blob: bytes, right: bool, origin: Origin) -> None:
        """The short way to write."""
        ref = self._own(ref)
        entry = self.model.living(self.clock.now).get(ref)
        wanted = (entry.version if entry else 0) if right else None
        now = self.clock.now
        (expected,) = self.model.apply([Put(*ref, blob, now, 2, "bulk", None, wanted)], origin)
        assert self.store.put(*ref, blob, now, 2, "bulk", wanted, origin)[:2] == expected[:2]

    @rule(blob=st.binary(max_size=4), lifetime=_lifetimes, wrong=st.booleans(), origin=origins)
    def rewrite(self, blob: bytes, lifetime: int | None, wrong: bool, origin: Origin) -> None:
        """Rewrite all there is; the last one at a version that it may not be at."""
        now = self.clock.now
        end = None if lifetime is None else now + lifetime
        batch = [
            Put(*ref, blob, now, 3, "standard", end, entry.version)
            for ref, entry in self.model.living(now).items()
        ]
        if wrong and batch:
            batch[-1] = batch[-1]._replace(if_version=99)
        refusal = None
        try:
            self.model.apply(batch, origin)
        except VersionConflict as conflict:
            refusal = conflict.details
        if refusal is None:
            assert self.store.rewrite(batch, origin=origin).seq == self.model.last
        else:
            with pytest.raises(VersionConflict) as caught:
                self.store.rewrite(batch, origin=origin)
            assert caught.value.details == refusal

    @rule(us=st.sampled_from([1, 5, 5, 8 * DAY_US]))
    def time_passes(self, us: int) -> None:
        self.clock.now += us

    @rule(limit=_limits)
    def sweep_all(self, limit: int) -> None:
        now, last = self.clock.now, self.model.last
        due, buried = self.model.expired(now), set(self.model.buried)
        expired, purged = sweep(self.store, now, limit=limit)
        # Which goes first is the store's own affair; those that are not journalled go unseen.
        seen = [Ref(change.scope, change.key) for change in self.store.changes(last)]
        assert set(seen) == {ref for ref in due if ref.scope[:1] != INTERNAL}
        order = [*seen, *(due - set(seen))]
        assert (expired, purged) == (len(due), self.model.sweep(order, now))
        for ref in (due | buried) - self.model.versions.keys():
            self.purged_at[ref] = self.model.last

    @rule(
        age=st.none() | st.sampled_from([0, 10, 9 * DAY_US]),
        keep=st.none() | st.integers(0, 9),
        limit=st.sampled_from([1, 3, 1000]),
    )
    def compact_all(self, age: int | None, keep: int | None, limit: int) -> None:
        before = None if age is None else self.clock.now - age
        how = {"before": before, "keep": keep}
        states = self.model.states
        self.model.compact(self.model.floor_after(before, keep))
        compact(self.store, limit=limit, **{k: v for k, v in how.items() if v is not None})
        left = self.store.changes(0)
        dead = [c for c in left if c.seq > self.start and c not in self._telling([c])]
        assert len(dead) <= 1, "only the last change may stay without need"
        for position in range(self.model.floor, self.model.last + 1):
            assert state_at(self._telling(left), position) == states[position]

    @rule(ref=refs, below=st.none() | st.integers(0, 9), limit=st.none() | _limits)
    def history(self, ref: Ref, below: int | None, limit: int | None) -> None:
        ref = self._own(ref)
        born = self.purged_at.get(ref, 0)
        expected = [
            change
            for change in self.model.history(ref)
            if change.seq > born and (below is None or change.version < below)
        ]
        told = self.store.history(ref, below=below, limit=limit)
        assert [c for c in self._telling(told) if c.seq > born] == expected[:limit]

    @rule(scope=_scopes, prefix=_keys | st.just(""), after=st.none() | _keys, limit=_limits)
    def scan(self, scope: str, prefix: str, after: str | None, limit: int) -> None:
        scope, _ = self._own(Ref(scope, ""))
        keys = sorted(
            key
            for where, key in self.model.living(self.clock.now)
            if where == scope and key.startswith(prefix) and (after is None or key > after)
        )
        rows = self.store.scan(scope, prefix=prefix, after=after, limit=limit)
        assert [row.key for row in rows] == keys[:limit]

    @rule(limit=_limits)
    def walk(self, limit: int) -> None:
        users = [ref for ref in self.model.living(self.clock.now) if ref.scope[:1] != INTERNAL]
        rows = walk_all(self.store, limit=limit)
        assert sorted(row[:2] for row in rows) == sorted(users)
        assert rows == self.store.read([Ref(*row[:2]) for row in rows])

    @invariant()
    def same_entries(self) -> None:
        living = self.model.living(self.clock.now)
        listed = [scope for scope, _ in living if scope[:1] != INTERNAL]
        assert self.store.scopes(self.run) == [(s, listed.count(s)) for s in sorted(set(listed))]
        ever = list(self.model.versions)
        for ref, row in zip(ever, self.store.read(ever), strict=True):
            entry = living.get(ref)
            assert (row is None) == (entry is None)
            if row and entry:
                assert (row.version, row.created_at, row.updated_at, row.blob) == (
                    entry.version, entry.created_at, entry.at, entry.blob,
                )  # fmt: skip
                assert row[5:9] == (*entry[7:10], entry.correlation_id)

    @invariant()
    def same_journal(self) -> None:
        floor, last, rows = self.store.span()
        changes = self.store.changes(0)
        assert last == self.store.position()
        assert (floor, last, rows) == (self.model.floor, self.model.last, len(changes))
        assert self._telling(changes) == list(self.model.journal.values())
        assert not last or changes[-1].seq == last
