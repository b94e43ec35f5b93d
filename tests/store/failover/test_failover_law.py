"""Whatever happens, every accepted write is in the primary's journal or a conflict, once."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llmspell.errors import StorageError, VersionConflict
from llmspell.store import Check, Delete, Operation, Origin, Put, Ref
from llmspell.testing import ManualClock

from .outages import Dead, Primary

KEYS = st.sampled_from("abc")


class Outages(RuleBasedStateMachine):
    """Two failover stores share a log; another client writes to the same primary."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "failover.db")
        self.primary = Primary(ManualClock())
        self.numbers = count()
        self.accepted: dict[str, int] = {}
        self.stores = [self.primary.failover(self.path) for _ in range(2)]

    def write(self, which: int, *batch: Operation) -> None:
        store, name = self.stores[which], f"write {next(self.numbers)}"
        with suppress(StorageError, VersionConflict):
            result = store.write(batch, origin=Origin(correlation_id=name))
            if changed := sum(done.count for done in result.written):
                self.accepted[name] = changed
            last = batch[-1]
            if isinstance(last, Put):
                (row,) = store.read([Ref(last.scope, last.key)])
                # Of a primary that is there, another store may have written since.
                assert row is not None
                assert row.blob == last.blob

    def blob(self) -> bytes:
        return b"%d" % next(self.numbers)

    def tick(self) -> int:
        self.primary.clock.now += 1
        return self.primary.clock.now

    @rule(which=st.integers(0, 1), key=KEYS)
    def put(self, which: int, key: str) -> None:
        self.write(which, Put("s", key, self.blob(), self.tick()))

    @rule(which=st.integers(0, 1), key=KEYS, other=KEYS, delete=st.booleans())
    def read_and_write(self, which: int, key: str, other: str, delete: bool) -> None:
        with suppress(StorageError):
            (row,) = self.stores[which].read([Ref("s", key)])
            version = row.version if row is not None else 0
            if delete:
                self.write(which, Delete("s", key, self.tick(), version))
            else:
                put = Put("s", other, self.blob(), self.tick())
                self.write(which, Check("s", key, self.tick(), version), put)

    @rule(which=st.integers(0, 1), first=KEYS, second=KEYS)
    def batch(self, which: int, first: str, second: str) -> None:
        at = self.tick()
        expiring = Put("s", first, self.blob(), at, expires_at=at + 3)
        self.write(which, expiring, Delete("s", second, at), Put("s", second, self.blob(), at))

    @rule(key=KEYS, delete=st.booleans())
    def another_client_writes(self, key: str, delete: bool) -> None:
        at = self.tick()
        theirs = Delete("s", key, at) if delete else Put("s", key, self.blob(), at)
        self.primary.store.write([theirs])

    @rule()
    def sweep(self) -> None:
        self.primary.store.sweep(self.primary.clock.now)

    @rule()
    def goes_away(self) -> None:
        self.primary.reason = "unavailable"

    @rule(which=st.integers(0, 1))
    def comes_back(self, which: int) -> None:
        self.primary.reason = None
        self.stores[which].replay()

    @precondition(lambda self: self.primary.reason)
    @rule(which=st.integers(0, 1), writes=st.integers(0, 3))
    def comes_back_and_the_process_dies(self, which: int, writes: int) -> None:
        self.primary.reason, self.primary.dies_after = None, writes
        died = False
        try:
            self.stores[which].replay()
        except Dead:
            died = True
        self.primary.dies_after = None
        if died:
            self.start_again(which)

    @rule(which=st.integers(0, 1))
    def start_again(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = self.primary.failover(self.path)

    @invariant()
    def no_accepted_write_is_there_twice(self) -> None:
        applied = Counter(change.correlation_id for change in self.primary.store.changes(0))
        refused = Counter(c.origin.correlation_id for c in self.stores[0].conflicts())
        for name, changed in self.accepted.items():
            assert applied[name] in (0, changed)
            assert refused[name] <= (applied[name] == 0)

    @invariant()
    def nothing_is_overwritten_by_what_was_written_before_it(self) -> None:
        changes = {change.seq: change for change in self.primary.store.changes(0)}
        for change in changes.values():
            former = changes.get(change.previous or 0)
            if former is not None and former.op == "put":
                assert former.at <= change.at

    def teardown(self) -> None:
        try:
            self.check_the_end()
        finally:
            for store in self.stores:
                store.close()
            self.folder.cleanup()

    def check_the_end(self) -> None:
        self.primary.reason = None
        for store in self.stores:
            store.replay()
            assert store.health()["breaker"] == "closed"
            assert store.health()["waiting_writes"] == 0
        applied = {change.correlation_id for change in self.primary.store.changes(0)}
        refused = {conflict.origin.correlation_id for conflict in self.stores[0].conflicts()}
        assert self.accepted.keys() <= applied | refused
        assert self.stores[0].health()["conflicts"] == len(refused)
        self.no_accepted_write_is_there_twice()
        self.nothing_is_overwritten_by_what_was_written_before_it()


TestOutages = Outages.TestCase
TestOutages.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
