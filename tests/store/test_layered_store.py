"""Ephemeral entries over a store: seen like all others, never stored."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import InvalidArgument, RuntimeClosed, VersionConflict
from llmspell.store import (
    NOBODY,
    Check,
    Clear,
    Delete,
    Operation,
    Put,
    Ref,
    Row,
    Store,
    Written,
    open_store,
)
from llmspell.store.layered.store import LayeredStore
from llmspell.store.memory.store import MemoryStore
from llmspell.testing import ManualClock, StoreContract

K = Ref("s", "k")


def ephemeral(key: str, blob: bytes = b"mine", **rest: object) -> Put:
    return Put("s", key, blob, 1, 1, "ephemeral", **rest)  # type: ignore[arg-type]


def make(backend: str, folder: Path, clock: ManualClock, *, journal: bool = True) -> LayeredStore:
    path, (name, _, durability) = folder / "state.db", backend.partition("-")
    return LayeredStore(
        open_store(
            name, path=path, durability=durability or "commit", journal=journal, clock=clock
        ),
        clock=clock,
    )


@pytest.mark.parametrize(
    ("backend", "used"), [("memory", True), ("sqlite", False), ("sqlite-relaxed", True)]
)
class TestLayeredStore(StoreContract):
    """With an ephemeral entry about or without: the other entries keep the contract."""

    caches = True

    @pytest.fixture
    def store(
        self, tmp_path: Path, clock: ManualClock, backend: str, used: bool
    ) -> Iterator[Store]:
        store = make(backend, tmp_path, clock)
        if used:
            store.write([Put("\x01elsewhere", "k", b"", 1, 1, "ephemeral")])
        yield store
        store.close()

    @pytest.fixture
    def store_without_journal(
        self, tmp_path: Path, clock: ManualClock, backend: str, used: bool
    ) -> Iterator[Store]:
        store = make(backend, tmp_path, clock, journal=False)
        yield store
        store.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> Iterator[LayeredStore]:
    store = make("memory", Path(), clock)
    yield store
    store.close()


def blobs(store: Store, *keys: str) -> list[bytes | None]:
    return [row and row.blob for row in store.read([Ref("s", key) for key in keys])]


@pytest.mark.parametrize("short", [True, False], ids=["put", "write"])
def test_an_ephemeral_entry_is_read_but_not_stored(store: LayeredStore, short: bool) -> None:
    """It is in every way of reading, and neither in the store below nor in the journal."""
    if short:
        assert store.put("s", "k", b"mine", 1, 1, "ephemeral", None, NOBODY)[:2] == (1, 1)
    else:
        assert store.write([ephemeral("k")]).written == [Written(1, 1, False, 1)]
    row = Row("s", "k", 1, 1, 1, 1, "ephemeral", None, None, b"mine")
    assert store.read([K]) == store.scan("s") == [row]
    assert store.scopes() == [("s", 1)]
    with store.snapshot() as moment:
        store.write([Delete("s", "k", 2)])
        assert moment.scan("s") == [row]
    assert store.inner.scan("s") == store.changes(0) == []


def test_a_walk_meets_what_is_stored_and_nothing_else(store: LayeredStore) -> None:
    """An ephemeral entry does not show, nor does it hide what is stored below it."""
    store.write([Put("s", "k", b"stored", 1), Put("s", "other", b"", 1)])
    store.write([ephemeral("k"), ephemeral("mine"), Put("t", "k", b"", 2, 1, "ephemeral")])
    stored = store.inner.scan("s")
    assert blobs(store.inner, "k") == [b"stored"]
    with store.snapshot() as moment:
        for reader in (store, moment):
            assert reader.walk(limit=9) == stored
            assert reader.walk(K, limit=9) == stored[1:]
            assert reader.position() == 2


def test_rewriting_keeps_each_entry_where_it_is(store: LayeredStore) -> None:
    """Both layers in one batch, or one of them; the journal has what is stored."""
    store.write([ephemeral("mine"), Put("s", "stored", b"1", 1), Put("s", "k", b"1", 1)])
    both = [ephemeral("mine", b"2", if_version=1), Put("s", "stored", b"2", 2, if_version=1)]
    store.rewrite(both)
    with pytest.raises(VersionConflict):
        store.rewrite([Put("s", "stored", b"3", 2, if_version=2), ephemeral("mine", if_version=1)])
    store.rewrite([Put("s", "stored", b"3", 2, if_version=2)])
    assert blobs(store, "mine", "stored") == [b"2", b"3"]
    assert blobs(store.inner, "mine", "stored") == [None, b"3"]
    assert [change.version for change in store.changes(0)] == [1, 1, 2, 3]


def test_rewriting_with_another_class_moves_an_entry(store: LayeredStore) -> None:
    """What was ephemeral is stored then, which its journal begins with."""
    store.write([ephemeral("k")])
    store.rewrite([Put("s", "k", b"kept", 2, if_version=1)])
    assert blobs(store.inner, "k") == blobs(store, "k") == [b"kept"]
    with pytest.raises(InvalidArgument):
        store.rewrite([ephemeral("k")])


def test_an_ephemeral_entry_hides_a_stored_one_while_it_lives(
    store: LayeredStore, clock: ManualClock
) -> None:
    """When it expires the stored one is seen again, as it was."""
    store.write([Put("s", "k", b"stored", 1)])
    expires_at = clock.now + 10
    assert store.write([ephemeral("k", expires_at=expires_at)]).written[0].existed
    assert blobs(store, "k") == [b"mine"]
    assert blobs(store.inner, "k") == [b"stored"]
    clock.now = expires_at
    assert blobs(store, "k") == [b"stored"]
    assert store.write([Check("s", "k", clock.now, 1)]).written[0].existed
    assert store.sweep(clock.now).expired == 1
    assert blobs(store, "k") == [b"stored"]


@pytest.mark.parametrize("short", [True, False], ids=["put", "write"])
def test_another_class_ends_the_ephemeral_entry(store: LayeredStore, short: bool) -> None:
    """What is put over it is stored and seen."""
    store.write([ephemeral("k"), Put("s", "other", b"", 1)])
    if short:
        store.put("s", "k", b"stored", 2, 1, "standard", None, NOBODY)
    else:
        assert store.write([Put("s", "k", b"stored", 2)]).written == [Written(1, 2, True, 1)]
    assert blobs(store, "k") == blobs(store.inner, "k") == [b"stored"]
    assert store.write([Delete("s", "k", 3)]).written[0].existed
    assert blobs(store, "k") == [None]


@pytest.mark.parametrize("operation", [Delete("s", "k", 2), Clear("s", 2)])
@pytest.mark.parametrize("layers", ["ephemeral", "stored", "both"])
def test_removing_takes_both_and_counts_one(
    store: LayeredStore, operation: Operation, layers: str
) -> None:
    """An address is one entry, in however many layers it is."""
    if layers != "ephemeral":
        store.write([Put("s", "k", b"stored", 1)])
    if layers != "stored":
        store.write([ephemeral("k")])
    (done,) = store.write([operation]).written
    assert (done.existed, done.count) == (True, 1)
    assert store.scan("s") == store.inner.scan("s") == store.scopes() == []


def test_preconditions_look_at_what_is_seen(store: LayeredStore) -> None:
    """The version of an ephemeral entry is its own; when it goes, the stored one's counts."""
    store.write([Put("s", "k", b"", 1, versions=5)])
    with pytest.raises(VersionConflict):
        store.write([ephemeral("k", if_version=0)])
    store.write([ephemeral("k", if_version=5)])
    store.write([Check("s", "k", 1, 1), ephemeral("k", b"2", if_version=1)])
    with pytest.raises(VersionConflict) as caught:
        store.put("s", "k", b"", 1, 1, "standard", 5, NOBODY)
    assert caught.value.details["actual"] == 2
    assert store.put("s", "k", b"", 1, 1, "standard", 2, NOBODY)[0] == 6
    store.write([Check("s", "k", 1, 6), Delete("s", "k", 1, 6), Check("s", "k", 1, 0)])


