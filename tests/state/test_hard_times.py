"""The manager when the world around it changes: forks, files that vanish, values that grow."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from llmspell import Runtime, ScriptError
from llmspell.errors import StorageError
from llmspell.state.manager import StateManager
from llmspell.store import open_store


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_forked_while_threads_save_can_save(backend: str, tmp_path: Path) -> None:
    state = StateManager(open_store(backend, path=tmp_path / "state.db"))
    stop = threading.Event()

    def save() -> None:
        while not stop.is_set():
            state.save("t", "k", 1)

    threads = [threading.Thread(target=save) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                state.save("c", "k", 1)
                os._exit(0)
            deadline = time.monotonic() + 20
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    pytest.fail("the child hangs")
                time.sleep(0.005)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        state.close()


def test_a_database_removed_while_open_is_an_error_and_not_a_silent_loss(tmp_path: Path) -> None:
    state = StateManager(open_store("sqlite", path=tmp_path / "state.db"))
    state.save("s", "k", 1)
    for file in tmp_path.iterdir():
        file.unlink()
    time.sleep(0.15)
    with pytest.raises(StorageError, match="removed or replaced"):
        state.save("s", "k", 2)
    state.close()


def test_the_cache_keeps_no_text_much_larger_than_what_is_stored() -> None:
    state = StateManager(open_store("memory"))
    state.save("s", "k", b"\xff" * 1_000_000)
    found = state.load_frozen("s", "k")
    assert found is not None
    assert len(found.lua) > 1_000_000
    assert found.lua is not found.lua  # made anew, not kept
    state.close()


def test_lua_refuses_json_integers_it_cannot_hold() -> None:
    with Runtime(profile="minimal") as runtime:
        with pytest.raises(ScriptError, match="beyond 64 bits"):
            runtime.execute("return JSON.parse('[18446744073709551615]')", engine="lua")
        assert (
            runtime.execute("return JSON.parse('[9223372036854775807]')[1]", engine="lua").value
            == 2**63 - 1
        )


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("lua", "-- one\n-- \x0c two\nlocal s = '\u2028'\nerror('boom')\n"),
        ("js", "// one\nconst s = 'a\u2028b';\n\nthrow new Error('boom');\n"),
    ],
)
def test_an_error_shows_its_own_line_whatever_characters_come_before(
    engine: str, code: str
) -> None:
    with Runtime(profile="minimal") as runtime, pytest.raises(ScriptError) as caught:
        runtime.execute(code, engine=engine)
    assert (caught.value.line, "boom" in (caught.value.source_line or "")) == (4, True)


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        (
            "lua",
            "State.save('s', 'k', 'short') State.load('s', 'k') State.load('s', 'k')\n"
            "State.save('s', 'k', string.rep('x', 5000))\n"
            "return { #State.load('s', 'k'), #State.load('s', 'k') }",
        ),
        (
            "js",
            "const { save, load } = State.sync;\n"
            "save('s', 'k', 'short'); load('s', 'k'); load('s', 'k');\n"
            "save('s', 'k', '\\u{1F600}'.repeat(600));\n"
            "[load('s', 'k').length, load('s', 'k').length]",
        ),
    ],
)
def test_a_script_sees_a_value_that_grew_each_time_it_loads_it(
    engine: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Runtime() as runtime:
        first, second = runtime.execute(code, engine=engine).value
    assert first == second > 1000


def test_a_script_that_replaces_array_iteration_still_gets_its_locks_and_transactions() -> None:
    code = (
        "Array.prototype[Symbol.iterator] = function* () { yield 999; };\n"
        "const token = State.sync.lock('s', 'k', (lock) => lock.token);\n"
        "const again = State.sync.lock('s', 'k', { wait: 0 }, () => 'free');\n"
        "return [token, again, await State.transaction(async (tx) => tx.load('s', 'k', 5))];"
    )
    with Runtime(profile="minimal") as runtime:
        assert runtime.execute(code, engine="js").value == [1, "free", 5]


def test_a_save_that_was_committed_succeeds_though_a_watcher_closes_the_state(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    state = StateManager(open_store("sqlite", path=path))
    state.watch("s", "", lambda event: state.close())
    state.save("s", "k", 1)
    again = StateManager(open_store("sqlite", path=path))
    assert again.load("s", "k") == 1
    again.close()


def test_a_lock_that_cannot_be_given_back_does_not_hide_the_scripts_own_error() -> None:
    with Runtime(profile="minimal", stdout=lambda _: runtime.state.close()) as runtime:
        code = "coroutine.wrap(function() State.lock('s', 'k', coroutine.yield) end)()\nprint('x')\nerror('mine')"
        with pytest.raises(ScriptError, match="mine"):
            runtime.execute(code, engine="lua")


def test_a_rollback_over_a_gap_in_a_damaged_journal_is_refused_and_removes_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    state = StateManager(open_store("sqlite", path=path))
    state.save("s", "k", 1)
    mark = state.checkpoint()
    state.save("s", "k", 2)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM journal WHERE seq = 1")
    with pytest.raises(StorageError, match="journal is damaged"):
        state.rollback(mark)
    assert state.load("s", "k") == 2
    state.close()
