"""A dictionary that any store must agree with, whatever happens to both."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llmspell.errors import VersionConflict
from llmspell.store.base import Clear, Delete, Operation, Put, Ref, Store

__all__ = ["AWKWARD", "StoreModel"]

#: Keys that sort, match or escape differently where somebody took a short cut.
AWKWARD = ["a", "a%", "a_", "ab", "a*", "a[b]", "a\\", "aé", "aé", "a\ud7ff", "a\ue000"]
AWKWARD += ["A", "a\U0010ffff", "a\U0010ffffz", "\U0001f600", "ﬀ", "z", " ", "'", '"', "a:b"]

_scopes = st.sampled_from(["", "s", "s:t", "%"])
_keys = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=3
)
_wanted = st.none() | st.integers(0, 3)


class StoreModel(RuleBasedStateMachine):
    """Runs beside a store: live entries, and the last version of every key ever used."""

    def __init__(self, store: Store, run: str) -> None:
        super().__init__()
        self.store = store
        self.run = run  # examples share a store; each has scopes of its own
        self.live: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.last: dict[tuple[str, str], int] = {}

    def _expect(self, scope: str, key: str, wanted: int | None, operation: Operation) -> bool:
        """Write; tell whether it should have passed, after checking that it did or did not."""
        actual = self.live.get((scope, key), (0, b""))[0]
        if wanted in (None, actual):
            (self.written,) = self.store.write([operation]).written
            return True
        with pytest.raises(VersionConflict) as caught:
            self.store.write([operation])
        assert caught.value.details["actual"] == actual
        return False

    @rule(scope=_scopes, key=_keys, blob=st.binary(max_size=4), wanted=_wanted)
    def put(self, scope: str, key: str, blob: bytes, wanted: int | None) -> None:
        operation = Put(self.run + scope, key, blob, 1, if_version=wanted)
        if self._expect(scope, key, wanted, operation):
            version = self.last.get((scope, key), 0) + 1
            assert self.written.version == version
            assert self.written.existed == ((scope, key) in self.live)
            self.last[scope, key] = version
            self.live[scope, key] = (version, blob)

    @rule(scope=_scopes, key=_keys, wanted=_wanted)
    def delete(self, scope: str, key: str, wanted: int | None) -> None:
        if self._expect(scope, key, wanted, Delete(self.run + scope, key, 1, wanted)):
            assert self.written.existed == ((scope, key) in self.live)
            if self.live.pop((scope, key), None):
                self.last[scope, key] += 1
                assert self.written.version == self.last[scope, key]

    @rule(scope=_scopes)
    def clear(self, scope: str) -> None:
        (written,) = self.store.write([Clear(self.run + scope, 1)]).written
        gone = [address for address in self.live if address[0] == scope]
        assert written.count == len(gone)
        for address in gone:
            del self.live[address]
            self.last[address] += 1

    @rule(scope=_scopes, prefix=_keys | st.just(""), after=st.none() | _keys)
    def scan(self, scope: str, prefix: str, after: str | None) -> None:
        rows = self.store.scan(self.run + scope, prefix=prefix, after=after)
        keys = sorted(
            key
            for where, key in self.live
            if where == scope and key.startswith(prefix) and (after is None or key > after)
        )
        assert [row.key for row in rows] == keys

    @invariant()
    def same_entries(self) -> None:
        scopes = sorted({scope for scope, _ in self.live})
        counts = [sum(where == scope for where, _ in self.live) for scope in scopes]
        assert self.store.scopes(self.run) == [
            (self.run + scope, count) for scope, count in zip(scopes, counts, strict=True)
        ]
        refs = [Ref(self.run + scope, key) for scope, key in self.last]
        for address, row in zip(self.last, self.store.read(refs), strict=True):
            assert (row and (row.version, row.blob)) == self.live.get(address)
