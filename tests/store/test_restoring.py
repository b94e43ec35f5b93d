"""What is particular about restoring the stores that stand over others, and the one in memory."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import InvalidArgument, KeyMissing, StorageError
from llmspell.security.keys.master import MasterKey
from llmspell.store import NOBODY, Delete, Put, Ref, Store, open_store
from llmspell.store.base import Reader, Restored
from llmspell.store.codec import encode
from llmspell.store.layered.store import LayeredStore
from llmspell.store.memory.store import MemoryStore
from llmspell.store.sealed.sealing import Sealing
from llmspell.testing.restoring import restored

Batch = Sequence[Restored | Delete]


def blobs(store: Store) -> dict[str, bytes]:
    return {row.key: row.blob for row in store.scan("s")}


def mine(key: str) -> Put:
    return Put("s", key, b"mine", 1, 1, "ephemeral")


@pytest.fixture
def layered() -> Iterator[LayeredStore]:
    """A store with an ephemeral entry over a stored one, and two that hide nothing."""
    store = LayeredStore(MemoryStore())
    store.write([Put("s", "over", b"stored", 1)])
    store.write([mine("over"), mine("alone"), mine("other")])
    yield store
    store.close()


def test_an_ephemeral_entry_ends_where_something_is_restored(layered: LayeredStore) -> None:
    """Or removed; all others stay, and the epoch tells it."""
    before = layered.epoch()
    batches: list[Batch] = [[restored("over")], [Delete("s", "alone", 9), restored("new")]]
    layered.restore(lambda _: batches)
    assert blobs(layered) == {"over": b"old", "new": b"old", "other": b"mine"}
    assert layered.epoch() != before
    layered.write([Put("s", "over", b"after", 10)])
    assert [it.version for it in layered.history(Ref("s", "over"))] == [3, 2, 1]


def test_a_restore_that_fails_ends_no_ephemeral_entry(layered: LayeredStore) -> None:
    def work(_: Reader) -> Iterator[Batch]:
        yield [restored("over")]
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        layered.restore(work)
    assert blobs(layered) == {"over": b"mine", "alone": b"mine", "other": b"mine"}


def test_what_is_never_stored_is_never_restored(layered: LayeredStore) -> None:
    with pytest.raises(InvalidArgument, match="ephemeral"):
        layered.restore(lambda _: [[restored("x", state_class="ephemeral")]])
    assert "x" not in blobs(layered)


def test_work_sees_below_ephemeral_entries(layered: LayeredStore) -> None:
    """What is stored is what is compared with a backup."""
    seen = []

    def work(reader: Reader) -> Iterator[Batch]:
        seen.extend(row and row.blob for row in reader.read([Ref("s", "over"), Ref("s", "alone")]))
        yield []

    layered.restore(work)
    assert seen == [b"stored", None]


def test_readers_go_on_when_a_batch_on_both_layers_waits(layered: LayeredStore) -> None:
    """And inside work it is told that it would wait for ever."""
    waits = threading.Event()

    def write() -> int:
        waits.set()
        return layered.write([Put("s", "alone", b"stored", 2)]).written[0].version

    def work(_: Reader) -> Iterator[Batch]:
        with pytest.raises(StorageError) as caught:
            layered.write([Put("s", "alone", b"", 2)])
        assert caught.value.details["reason"] == "locked"
        told.append(pool.submit(write))
        assert waits.wait(30)
        seen = pool.submit(layered.read, [Ref("s", "over")])
        assert seen.result(30)[0].blob == b"mine"  # type: ignore[union-attr]
        yield [restored("alone")]

    with ThreadPoolExecutor(2) as pool:
        told: list[Any] = []
        layered.restore(work)
        assert told[0].result(30) == 2
    assert blobs(layered)["alone"] == b"stored"


def test_what_was_accepted_is_stored_before_a_restore(tmp_path: Path) -> None:
    """Nothing is accepted while it goes on: who writes then waits, and writes over it."""
    store = open_store("sqlite", path=tmp_path / "s.db", durability="relaxed", flush_ms=3_600_000)
    store.write([Put("s", "k", b"1", 1)])
    store.write([Put("s", "k", b"2", 2)])
    begun = threading.Event()

    def write() -> int:
        begun.set()
        return store.write([Put("s", "k", b"3", 3)]).written[0].version

    with ThreadPoolExecutor(1) as pool:
        told: list[Any] = []

        def work(reader: Reader) -> Iterator[Batch]:
            assert [row.blob for row in reader.scan("s")] == [b"2"]
            told.append(pool.submit(write))
            assert begun.wait(30)
            assert not told[0].done()
            yield [restored("k", version=2)]

        store.restore(work)
        assert told[0].result(30) == 4
    assert blobs(store) == {"k": b"3"}
    assert [(it.version, it.blob) for it in store.changes(0)] == [
        (1, b"1"), (2, b"2"), (3, b"old"), (4, b"3"),
    ]  # fmt: skip
    store.close()


def test_an_interrupt_leaves_a_store_in_memory_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it strikes when the entries are coming in."""
    store = MemoryStore(keep_changes=10)
    store.write([Put("s", f"{number}", b"new", 1) for number in range(9)])
    was = store.scan("s"), store.changes(0), store.span()
    own, calls = store._own, 0

    def interrupted(name: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return own(name)

    batch = [restored(f"{number}") for number in range(5, 15)]
    with monkeypatch.context() as patched:
        patched.setattr(store, "_own", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.restore(lambda _: [batch])
    assert (store.scan("s"), store.changes(0), store.span()) == was
    store.restore(lambda _: [batch])
    assert len(store.scan("s")) == 15
    assert store.span().last == 19


FORK_IN_RESTORE = """
import threading
from llmspell.store.base import Restored
store, begun, over = open_store("memory"), threading.Event(), threading.Event()

def work(reader):
    begun.set()
    over.wait(30)
    yield [Restored("s", "k", b"", 1, 1, 1, 1, 1, "standard", None, None)]

thread = threading.Thread(target=store.restore, args=(work,))
thread.start()
begun.wait(30)
child = os.fork()
if child == 0:
    os._exit(store.write([Put("s", "child", b"", 1)]).seq)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
over.set()
thread.join()
print(len(store.scan("s")))
"""


def test_the_child_of_a_fork_does_not_wait_for_a_restore_in_memory(
    tmp_path: Path, run: Callable[..., str]
) -> None:
    """Its store is a copy, and whoever restored is in the parent."""
    assert run(FORK_IN_RESTORE, tmp_path).split() == ["1", "1"]


def _sealing() -> Sealing:
    return Sealing(MasterKey(b"k" * 32))


def test_what_is_confidential_needs_the_key_to_be_restored(tmp_path: Path) -> None:
    """As it does to be written: nothing is restored without."""
    path = tmp_path / "s.db"
    secret = encode("secret", confidential=True)
    store = open_store("sqlite", path=path, sealing=_sealing())
    store.restore(lambda _: [[restored("a", secret, state_class="sensitive", version=3)]])
    assert blobs(store) == {"a": secret}
    store.restore(
        lambda reader: [
            [restored("b", row.blob, state_class="sensitive") for row in reader.scan("s")]
        ]
    )
    assert blobs(store) == {"a": secret, "b": secret}
    store.close()
    assert b"secret" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    store = open_store("sqlite", path=path)
    with pytest.raises(KeyMissing):
        store.put("s", "c", secret, 1, 1, "sensitive", None, NOBODY)
    with pytest.raises(KeyMissing):
        store.restore(lambda _: [[restored("plain", encode(1))], [restored("c", secret)]])
    assert set(blobs(store)) == {"a", "b"}
    store.close()


def test_hidden_keys_are_restored_with_their_names(tmp_path: Path) -> None:
    """Whoever opens the store next can list them, and no file tells them."""

    def opened() -> Store:
        sealing = Sealing(MasterKey(b"k" * 32), everything=True, hides_keys=True)
        return open_store("sqlite", path=tmp_path / "s.db", sealing=sealing)

    store = opened()
    value = encode("v")
    store.put("s", "patient 1", value, 1, 1, "standard", None, NOBODY)

    def failing(_: Reader) -> Iterator[Batch]:
        yield [restored("patient 2", value)]
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        store.restore(failing)

    def work(reader: Reader) -> Iterator[Batch]:
        assert [row.key for row in reader.scan("s")] == ["patient 1"]
        yield [restored(f"patient {number}", value, version=4) for number in (1, 2, 3)]
        yield [restored("patient 4", value), Delete("s", "patient 5", 9)]

    with pytest.raises(InvalidArgument, match="'patient 6'"):
        store.restore(lambda _: [[restored("patient 6", value), Delete("s", "patient 6", 9)]])
    store.restore(work)
    store.restore(lambda _: [[Delete("s", "patient 3", 9)]])
    store.close()
    assert b"patient" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    store = opened()
    assert [(row.key, row.version) for row in store.scan("s")] == [
        ("patient 1", 4), ("patient 2", 4), ("patient 4", 1),
    ]  # fmt: skip
    assert [change.key for change in store.changes(1)] == [
        "patient 1", "patient 2", "patient 3", "patient 4", "patient 3",
    ]  # fmt: skip
    store.close()
