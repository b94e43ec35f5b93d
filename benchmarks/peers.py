"""Peers that pip installs, each used as its own documentation shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any, Final

from benchmarks.candidate import Candidate, Opened, Setting, Subject
from benchmarks.packages import imported
from benchmarks.workload import KEYS, PAGE, deletes, key, loads, saves, value

__all__ = ["SUBJECTS"]


def _diskcache(setting: Setting) -> Opened:
    cache = imported("diskcache", "diskcache").Cache(str(setting.folder / "diskcache"))
    setting.stack.callback(cache.close)
    for number in range(KEYS):
        cache.set(key(number), value(number))

    numbers = count()

    def transaction(calls: int) -> None:
        for number in islice(numbers, calls):
            with cache.transact():
                cache.get("key1")
                cache.get("key2")
                cache.set("key1", value(number))
                cache.set("key2", value(number))

    def save_many(calls: int) -> None:
        for first in islice(numbers, calls):
            with cache.transact():
                for number in range(setting.batch):
                    cache.set(f"key{number}", value(first + number))

    def prepare(calls: int) -> None:
        with cache.transact():
            for number in range(calls):
                cache.set(f"d{number}", number)

    name = "diskcache/python"
    yield Candidate(f"{name}/save", saves(cache.set))
    yield Candidate(f"{name}/load_uncached", loads(cache.get))
    yield Candidate(f"{name}/delete", deletes(cache.delete), prepare)
    yield Candidate(f"{name}/transaction", transaction)
    yield Candidate(f"{name}/save_many", save_many, step=setting.batch)


def _sqlitedict(setting: Setting) -> Opened:
    sqlitedict = imported("sqlitedict", "sqlitedict")
    database = sqlitedict.SqliteDict(
        str(setting.folder / "sqlitedict.db"), journal_mode="WAL", autocommit=False
    )
    setting.stack.callback(database.close)

    def update(names: Iterator[str], first: int) -> None:
        database.update({name: value(first + i) for i, name in enumerate(names)})
        database.commit()

    def save(name: str, saved: dict[str, Any]) -> None:
        database[name] = saved
        # With autocommit it would return before the commit, from another thread.
        database.commit()

    def delete(name: str) -> None:
        del database[name]
        database.commit()

    numbers = count(1)

    def save_many(calls: int) -> None:
        for first in islice(numbers, calls):
            update((f"key{number}" for number in range(setting.batch)), first)

    update((key(number) for number in range(KEYS)), 0)
    name = "sqlitedict/python"
    yield Candidate(f"{name}/save", saves(save))
    yield Candidate(f"{name}/load_uncached", loads(database.__getitem__))
    yield Candidate(
        f"{name}/delete", deletes(delete), lambda n: update((f"d{i}" for i in range(n)), 0)
    )
    yield Candidate(f"{name}/save_many", save_many, step=setting.batch)


def _langgraph_sqlite(setting: Setting) -> Opened:
    module = imported("langgraph.store.sqlite", "langgraph langgraph-checkpoint-sqlite")
    path = str(setting.folder / "langgraph.db")
    store = setting.stack.enter_context(module.SqliteStore.from_conn_string(path))
    store.setup()
    yield from _langgraph("langgraph-sqlite", store, setting.batch)


def _langgraph_memory(setting: Setting) -> Opened:
    store = imported("langgraph.store.memory", "langgraph").InMemoryStore()
    yield from _langgraph("langgraph-memory", store, setting.batch)


def _langgraph(subject: str, store: Any, batch: int) -> Opened:
    put_op: Callable[..., Any] = imported("langgraph.store.base", "langgraph").PutOp
    numbers = count()

    def put_many(namespace: str, names: list[str]) -> None:
        first = next(numbers)
        store.batch([put_op((namespace,), n, value(first + i)) for i, n in enumerate(names)])

    def list_keys(calls: int) -> None:
        for _ in range(calls):
            store.search(("global",), limit=PAGE)

    def save_many(calls: int) -> None:
        for _ in range(calls):
            put_many("many", [f"key{number}" for number in range(batch)])

    put_many("global", [key(number) for number in range(KEYS)])
    name = f"{subject}/python"
    yield Candidate(f"{name}/save", saves(lambda k, v: store.put(("global",), k, v)))
    yield Candidate(f"{name}/load_uncached", loads(lambda k: store.get(("global",), k)))
    yield Candidate(
        f"{name}/delete",
        deletes(lambda k: store.delete(("gone",), k)),
        lambda n: put_many("gone", [f"d{i}" for i in range(n)]),
    )
    yield Candidate(f"{name}/list_keys", list_keys)
    yield Candidate(f"{name}/save_many", save_many, step=batch)


def _names(*operations: str) -> tuple[str, ...]:
    return tuple(f"python/{operation}" for operation in operations)


SUBJECTS: Final = (
    Subject(
        "diskcache",
        _names("save", "load_uncached", "delete", "transaction", "save_many"),
        _diskcache,
    ),
    Subject("sqlitedict", _names("save", "load_uncached", "delete", "save_many"), _sqlitedict),
    Subject(
        "langgraph-sqlite",
        _names("save", "load_uncached", "delete", "list_keys", "save_many"),
        _langgraph_sqlite,
    ),
    Subject(
        "langgraph-memory",
        _names("save", "load_uncached", "delete", "list_keys", "save_many"),
        _langgraph_memory,
    ),
)