def test_ephemeral_versions_grow_in_one_life_of_the_process(store: LayeredStore) -> None:
    """Also through a delete, so that compare-and-set cannot be fooled."""
    store.write([ephemeral("k"), ephemeral("k", if_version=1), Delete("s", "k", 1)])
    assert store.put("s", "k", b"", 1, 1, "ephemeral", None, NOBODY)[0] == 4


@pytest.mark.parametrize(
    "refused",
    [Check("s", "stored", 1, 9), Check("s", "mine", 1, 9), ephemeral("mine", if_version=0)],
)
def test_a_batch_on_both_layers_applies_whole_or_not_at_all(
    store: LayeredStore, refused: Operation
) -> None:
    """Whichever layer's precondition fails, both are as they were."""
    store.write([Put("s", "stored", b"1", 1), ephemeral("mine", b"1")])
    epoch = store.epoch()
    batch = [Put("s", "stored", b"2", 1), ephemeral("mine", b"2"), ephemeral("new")]
    with pytest.raises(VersionConflict):
        store.write([*batch[:1], refused, *batch[1:]])
    assert blobs(store, "stored", "mine", "new") == [b"1", b"1", None]
    assert store.epoch() == epoch
    store.write(batch)
    assert blobs(store, "stored", "mine", "new") == [b"2", b"2", b"mine"]


def test_scans_and_counts_take_a_hidden_key_once(store: LayeredStore) -> None:
    """Pages, prefixes and facts are those of one store."""
    store.write([Put("s", f"{i:02}", b"stored", 1) for i in range(10)])
    store.write([ephemeral(f"{i:02}") for i in range(5, 15)])
    store.write([Put("t", "k", b"", 1, 1, "ephemeral")])
    expected = [(f"{i:02}", b"stored" if i < 5 else b"mine") for i in range(15)]
    assert [(row.key, row.blob) for row in store.scan("s")] == expected
    assert [row.key for row in store.scan("s", after="03", limit=3)] == ["04", "05", "06"]
    assert [row.key for row in store.scan("s", prefix="1", limit=2)] == ["10", "11"]
    assert {row.blob for row in store.scan("s", values=False)} == {b""}
    assert store.scopes() == [("s", 15), ("t", 1)]
    assert store.scopes("t") == [("t", 1)]
    facts = store.stats()
    assert (facts["entries"], facts["scopes"], facts["ephemeral"]) == (16, 2, 11)


