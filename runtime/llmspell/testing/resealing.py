"""What holds for sealing: blobs are changed inside the write, and can be changed again in place."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell.errors import VersionConflict
from llmspell.store.backend import Backend, Resealed
from llmspell.store.base import Delete, Put, Ref
from llmspell.store.changes import NOBODY
from llmspell.testing.restoring import restored
from llmspell.testing.shorthand import put, value_of

__all__ = ["SealingRules"]


def _told(scope: str, key: str, version: int, schema_version: int, blob: bytes) -> bytes:
    """Seal so that a test can read what the sealing was told."""
    return f"{scope}/{key}@{version}.{schema_version}:".encode() + blob


class SealingRules:
    """For stores that keep the bytes themselves; goes beside the contract's other rules."""

    def test_what_is_stored_is_what_sealing_made_of_it(self, store: Backend) -> None:
        """Entry and change hold the same, made when the version was known."""
        store.seal = _told
        put(store, "s", "k", b"one")
        put(store, "s", "k", b"two", schema_version=3)
        store.put("s", "k", b"three", 5, 1, "standard", None, NOBODY)
        store.put("s", "new", b"first", 5, 2, "standard", None, NOBODY)
        assert value_of(store, "s", "k") == b"s/k@3.1:three"
        assert value_of(store, "s", "new") == b"s/new@1.2:first"
        store.rewrite([Put("s", "k", b"four", 6, 7, if_version=3)])
        assert value_of(store, "s", "k") == b"s/k@4.7:four"
        assert [change.blob for change in store.changes(0)] == [
            b"s/k@1.1:one",
            b"s/k@2.3:two",
            b"s/k@3.1:three",
            b"s/new@1.2:first",
            b"s/k@4.7:four",
        ]

    def test_it_is_told_the_version_after_deletes_and_expiry(self, store: Backend) -> None:
        """A key that comes back goes on counting, and what expired took a version."""
        store.seal = _told
        put(store, "s", "gone", at=1)
        store.write([Delete("s", "gone", 2)])
        put(store, "s", "gone", b"again", at=3)
        put(store, "s", "brief", at=1, expires_at=5)
        put(store, "s", "brief", b"again", at=6)
        assert value_of(store, "s", "gone") == b"s/gone@3.1:again"
        assert value_of(store, "s", "brief") == b"s/brief@3.1:again"

    def test_sealing_that_fails_fails_the_whole_batch(self, store: Backend) -> None:
        """Nothing of it is stored, and the store goes on."""

        def refuse(scope: str, key: str, version: int, schema: int, blob: bytes) -> bytes:
            if key == "bad":
                raise ValueError("not this one")
            return blob

        store.seal = refuse
        for write in (
            lambda: store.write([Put("s", "good", b"v", 1), Put("s", "bad", b"v", 1)]),
            lambda: store.put("s", "bad", b"v", 1, 1, "standard", None, NOBODY),
        ):
            try:
                write()
            except ValueError:
                continue
            raise AssertionError("it was stored all the same")
        assert value_of(store, "s", "good") is None
        assert store.changes(0) == []
        put(store, "s", "good", b"later")
        assert value_of(store, "s", "good") == b"later"

    def test_sealing_that_fails_fails_the_whole_rewrite(self, store: Backend) -> None:
        """Unless a precondition fails before it in the batch: that is told then."""
        for key in ("good", "bad"):
            put(store, "s", key)

        def refuse(scope: str, key: str, version: int, schema: int, blob: bytes) -> bytes:
            if key == "bad":
                raise ValueError("not this one")
            return blob

        store.seal = refuse
        for version, refusal in ((1, ValueError), (2, VersionConflict)):
            good, bad = (Put("s", key, b"", 1, if_version=1) for key in ("good", "bad"))
            with pytest.raises(refusal):
                store.rewrite([good._replace(if_version=version), bad])
        assert value_of(store, "s", "good") == b"v"
        assert store.span().last == 2
        store.rewrite([good])
        assert value_of(store, "s", "good") == b""

    def test_what_is_restored_is_sealed_at_the_version_it_takes(self, store: Backend) -> None:
        """Not at the one it had; what sealing raises leaves everything as it was."""
        put(store, "s", "k")
        put(store, "s", "k")
        store.seal = _told
        batch = [restored(key, version=2, schema_version=5) for key in ("k", "new")]
        store.restore(lambda _: [batch])
        assert value_of(store, "s", "k") == b"s/k@3.5:old"
        assert value_of(store, "s", "new") == b"s/new@2.5:old"
        assert [it.blob for it in store.changes(2)] == [b"s/k@3.5:old", b"s/new@2.5:old"]

        def refuse(scope: str, key: str, version: int, schema: int, blob: bytes) -> bytes:
            if key == "bad":
                raise ValueError("not this one")
            return blob

        store.seal = refuse
        with pytest.raises(ValueError, match="not this one"):
            store.restore(lambda _: [[restored("good", scope="t")], [restored("bad", scope="t")]])
        assert store.scopes() == [("s", 2)]
        store.restore(lambda _: [[restored("good", scope="t")]])
        assert store.span().last == 5

    def test_other_bytes_change_nothing_else(self, store: Backend) -> None:
        """No version, no time, no row of the journal, no epoch."""
        for blob in (b"one", b"two"):
            put(store, "s", "k", blob, expires_at=2**60, schema_version=2)
        before: Any = (store.epoch(), store.span(), store.read([Ref("s", "k")]), store.changes(0))
        items = [
            Resealed(b"two", b"TWO", Ref("s", "k"), 2),
            Resealed(b"one", b"ONE", seq=1),
            Resealed(b"two", b"TWO", seq=2),
        ]
        assert store.reseal(items) == 3
        store.scrub()
        assert value_of(store, "s", "k") == b"TWO"
        assert [change.blob for change in store.changes(0)] == [b"ONE", b"TWO"]
        assert store.reseal([Resealed(i.new, i.old, i.ref, i.version, i.seq) for i in items]) == 3
        after = (store.epoch(), store.span(), store.read([Ref("s", "k")]), store.changes(0))
        assert after == before

    def test_what_somebody_wrote_meanwhile_stays(self, store: Backend) -> None:
        """Bytes, version or row that are not the ones given are left alone."""
        put(store, "s", "k", b"new")
        put(store, "s", "k", b"newer")
        items = [
            Resealed(b"new", b"X", Ref("s", "k"), 2),
            Resealed(b"newer", b"X", Ref("s", "k"), 1),
            Resealed(b"newer", b"X", Ref("s", "other"), 2),
            Resealed(b"newer", b"X", seq=1),
            Resealed(b"newer", b"X", seq=99),
        ]
        assert store.reseal(items) == 0
        assert store.reseal([]) == 0
        assert value_of(store, "s", "k") == b"newer"
        assert [change.blob for change in store.changes(0)] == [b"new", b"newer"]
