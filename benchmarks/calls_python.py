"""llmspell called from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any, Final

from benchmarks.backends import Backend, OpenBackend
from benchmarks.candidate import Candidate
from benchmarks.workload import (
    KEYS,
    PAGE,
    PAGE_AFTER,
    SCOPE,
    deletes,
    key,
    loads,
    saves,
    value,
    warm,
)
from llmspell.state.manager import StateManager

__all__ = ["STORE_OPERATIONS", "fill", "prepare_deletes", "python_calls", "store_calls"]

STORE_OPERATIONS: Final = ("save", "load_uncached", "epoch")


def fill(state: StateManager, batch: int) -> None:
    """Save what loads, listings and transactions find."""
    state.save_many(SCOPE, {key(number): value(number) for number in range(KEYS)})
    state.save_many("list", {key(number): value(number) for number in range(KEYS)})
    state.save_many("bank", {"a": 0, "b": 0})
    state.save_many("many", {f"key{number}": value(number) for number in range(batch)})


def prepare_deletes(opened: OpenBackend) -> Callable[[int], None]:
    """Return what saves the keys a round deletes."""

    def prepare(calls: int) -> None:
        opened.state.save_many("gone", {f"d{number}": number for number in range(calls)})
        opened.settle()

    return prepare


def python_calls(backend: Backend, opened: OpenBackend, batch: int) -> Iterator[Candidate]:
    """Yield what a Python program calls."""
    state, uncached, name = opened.state, opened.uncached, f"{backend.name}/python"
    numbers = count(1)
    keys = [f"key{number}" for number in range(batch)]
    settle = opened.settle

    def batches(calls: int) -> None:
        for _ in range(calls):
            first = next(numbers)
            state.save_many("many", {k: value(first + i) for i, k in enumerate(keys)})

    def pages(calls: int) -> None:
        for _ in range(calls):
            state.list_keys("list", after=PAGE_AFTER, limit=PAGE)

    save = saves(lambda k, v: state.save(SCOPE, k, v))
    cached = loads(lambda k: state.load(SCOPE, k))
    runs: dict[str, dict[str, Any]] = {
        "save": {"run": save, "settle": settle},
        "save_flushed": {"run": opened.flushed(save)},
        "load": {"run": cached, "prepare": warm(cached)},
        "load_same": {"run": _times(lambda: state.load(SCOPE, "key1"))},
        "load_uncached": {"run": loads(lambda k: uncached.load(SCOPE, k))},
        "delete": {
            "run": deletes(lambda k: state.delete("gone", k)),
            "prepare": prepare_deletes(opened),
            "settle": settle,
        },
        "list_keys": {"run": pages},
        "transaction": {
            "run": _times(lambda: state.run_transaction(_transfer)),
            "settle": settle,
        },
        "save_many": {"run": batches, "step": batch, "settle": settle},
        "load_many": {"run": _times(lambda: state.load_many("many", keys)), "step": batch},
    }
    for operation in backend.operations:
        yield Candidate(f"{name}/{operation}", **runs[operation])


def store_calls(backend: Backend, opened: OpenBackend) -> Iterator[Candidate]:
    """Yield the store's share of a save and of a load."""
    from llmspell.store import Put, Ref, codec

    store, name = opened.store, f"{backend.name}/store"
    blobs = [codec.encode(value(number)) for number in range(997)]

    numbers = count()

    def write(calls: int) -> None:
        for number in islice(numbers, calls):
            store.write([Put(SCOPE, key(number), blobs[number % 997], number)])

    def epoch(calls: int) -> None:
        for _ in range(calls):
            store.epoch()

    yield Candidate(f"{name}/save", write, settle=opened.settle)
    yield Candidate(f"{name}/load_uncached", loads(lambda k: store.read([Ref(SCOPE, k)])))
    yield Candidate(f"{name}/epoch", epoch)


def _transfer(tx: Any) -> None:
    first, second = tx.load("bank", "a"), tx.load("bank", "b")
    tx.save("bank", "a", first - 1)
    tx.save("bank", "b", second + 1)


def _times(call: Callable[[], object]) -> Callable[[int], None]:
    def run(calls: int) -> None:
        for _ in range(calls):
            call()

    return run