def test_the_epoch_moves_with_ephemeral_writes(store: LayeredStore) -> None:
    """And a cache may be carried over them as over all others."""
    batches = [[ephemeral("k")], [Put("s", "x", b"", 1), ephemeral("k")], [Delete("s", "k", 1)]]
    for batch in batches:
        before = store.epoch()
        result = store.write(batch)
        assert (result.epoch_before, result.epoch_after) == (before, store.epoch())
        assert before != store.epoch()
    before = store.epoch()
    *_, taken, after = store.put("s", "k", b"", 1, 1, "ephemeral", None, NOBODY)
    assert (taken, after) == (before, store.epoch())
    assert before != after


def test_the_store_below_outlives_what_was_ephemeral(tmp_path: Path, clock: ManualClock) -> None:
    """The next process finds the stored entry of the address, or none."""
    store = make("sqlite", tmp_path, clock)
    store.write([Put("s", "both", b"stored", 1), ephemeral("both"), ephemeral("alone")])
    store.close()
    with pytest.raises(RuntimeClosed):
        store.read([K])
    again = make("sqlite", tmp_path, clock)
    assert blobs(again, "both", "alone") == [b"stored", None]
    again.close()


def test_the_child_of_a_fork_has_copies_of_its_own(store: LayeredStore) -> None:
    """It reads what was there, and what it writes stays with it."""
    store.write([ephemeral("k", b"before")])
    child = os.fork()
    if child == 0:
        seen = blobs(store, "k") == [b"before"]
        store.write([ephemeral("k", b"child"), Put("s", "x", b"", 1)])
        os._exit(0 if seen and blobs(store, "k") == [b"child"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert blobs(store, "k") == [b"before"]


def test_threads_that_change_the_class_of_an_entry_lose_no_update(store: LayeredStore) -> None:
    """Compare-and-set holds across the layers, and readers see whole batches."""
    torn: list[object] = []

    def count(state_class: str) -> None:
        done = 0
        while done < 60:
            row, twin = store.read([K, Ref("s", "twin")])
            if (row and row.blob) != (twin and twin.blob):
                torn.append((row, twin))
            blob, version = (b"%d" % (int(row.blob) + 1), row.version) if row else (b"1", 0)
            other = "standard" if state_class == "ephemeral" else "ephemeral"
            try:
                store.write(
                    [
                        Put(*K, blob, 1, 1, state_class, None, version),
                        Put("s", "twin", blob, 1, 1, other),
                    ]
                )
                done += 1
            except VersionConflict:
                pass

    threads = [
        threading.Thread(target=count, args=(state_class,))
        for state_class in ("standard", "ephemeral", "standard", "ephemeral")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blobs(store, "k", "twin") == [b"240", b"240"]
    assert torn == []


_keys = st.sampled_from("abc")
_blobs = st.binary(max_size=2)
_batches = st.lists(
    st.tuples(_keys, _blobs).map(lambda drawn: ephemeral(*drawn))
    | st.tuples(_keys, _blobs).map(lambda drawn: Put("s", *drawn, 1))
    | _keys.map(lambda key: Delete("s", key, 1))
    | st.just(Clear("s", 1)),
    max_size=5,
)


@given(st.lists(st.tuples(_batches, st.booleans()), max_size=6))
def test_what_is_seen_is_what_was_written_last(history: list[tuple[list[Operation], bool]]) -> None:
    """A dictionary agrees, existence and counts included; nothing ephemeral is ever stored."""
    store = LayeredStore(MemoryStore())
    model: dict[str, tuple[bytes, str]] = {}
    for batch, refused in history:
        if refused:
            with pytest.raises(VersionConflict):
                store.write([*batch, Check("s", "z", 1, 7)])
            continue
        for operation, done in zip(batch, store.write(batch).written, strict=True):
            if isinstance(operation, Clear):
                assert (done.existed, done.count) == (bool(model), len(model))
                model.clear()
                continue
            assert isinstance(operation, Put | Delete)
            assert done.existed == (operation.key in model)
            model.pop(operation.key, None)
            if isinstance(operation, Put):
                model[operation.key] = (operation.blob, operation.state_class)
        seen = {row.key: (row.blob, row.state_class) for row in store.scan("s")}
        assert seen == model
        assert store.scopes() == ([("s", len(model))] if model else [])
        assert all(row.state_class != "ephemeral" for row in store.inner.scan("s"))
        assert [row and row.blob for row in store.read([Ref("s", key) for key in "abc"])] == [
            model[key][0] if key in model else None for key in "abc"
        ]
    store.close()
