"""``update`` and ``increment``: no update is lost, and a function that fails stores nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from .conftest import Desk, sandbox


def in_threads(count: int, work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_function_that_raises_stores_nothing_and_its_error_arrives(
    desk: Desk, engine: str
) -> None:
    desk.state.save("global", "k", 1)
    error = desk.fail(
        engine,
        "State.update('global', 'k', function(v) error({code = 'mine', message = 'no'}) end)",
        "State.sync.update('global', 'k', () => { throw new StateError('no', 'mine') })",
    )
    assert (error.code, error.message) == ("mine", "no")
    assert desk.state.load("global", "k") == 1
    with pytest.raises(ZeroDivisionError):
        desk.state.update("global", "k", lambda value: value / 0)
    assert desk.state.load("global", "k") == 1


def test_a_function_that_returns_nothing_is_refused_but_null_is_a_value(
    desk: Desk, engine: str
) -> None:
    desk.state.save("global", "k", 1)
    error = desk.fail(
        engine,
        "State.update('global', 'k', function() end)",
        "State.sync.update('global', 'k', () => {})",
    )
    assert "return value" in str(error.hint)
    desk.run(
        engine,
        "State.update('global', 'k', function() return nil end)",
        "State.sync.update('global', 'k', () => null); 1",
    )
    assert desk.state.get_metadata("global", "k").version == 2  # type: ignore[union-attr]
    assert desk.state.load("global", "k", "default") is None


def test_the_function_gets_the_default_only_when_there_is_no_entry(desk: Desk, engine: str) -> None:
    desk.state.save("global", "null", None)
    value = desk.run(
        engine,
        "local function show(v) return tostring(v) end\n"
        "return {State.update('global', 'new', show, 'd'), State.update('global', 'null', show, 'd')}",
        "return [State.sync.update('global', 'new', String, 'd'),"
        " State.sync.update('global', 'null', String, 'd')]",
    )
    assert value == ["d", "nil" if engine == "lua" else "null"]


def test_an_update_inside_an_update_of_the_same_key_is_not_lost(desk: Desk, engine: str) -> None:
    desk.run(
        engine,
        """local tries = 0
        State.update('global', 'n', function(v)
          tries = tries + 1
          if tries == 1 then State.increment('global', 'n', 10) end
          return v + 1
        end, 0)""",
        """let tries = 0;
        State.sync.update('global', 'n', (v) => {
          if (++tries === 1) State.sync.increment('global', 'n', 10);
          return v + 1;
        }, 0); 1""",
    )
    assert desk.state.load("global", "n") == 11


def test_an_asynchronous_update_waits_for_its_function(desk: Desk) -> None:
    value = desk.js(
        """await Promise.all([1, 2, 3].map((n) => State.update('global', 'sum', async (v) => {
          await null;
          return v + n;
        }, 0)));
        return State.load('global', 'sum')"""
    )
    assert value == 6


def test_an_asynchronous_function_that_fails_rejects_and_stores_nothing(desk: Desk) -> None:
    error = desk.fail("js", "", "await State.update('g', 'k', async () => { throw Error('no') })")
    assert error.message == "no"
    assert desk.state.list_keys("g") == []


def test_a_promise_in_a_synchronous_update_is_refused(desk: Desk) -> None:
    error = desk.fail("js", "", "State.sync.update('g', 'k', async () => 1)")
    assert "returned a promise" in error.message
    assert "await State.update" in str(error.hint)


def test_eight_threads_of_python_lose_no_update(desk: Desk) -> None:
    def work(number: int) -> None:
        for _ in range(50):
            desk.state.update("global", "list", lambda items: [*items, number], default=[])
            desk.state.increment("global", "n")

    in_threads(8, work)
    assert sorted(desk.state.load("global", "list")) == sorted(list(range(8)) * 50)
    assert desk.state.load("global", "n") == 400


def test_eight_threads_of_scripts_lose_no_update(desk: Desk) -> None:
    lua = """for i = 1, 50 do
      State.update('global', 'n', function(v) return v + 1 end, 0)
      State.increment('global', 'm')
    end"""
    js = """for (let i = 0; i < 50; i++) {
      await State.update('global', 'n', (v) => v + 1, 0);
      State.sync.increment('global', 'm');
    }"""

    def work(number: int) -> None:
        engine = ("lua", "js")[number % 2]
        own = sandbox(engine, desk.state)
        own.run(lua if engine == "lua" else js, name="script")
        own.close()

    in_threads(8, work)
    assert desk.state.load_many("global", ["n", "m"]) == {"n": 400, "m": 400}


def test_increment_keeps_integers_whole_and_counts_from_nothing(desk: Desk) -> None:
    assert desk.state.increment("global", "n") == 1
    assert desk.state.increment("global", "n", -3) == -2
    assert repr(desk.state.increment("global", "n", 0.5)) == "-1.5"
    desk.state.save("global", "big", 2**63 - 2)
    assert desk.state.increment("global", "big") == 2**63 - 1
    with pytest.raises(ValueError, match="64 bits"):
        desk.state.increment("global", "big")
    assert desk.state.load("global", "big") == 2**63 - 1
