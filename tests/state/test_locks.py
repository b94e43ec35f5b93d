"""Locks: one holder at a time on any number of threads, processes and machines."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import LlmSpellError, LockLost, LockUnavailable
from llmspell.state.manager import StateManager
from llmspell.store import open_store

from .beside import end, finish, go, line, start
from .conftest import Desk, sandbox
from .test_update import in_threads


def test_a_lock_runs_the_function_and_gives_back_what_it_returns(desk: Desk, engine: str) -> None:
    results = desk.run(
        engine,
        """local first = State.lock('g', 'k', function(lock) return lock.token end)
        local second, more = State.lock('g', 'k', { ttl = 5, wait = 0 }, function(lock)
          return lock.token, 'more'
        end)
        return { first, second, more }""",
        """const first = await State.lock('g', 'k', (lock) => lock.token);
        const second = State.sync.lock('g', 'k', { ttl: 5, wait: 0 }, (lock) => lock.token);
        return [first, second, 'more']""",
    )
    assert results[2] == "more"
    assert results[0] < results[1]
    assert desk.state.list_scopes() == []


def test_tokens_grow_with_each_holder_and_never_begin_anew(desk: Desk) -> None:
    tokens = []
    for ttl in (30, 0.001, 30, 30):
        lease = desk.state.acquire_lock("g", "k", ttl=ttl)
        tokens.append(lease.token)
        if ttl == 30:
            lease.release()
    assert tokens == sorted(set(tokens))


def test_a_function_that_fails_gives_the_lock_back_and_its_error_arrives(
    desk: Desk, engine: str
) -> None:
    error = desk.fail(
        engine,
        "\nState.lock('g', 'k', function()\n  error('no')\nend)",
        "\nawait State.lock('g', 'k', async () => {\n  throw Error('no');\n})",
    )
    assert (error.message, error.file, error.line) == ("no", "script", 3)
    with pytest.raises(ZeroDivisionError), desk.state.lock("g", "k", wait=0):
        raise ZeroDivisionError
    desk.state.acquire_lock("g", "k", wait=0).release()


def test_a_lock_that_is_held_is_refused_after_the_time_to_wait(desk: Desk, engine: str) -> None:
    with desk.state.lock("user:1", "k"):
        began = time.monotonic()
        error = desk.fail(
            engine,
            "State.lock('user:1', 'k', { wait = 0.1 }, function() end)",
            "await State.lock('user:1', 'k', { wait: 0.1 }, () => {})",
        )
        assert time.monotonic() - began >= 0.1
        assert error.code == "lock_unavailable"
        assert error.details == {"scope": "user:1", "key": "k", "wait": 0.1}
        assert "held by somebody else for 0.1 s" in error.message
        with pytest.raises(LockUnavailable, match="at this moment"):
            desk.state.acquire_lock("user:1", "k", wait=0)
        desk.state.acquire_lock("user:1", "other", wait=0).release()
        desk.state.acquire_lock("user:2", "k", wait=0).release()


def test_a_lock_cannot_be_taken_twice_not_even_by_its_holder(desk: Desk, engine: str) -> None:
    error = desk.fail(
        engine,
        """State.lock('g', 'k', function()
          State.lock('g', 'k', { wait = 0.05 }, function() end)
        end)""",
        """await State.lock('g', 'k', async () => {
          await State.lock('g', 'k', { wait: 0.05 }, () => {});
        })""",
    )
    assert error.code == "lock_unavailable"
    desk.state.acquire_lock("g", "k", wait=0).release()


def test_who_waits_gets_the_lock_when_it_is_given_back(desk: Desk) -> None:
    lease = desk.state.acquire_lock("g", "k")
    threading.Timer(0.05, lease.release).start()
    with desk.state.lock("g", "k", wait=20) as mine:
        assert mine.token > lease.token


def test_a_lock_runs_out_by_itself_and_its_late_holder_is_told(desk: Desk, engine: str) -> None:
    error = desk.fail(
        engine,
        """State.lock('g', 'k', { ttl = 0.02 }, function()
          State.lock('g', 'k', { wait = 20 }, function() State.save('g', 'second', true) end)
        end)""",
        """await State.lock('g', 'k', { ttl: 0.02 }, async () => {
          await State.lock('g', 'k', { wait: 20 }, () => State.save('g', 'second', true));
        })""",
    )
    assert error.code == "lock_lost"
    assert "fenced with the token" in str(error.hint)
    assert desk.state.load("g", "second") is True


def test_an_error_of_the_function_is_more_important_than_a_lost_lock(desk: Desk) -> None:
    def fail_late() -> None:
        with desk.state.lock("g", "k", ttl=0.001):
            time.sleep(0.01)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()


def test_a_lock_can_be_extended_and_keeps_its_token(desk: Desk, engine: str) -> None:
    desk.run(
        engine,
        """State.lock('g', 'k', { ttl = 0.3 }, function(lock)
          lock.extend(60)
          State.save('g', 'token', lock.token)
          pcall(State.lock, 'g', 'k', { wait = 0.35 }, function() State.save('g', 'second', 1) end)
        end)""",
        """await State.lock('g', 'k', { ttl: 0.3 }, async (lock) => {
          lock.extend(60);
          await State.save('g', 'token', lock.token);
          await State.lock('g', 'k', { wait: 0.35 }, () => State.save('g', 'second', 1))
            .catch((problem) => { if (problem.code !== 'lock_unavailable') throw problem });
        }); 0""",
    )
    assert desk.state.list_keys("g") == ["token"]


def test_a_lost_lock_cannot_be_extended(desk: Desk) -> None:
    lease = desk.state.acquire_lock("g", "k", ttl=0.001)
    time.sleep(0.01)
    with pytest.raises(LockLost) as caught:
        lease.extend(30)
    assert caught.value.details == {"scope": "g", "key": "k", "token": lease.token}
    taken = desk.state.acquire_lock("g", "k", wait=0)
    with pytest.raises(LockLost):
        lease.release()
    taken.release()


def test_a_lock_is_not_the_entry_of_that_name(desk: Desk) -> None:
    desk.state.save("g", "k", "value")
    with desk.state.lock("g", "k"):
        desk.state.save("g", "k", "changed")
        desk.state.clear("g")
        with pytest.raises(LockUnavailable):
            desk.state.acquire_lock("g", "k", wait=0)
    assert desk.state.list_scopes() == []
    assert desk.state.get_stats()["entries"] == 0


def test_what_a_script_left_locked_is_free_when_its_run_has_ended(tmp_path: Path) -> None:
    from llmspell import Runtime
    from llmspell.config import Config

    with Runtime(Config(state={"path": str(tmp_path / "state.db")})) as runtime:  # type: ignore[arg-type]
        script = "State.lock('g', 'k', () => new Promise(() => {})); 0"
        runtime.execute(script, engine="js")
        runtime.state.acquire_lock("g", "k", wait=0).release()


def test_javascript_functions_that_run_together_take_turns(desk: Desk) -> None:
    began = time.monotonic()
    most = desk.js(
        """let inside = 0, most = 0;
        await Promise.all(Array.from({ length: 40 }, () => State.lock('g', 'k', async () => {
          most = Math.max(most, ++inside);
          for (let turn = 0; turn < 20; turn++) await null;
          inside--;
        })));
        return most"""
    )
    assert most == 1
    assert time.monotonic() - began < 5


def test_threads_of_both_languages_and_python_take_turns(desk: Desk) -> None:
    """Load and save apart would lose counts, were two ever inside at the same time."""
    lua = """for i = 1, 15 do
      State.lock('g', 'n', function() State.save('g', 'n', State.load('g', 'n', 0) + 1) end)
    end"""
    js = """for (let i = 0; i < 15; i++) {
      await State.lock('g', 'n', async () => {
        await State.save('g', 'n', await State.load('g', 'n', 0) + 1);
      });
    }"""

    def work(number: int) -> None:
        if number % 3 == 2:
            for _ in range(15):
                with desk.state.lock("g", "n"):
                    desk.state.save("g", "n", desk.state.load("g", "n", 0) + 1)
            return
        own = sandbox(("lua", "js")[number % 3], desk.state)
        own.run((lua, js)[number % 3], name="script")
        own.close()

    in_threads(6, work)
    assert desk.state.load("g", "n") == 90


COUNT = """
for _ in range(25):
    with state.lock("g", "n", wait=50):
        state.save("g", "n", state.load("g", "n", 0) + 1)
