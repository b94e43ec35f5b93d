"""The manager as a Python program uses it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from llmspell.errors import InvalidArgument, InvalidValue, LlmSpellError, RuntimeClosed
from llmspell.state.manager import StateManager
from llmspell.store import open_store

from .conftest import Desk


def test_what_is_handed_out_or_in_is_a_fresh_copy(desk: Desk) -> None:
    given = {"a": [1]}
    desk.state.save("global", "k", given)
    given["a"].append(2)
    first = desk.state.load("global", "k")
    first["a"].append(3)
    assert desk.state.load("global", "k") == {"a": [1]}
    many = desk.state.load_many("global", ["k"])
    many["k"]["a"].append(4)
    assert desk.state.load("global", "k") == {"a": [1]}
    for entry in desk.state.export_entries():
        entry.value["a"].append(5)
    assert desk.state.load("global", "k") == {"a": [1]}


def test_two_managers_on_one_file_see_each_others_writes_at_once(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk("sqlite")
    other = desk.open()
    for number in range(50):
        desk.state.save("global", "k", number)
        assert other.load("global", "k") == number
        other.save("global", "k", -number)
        assert desk.state.load("global", "k") == -number
        assert desk.lua("return State.load('global', 'k')") == -number
    other.delete("global", "k")
    assert desk.state.load("global", "k") is None
    other.save_many("global", {"k": 1, "l": 2})
    other.clear("global")
    assert desk.state.list_keys("global") == []
    assert desk.state.get_metadata("global", "k") is None
    other.close()


def test_a_reader_never_sees_an_older_value_than_before(desk: Desk) -> None:
    """A counter that one thread counts up never steps back for another, nor for the writer."""
    stop = threading.Event()
    problems: list[Any] = []

    def read() -> None:
        last = 0
        while not stop.is_set():
            now = desk.state.load("global", "n", 0)
            if now < last:
                problems.append((last, now))
            last = now

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    until = time.monotonic() + 0.7
    number = 0
    while time.monotonic() < until:
        number += 1
        desk.state.save("global", "n", number)
        found = desk.state.load("global", "n")
        if found != number:
            problems.append((number, found))
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []


def test_a_deleted_entry_never_comes_back_out_of_the_cache(desk: Desk) -> None:
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            desk.state.load("global", "k")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(300):
            desk.state.save("global", "k", number)
            desk.state.delete("global", "k")
            assert desk.state.load("global", "k", "gone") == "gone"
    finally:
        stop.set()
        reader.join()


@pytest.mark.parametrize("cache_bytes", [0, 1, 2000])
def test_a_cache_of_any_size_changes_nothing_but_speed(cache_bytes: int) -> None:
    state = StateManager(open_store("memory"), cache_bytes=cache_bytes)
    for number in range(20):
        state.save("global", f"k{number}", [number])
    assert [state.load("global", f"k{number}") for number in range(20)] == [[n] for n in range(20)]
    assert state.get_stats()["cache"]["bytes"] <= cache_bytes


def test_a_closed_manager_refuses_everything_and_closes_again(desk: Desk) -> None:
    desk.state.save("global", "k", 1)
    desk.state.close()
    desk.state.close()
    uses: list[Callable[[], Any]] = [
        lambda: desk.state.save("global", "k", 1),
        lambda: desk.state.load("global", "k"),
        lambda: desk.state.delete("global", "k"),
        lambda: desk.state.update("global", "k", lambda value: value),
        lambda: desk.state.increment("global", "k"),
        lambda: desk.state.list_keys("global"),
        lambda: desk.state.list_scopes(),
        lambda: desk.state.save_many("global", {"a": 1}),
        lambda: desk.state.load_many("global", ["a"]),
        lambda: desk.state.clear("global"),
        lambda: desk.state.get_stats(),
        lambda: list(desk.state.export_entries()),
    ]
    for use in uses:
        with pytest.raises(RuntimeClosed):
            use()
    assert desk.fail("lua", "State.load('global', 'k')", "").code == "runtime_closed"


def test_an_export_imported_elsewhere_is_the_same_state(desk: Desk) -> None:
    desk.state.save("global", "a", {"n": [None, 1.5, b"\xff"]})
    desk.state.save("agent:x", "b", "text")
    other = StateManager(open_store("memory"))
    written = other.import_entries((e.scope, e.key, e.value) for e in desk.state.export_entries())
    assert written == 2
    assert [e[:3] for e in other.export_entries()] == [e[:3] for e in desk.state.export_entries()]
    assert [e.key for e in desk.state.export_entries("agent:x")] == ["b"]


def test_an_import_may_leave_what_exists_alone(desk: Desk) -> None:
    desk.state.save("global", "a", "old")
    entries = [("global", "a", "new"), ("global", "b", "new")]
    assert desk.state.import_entries(entries, replace=False) == 1
    assert desk.state.load_many("global", ["a", "b"]) == {"a": "old", "b": "new"}
    assert desk.state.import_entries(entries) == 2
    assert desk.state.load("global", "a") == "new"


def test_one_bad_entry_refuses_a_whole_import_and_is_named(desk: Desk) -> None:
    bad = [("global", "good", 1), ("global", "bad", object())]
    with pytest.raises(InvalidValue, match="key 'bad'"):
        desk.state.import_entries(bad)
    assert desk.state.list_scopes() == []


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda s: s.save("g", "k", 1, if_version="1"), "if_version"),
        (lambda s: s.save("g", "k", 1, if_version=True), "if_version"),
        (lambda s: s.save("g", "k", 1, if_version=-1), "if_version"),
        (lambda s: s.save("g", "k", 1, schema_version="1"), "schema_version"),
        (lambda s: s.save("g", "k", 1, schema_version=0), "schema_version"),
        (lambda s: s.save("g", "k", 1, schema_version=2**70), "schema_version"),
        (lambda s: s.save("g", "k", 1, schema_version=2**31), "schema_version"),
        (lambda s: s.save("g", "k", 1, state_class="sensitiv"), "class"),
        (lambda s: s.delete("g", "k", if_version="1"), "if_version"),
        (lambda s: s.list_keys("g", limit="1"), "limit"),
        (lambda s: s.list_keys("g", limit=-1), "limit"),
        (lambda s: s.list_keys("g", prefix=1), "prefix"),
        (lambda s: s.list_keys("g", after=1), "after"),
        (lambda s: s.list_scopes(prefix=1), "prefix"),
        (lambda s: s.save_many("g", [1]), "values"),
    ],
)
def test_a_wrong_argument_is_named(desk: Desk, use: Callable[[Any], Any], name: str) -> None:
    with pytest.raises(LlmSpellError, match=name) as caught:
        use(desk.state)
    assert isinstance(caught.value, InvalidArgument | InvalidValue)
    assert desk.state.list_keys("g") == []


def test_versions_grow_by_one_and_never_come_back(desk: Desk) -> None:
    versions = [desk.state.save("global", "k", n).version for n in range(3)]
    desk.state.delete("global", "k")
    versions.append(desk.state.save("global", "k", 9).version)
    assert versions == [1, 2, 3, 5]
    assert desk.state.delete("global", "none") is False
