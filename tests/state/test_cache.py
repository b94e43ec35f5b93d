"""The cache: bounded, coherent with everybody's writes, and never a way into what is stored."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import InvalidKey
from llmspell.state.manager import StateManager
from llmspell.store import open_store

from .beside import finish, go, line, start
from .conftest import Desk


def facts(state: StateManager) -> dict[str, Any]:
    cache: dict[str, Any] = state.get_stats()["cache"]
    return cache


def test_a_value_that_was_read_is_found_the_second_time_and_the_hit_rate_tells(desk: Desk) -> None:
    desk.state.save("g", "k", 1)
    before = facts(desk.state)
    for _ in range(9):
        desk.state.load("g", "k")
    after = facts(desk.state)
    assert after["hits"] - before["hits"] >= 8
    assert 0 < after["hit_rate"] <= 1
    assert after["hit_rate"] == after["hits"] / (after["hits"] + after["misses"])


def test_a_value_handed_out_can_be_changed_without_changing_what_is_stored(
    desk: Desk, engine: str
) -> None:
    desk.state.save("g", "k", {"list": [1, 2]})
    desk.state.load("g", "k")["list"].append(3)
    desk.state.load_many("g", ["k"])["k"]["list"].clear()
    kept = desk.run(
        engine,
        """local value = State.load('g', 'k')
        value.list[1] = 'changed' value.new = true
        State.load_many('g', { 'k' }).k.list = nil
        State.transaction(function(tx) tx.load('g', 'k').list = nil end)
        return State.load('g', 'k')""",
        """const value = await State.load('g', 'k');
        value.list[0] = 'changed'; value.new = true;
        delete (await State.loadMany('g', ['k'])).k.list;
        await State.transaction(async (tx) => { delete (await tx.load('g', 'k')).list });
        return State.load('g', 'k')""",
    )
    assert kept == desk.state.load("g", "k") == {"list": [1, 2]}


def test_a_value_given_to_save_can_be_changed_afterwards(desk: Desk) -> None:
    value = {"list": [1]}
    desk.state.save("g", "k", value)
    value["list"].append(2)
    assert desk.state.load("g", "k") == {"list": [1]}


def test_the_cache_stays_within_its_bytes_and_the_oldest_goes_first() -> None:
    state = StateManager(open_store("memory"), cache_bytes=60_000)
    for number in range(200):
        state.save("g", f"k{number}", "x" * 100)
        state.load("g", f"k{number}")
        assert facts(state)["bytes"] <= facts(state)["max_bytes"] == 60_000
    entries = facts(state)["entries"]
    assert 0 < entries < 200
    before = facts(state)["hits"]
    state.load("g", "k199")
    assert facts(state)["hits"] == before + 1
    state.load("g", "k0")
    assert facts(state)["hits"] == before + 1
    state.save("g", "huge", "x" * 100_000)
    assert state.load("g", "huge") == "x" * 100_000
    assert facts(state)["bytes"] <= 60_000
    state.close()


def test_warming_reads_entries_ahead_and_tells_how_many_there_are(desk: Desk) -> None:
    desk.state.save_many("g", {f"k{number}": number for number in range(5)})
    fresh = desk.open() if desk.backend == "sqlite" else desk.state
    assert fresh.warm("g", ["k1", "k2", "none", "k1"]) == 2
    assert fresh.warm("g") == 5
    assert fresh.warm("empty") == fresh.warm("g", []) == 0
    before = facts(fresh)
    assert fresh.load_many("g", [f"k{number}" for number in range(5)])["k4"] == 4
    assert fresh.load("g", "k3") == 3
    assert facts(fresh)["misses"] == before["misses"]
    with pytest.raises(InvalidKey):
        fresh.warm("g", ["k1", ""])
    if fresh is not desk.state:
        fresh.close()


steps = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["load", "load_many", "save", "save_many", "delete", "update", "clear",
                         "transaction", "warm", "metadata"]),
        st.sampled_from("abc"),
        st.integers(0, 99),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(steps)
def test_two_states_on_one_file_never_see_a_stale_value(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("two") / "state.db"
    states = [StateManager(open_store("sqlite", path=path)) for _ in range(2)]
    model: dict[str, int] = {}
    for who, verb, key, number in steps:
        state = states[who]
        if verb == "save":
            state.save("g", key, number)
            model[key] = number
        elif verb == "save_many":
            state.save_many("g", {key: number, "c": number})
            model |= {key: number, "c": number}
        elif verb == "delete":
            assert state.delete("g", key) == (model.pop(key, None) is not None)
        elif verb == "update":
            model[key] = state.increment("g", key, number)
        elif verb == "clear":
            assert state.clear("g") == len(model)
            model.clear()
        elif verb == "transaction":
            with state.transaction() as tx:
                model[key] = tx.load("g", key, 0) + number
                tx.save("g", key, model[key])
        elif verb == "warm":
            assert state.warm("g") == len(model)
        elif verb == "metadata":
            assert (state.get_metadata("g", key) is not None) == (key in model)
        for each in states:
            assert each.load("g", key) == model.get(key)
            assert each.load_many("g", ["a", "b", "c"]) == model
    for state in states:
        state.close()


FLIP = """
tell("ready")
sys.stdin.readline()
for number in range(1, int(args[0]) + 1):
    with state.transaction() as tx:
        tx.save("g", "a", number)
        tx.save("g", "b", number)
    tell(str(number))
"""


def test_what_another_process_has_written_is_seen_as_soon_as_it_says_so(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk("sqlite")
    desk.state.save_many("g", {"a": 0, "b": 0})
    writer = start(desk.path, FLIP, 100)
    line(writer)
    go(writer)
    for _ in range(100):
        number = int(line(writer))
        assert desk.state.load("g", "a") >= number
        values = desk.state.load_many("g", ["a", "b"])
        assert values["a"] == values["b"] >= number
    finish(writer)


def test_threads_that_read_while_others_write_never_go_back_in_time(desk: Desk) -> None:
    desk.state.save_many("g", {"a": 0, "b": 0})
    stop, seen_back = threading.Event(), list[str]()

    def read() -> None:
        last = 0
        while not stop.is_set():
            values = desk.state.load_many("g", ["a", "b"])
            now = desk.state.load("g", "a")
            if values["a"] != values["b"] or not last <= values["a"] <= now:
                seen_back.append(f"{last} {values} {now}")
            last = now

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 300):
        desk.state.save_many("g", {"a": number, "b": number})
    stop.set()
    for reader in readers:
        reader.join()
    assert seen_back == []