"""
HOLD = """
lease = state.acquire_lock("g", "k", ttl=float(args[0]))
tell(str(lease.token))
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_processes_take_turns(path: Path) -> None:
    finish(*(start(path, COUNT) for _ in range(3)))
    state = StateManager(open_store("sqlite", path=path))
    assert state.load("g", "n") == 75
    state.close()


def test_a_process_that_is_killed_gives_its_lock_back_when_that_runs_out(path: Path) -> None:
    state = StateManager(open_store("sqlite", path=path))
    began = time.monotonic()
    holder = start(path, HOLD, 3.0)
    token = int(line(holder))
    holder.send_signal(signal.SIGKILL)
    end(holder)
    with pytest.raises(LockUnavailable):
        state.acquire_lock("g", "k", wait=0)
    with state.lock("g", "k", wait=30) as lease:
        assert lease.token > token
    assert time.monotonic() - began >= 3.0
    state.close()


def test_a_process_that_slept_past_its_time_is_told_and_cannot_free_the_next_holders_lock(
    path: Path,
) -> None:
    state = StateManager(open_store("sqlite", path=path))
    late = start(
        path,
        HOLD + "try:\n    lease.release()\nexcept LlmSpellError as error:\n    tell(error.code)",
        0.05,
    )
    line(late)
    with state.lock("g", "k", wait=20):
        go(late)
        assert finish(late) == ["lock_lost"]
        with pytest.raises(LockUnavailable):
            state.acquire_lock("g", "k", wait=0)
    state.close()


@pytest.mark.parametrize(
    "options",
    [{"ttl": 0}, {"ttl": "5"}, {"ttl": float("nan")}, {"wait": -1}, {"wait": None},
     {"wait": float("inf")}, {"wait": float("nan")}, {"ttl": True}, {"wait": True}],
)  # fmt: skip
def test_misuse_in_python_is_a_clear_error(
    open_desk: Callable[..., Desk], options: dict[str, Any]
) -> None:
    state = open_desk().state
    with pytest.raises(LlmSpellError, match=next(iter(options))), state.lock("g", "k", **options):
        pass
    state.acquire_lock("g", "k", wait=0).release()


def test_a_lock_that_the_script_has_no_stack_for_is_not_taken(desk: Desk) -> None:
    assert (
        desk.lua(
            """local function deep(n)
              if n == 0 then return State.lock('g', 'k', { wait = 0 }, function() end) end
              return pcall(deep, n - 1)
            end
            for depth = 150, 200 do pcall(deep, depth) end
            return State.lock('g', 'k', { wait = 0 }, function() return 'free' end)"""
        )
        == "free"
    )
