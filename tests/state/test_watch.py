"""Watching: each change is told once and in order, one's own at once, others' soon after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from .conftest import Desk


def test_a_scripts_own_changes_are_told_right_after_the_call_that_made_them(
    desk: Desk, engine: str
) -> None:
    told = desk.run(
        engine,
        """local told = JSON.array {}
        local id = State.watch('g', '', function(e) told[#told + 1] = e.op .. ' ' .. e.key .. ' ' .. e.version end)
        local function expect(n) assert(#told == n, #told .. ' told, not ' .. n) end
        State.save('g', 'a', 1) expect(1)
        State.update('g', 'a', function(n) return n + 1 end) expect(2)
        State.transaction(function(tx) tx.save('g', 'b', 1) tx.delete('g', 'a') expect(2) end) expect(4)
        State.increment('g', 'b') expect(5)
        State.save_many('g', { c = 1, d = 1 }) expect(7)
        State.clear('g') expect(10)
        State.unwatch(id)
        State.save('g', 'a', 1) expect(10)
        return told""",
        """const told = [];
        const id = await State.watch('g', '', (e) => { told.push(`${e.op} ${e.key} ${e.version}`) });
        function expect(n) { if (told.length !== n) throw Error(`${told.length} told, not ${n}`) }
        await State.save('g', 'a', 1); expect(1);
        await State.update('g', 'a', (n) => n + 1); expect(2);
        await State.transaction(async (tx) => {
          await tx.save('g', 'b', 1);
          await tx.delete('g', 'a');
          expect(2);
        });
        expect(4);
        State.sync.increment('g', 'b'); expect(5);
        await State.saveMany('g', { c: 1, d: 1 }); expect(7);
        await State.clear('g'); expect(10);
        await State.unwatch(id);
        await State.save('g', 'a', 1); expect(10);
        return told""",
    )
    assert told[:2] == ["put a 1", "put a 2"]
    assert told[4] == "put b 2"
    # The order of a Lua table's members is anybody's guess.
    assert sorted(told[2:4]) == ["delete a 3", "put b 1"]
    assert sorted(told[5:7]) == ["put c 1", "put d 1"]
    assert sorted(told[7:]) == ["delete b 3", "delete c 2", "delete d 2"]


def test_own_changes_are_told_at_once_whatever_other_threads_do(desk: Desk, engine: str) -> None:
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            desk.state.save("other", "k", 1)

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        missed = desk.run(
            engine,
            """local latest, missed = 0, 0
            State.watch('g', '', function(event) latest = event.value end)
            for i = 1, 200 do
              State.save('g', 'k', i)
              if latest ~= i then missed = missed + 1 end
            end
            return missed""",
            """let latest = 0, missed = 0;
            await State.watch('g', '', (event) => { latest = event.value });
            for (let i = 1; i <= 200; i++) {
              await State.save('g', 'k', i);
              if (latest !== i) missed++;
            }
            return missed""",
        )
    finally:
        stop.set()
        disturber.join()
    assert missed == 0


def test_an_event_tells_what_happened_and_the_value(desk: Desk, engine: str) -> None:
    events = desk.run(
        engine,
        """local events = JSON.array {}
        State.watch('user:1', 'pre', function(event) events[#events + 1] = event end)
        State.save('user:1', 'prefs', { theme = 'dark' })
        State.save('user:1', 'other', 1)
        State.save('user:2', 'prefs', 1)
        State.delete('user:1', 'prefs')
        return events""",
        """const events = [];
        await State.watch('user:1', 'pre', (event) => { events.push(event) });
        await State.save('user:1', 'prefs', { theme: 'dark' });
        await State.save('user:1', 'other', 1);
        await State.save('user:2', 'prefs', 1);
        await State.delete('user:1', 'prefs');
        return events""",
    )
    history = desk.state.history("user:1", "prefs")
    for event, version in zip(events, reversed(history), strict=True):
        assert event.pop("at") == version.to_dict(value=False)["at"]
    common = {"scope": "user:1", "key": "prefs"}
    assert events == [
        common | {"op": "put", "version": 1, "value": {"theme": "dark"}},
        common | {"op": "delete", "version": 2},
    ]


def test_a_watcher_that_writes_is_told_of_that_after_what_it_was_told(
    desk: Desk, engine: str
) -> None:
    told = desk.run(
        engine,
        """local told = JSON.array {}
        State.watch('g', '', function(event)
          if event.value < 4 then State.save('g', 'n', event.value + 1) end
          told[#told + 1] = event.value
        end)
        State.save('g', 'n', 1)
        return told""",
        """const told = [];
        await State.watch('g', '', (event) => {
          if (event.value < 4) State.sync.save('g', 'n', event.value + 1);
          told.push(event.value);
        });
        await State.save('g', 'n', 1);
        return told""",
    )
    assert told == [1, 2, 3, 4]


def test_a_watcher_that_fails_fails_the_call_and_the_others_are_told_still(
    desk: Desk, engine: str
) -> None:
    told = desk.run(
        engine,
        """local told = JSON.array {}
        State.watch('g', '', function(event)
          if event.key == 'a' then error { code = 'mine', message = 'no' } end
          told[#told + 1] = event.key
        end)
        local ok, problem = pcall(State.transaction, function(tx)
          for _, key in ipairs { 'a', 'b', 'c' } do tx.save('g', key, 1) end
        end)
        told[#told + 1] = problem.code
        State.poll()
        return told""",
        """const told = [];
        await State.watch('g', '', (event) => {
          if (event.key === 'a') throw new StateError('no', 'mine');
          told.push(event.key);
        });
        await State.saveMany('g', { a: 1, b: 1, c: 1 }).catch((problem) => told.push(problem.code));
        await State.poll();
        return told""",
    )
    assert told == ["mine", "b", "c"]
    assert desk.state.list_keys("g") == ["a", "b", "c"]


def test_poll_waits_for_others_changes_and_tells_how_many_there_were(
    desk: Desk, engine: str
) -> None:
    done = threading.Event()

    def save_once_it_watches() -> None:
        while not desk.state.list_keys("ready"):
            time.sleep(0.01)
        # Again and again: the first may be told before the script waits.
        while not done.wait(0.05):
            desk.state.save("g", "k", "from outside")

    outside = threading.Thread(target=save_once_it_watches)
    outside.start()
    try:
        told = desk.run(
            engine,
            """local told = JSON.array {}
            State.watch('g', '', function(event) told[#told + 1] = event.value end)
            State.save('ready', 'k', 1)
            return { State.poll(1e300) >= 1, told[1] }""",
            """const told = [];
            await State.watch('g', '', (event) => { told.push(event.value) });
            await State.save('ready', 'k', 1);
            return [await State.poll(1e300) >= 1, told[0]]""",
        )
    finally:
        done.set()
        outside.join()
    assert told == [True, "from outside"]


def test_poll_without_changes_waits_for_its_time_and_tells_nothing(desk: Desk, engine: str) -> None:
    told = desk.run(
        engine,
        """State.watch('g', '', function() end)
        return { State.poll(), State.poll(0.01) }""",
        """await State.watch('g', '', () => {});
        return [await State.poll(), State.sync.poll(0.01)]""",
    )
    assert told == [0, 0]


MISUSES = [
    ("watch()", "invalid_argument"),
    ("watch('g', '')", "invalid_argument"),
    ("watch('g', '', 'fn')", "invalid_argument"),
    ("watch('g', '', print, 1)", "invalid_argument"),
    ("watch('g', 5, print)", "invalid_argument"),
    ("watch('agent:', '', print)", "invalid_scope"),
    ("unwatch()", "invalid_argument"),
    ("unwatch('x')", "invalid_argument"),
    ("unwatch(1, 2)", "invalid_argument"),
    ("poll('x')", "invalid_argument"),
    ("poll(-1)", "invalid_argument"),
    ("poll(0, 1)", "invalid_argument"),
]


@pytest.mark.parametrize(("call", "code"), MISUSES)
def test_misuse_is_a_clear_error(
    open_desk: Callable[..., Desk], engine: str, call: str, code: str
) -> None:
    desk = open_desk()
    error = desk.fail(engine, f"State.{call}", f"await State.{call}")
    assert (error.code, call.split("(")[0] in error.message) == (code, True)
    assert "watch_" not in error.message


def test_unwatching_what_nobody_watches_is_no_error(desk: Desk, engine: str) -> None:
    assert desk.run(engine, "return State.unwatch(7)", "return State.unwatch(7)") is False


def test_a_coroutine_that_is_closed_in_a_watcher_leaves_the_others_to_be_told(desk: Desk) -> None:
    told = desk.lua(
        """local told = JSON.array {}
        State.watch('g', '', function(e) told[#told + 1] = e.key coroutine.yield() end)
        local saving = coroutine.create(function() State.save('g', 'a', 1) end)
        coroutine.resume(saving)
        coroutine.close(saving)
        coroutine.wrap(function() State.save('g', 'b', 1) end)()
        return told"""
    )
    assert told == ["a", "b"]
