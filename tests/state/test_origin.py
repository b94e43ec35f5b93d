"""Every write tells whom it belongs to: actor, run and correlation id."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.config import Config
from llmspell.errors import InvalidArgument, ScriptError
from llmspell.state.origin import CURRENT, originating
from llmspell.store.changes import NOBODY

from .conftest import Desk

IDS = {"actor": "ada", "run_id": "r1", "correlation_id": "c1"}


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime(Config(state={"path": str(tmp_path / "state.db")})) as runtime:  # type: ignore[arg-type]
        yield runtime


def ids(desk: Desk, key: str) -> list[tuple[str | None, str | None, str | None]]:
    return [(each.actor, each.run_id, each.correlation_id) for each in desk.state.history("g", key)]


def test_whatever_is_written_inside_the_block_carries_the_ids(desk: Desk) -> None:
    state = desk.state
    with originating(**IDS):
        state.save("g", "k", 1)
        state.save("g", "k", 1, ttl=500)
        state.update("g", "k", lambda value: value + 1)
        state.save_many("g", {"k": 4})
        state.run_transaction(lambda tx: tx.save("g", "k", 5))
        state.revert("g", "k", 1)
        state.delete("g", "k")
        mark = state.checkpoint()
        state.save("g", "k", 7)
        state.rollback(mark)
        state.import_entries([("g", "k", 8)])
        state.clear("g")
    assert ids(desk, "k") == [("ada", "r1", "c1")] * 11
    state.save("g", "k", 9)
    assert ids(desk, "k")[0] == (None, None, None)


def test_an_inner_block_adds_to_the_outer_one_and_ends_with_it(desk: Desk) -> None:
    with originating(actor="ada", correlation_id="c1"):
        with originating(correlation_id="c2", run_id="r2") as inner:
            assert inner == ("ada", "r2", "c2")
            desk.state.save("g", "k", 1)
        desk.state.save("g", "k", 2)
    assert ids(desk, "k") == [("ada", None, "c1"), ("ada", "r2", "c2")]
    assert CURRENT.get() == NOBODY


def test_an_entry_shows_its_correlation_id_from_the_cache_and_from_the_store(desk: Desk) -> None:
    with originating(correlation_id="c1"):
        assert desk.state.save("g", "k", 1).correlation_id == "c1"
        saved = desk.state.save_many("g", {"many": 1})
    assert saved["many"].correlation_id == "c1"
    other = desk.state if desk.backend == "memory" else desk.open()
    for key in ("k", "many"):
        assert other.get_metadata("g", key).correlation_id == "c1"  # type: ignore[union-attr]
    desk.state.save("g", "k", 2)
    assert other.get_metadata("g", "k").correlation_id is None  # type: ignore[union-attr]
    if other is not desk.state:
        other.close()


def test_threads_have_ids_of_their_own_and_may_be_given_a_copy(desk: Desk) -> None:
    with originating(actor="ada"):
        threads = [
            threading.Thread(target=desk.state.save, args=("g", "alone", 1)),
            threading.Thread(
                target=contextvars.copy_context().run, args=(desk.state.save, "g", "copied", 1)
            ),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ids(desk, "alone")[0][0] is None
    assert ids(desk, "copied")[0][0] == "ada"


def test_watchers_are_told_whom_a_change_belongs_to(desk: Desk, engine: str) -> None:
    with originating(**IDS):
        event = desk.run(
            engine,
            """local told
            State.watch('g', '', function(event) told = event end)
            State.save('g', 'k', 1)
            return told""",
            """let told;
            await State.watch('g', '', (event) => { told = event });
            await State.save('g', 'k', 1);
            return told""",
        )
    assert {name: event[name] for name in IDS} == IDS


WRITE = {
    "lua": """State.save('g', 'k', 1)
    State.transaction(function(tx) tx.save('g', 'k', 2) end)
    return State.history('g', 'k')""",
    "js": """await State.save('g', 'k', 1);
    await State.transaction((tx) => tx.save('g', 'k', 2));
    return State.history('g', 'k')""",
}


@pytest.mark.parametrize("language", ["lua", "js"])
def test_each_run_of_a_script_has_an_id_that_its_history_tells(
    runtime: Runtime, language: str
) -> None:
    first = runtime.execute(WRITE[language], engine=language, correlation_id="order-7")
    second = runtime.execute(WRITE[language], engine=language)
    assert [(each["run_id"], each.get("correlation_id")) for each in second.value] == [
        (second.run_id, None),
        (second.run_id, None),
        (first.run_id, "order-7"),
        (first.run_id, "order-7"),
    ]
    assert first.run_id != second.run_id


@pytest.mark.parametrize("language", ["lua", "js"])
def test_a_failed_run_leaves_no_ids_behind(runtime: Runtime, language: str) -> None:
    with pytest.raises(ScriptError):
        runtime.execute("nothing.here()", engine=language, correlation_id="c1")
    runtime.state.save("g", "k", 1)
    (version,) = runtime.state.history("g", "k")
    assert (version.run_id, version.correlation_id) == (None, None)


@pytest.mark.parametrize("name", ["actor", "run_id", "correlation_id"])
@pytest.mark.parametrize("given", ["", "x" * 201, "two\nlines", "\ud800", 5, b"bytes"])
def test_an_id_is_a_line_of_printable_text(name: str, given: Any) -> None:
    with pytest.raises(InvalidArgument) as caught, originating(**{name: given}):
        pass
    assert caught.value.details["parameter"] == name
    assert CURRENT.get() == NOBODY


def test_a_correlation_id_that_is_none_of_these_runs_nothing(runtime: Runtime, engine: str) -> None:
    runs: list[Callable[[], Any]] = [
        lambda: runtime.execute(WRITE[engine], engine=engine, correlation_id=""),
        lambda: runtime.execute(WRITE[engine], engine=engine, correlation_id=5),  # type: ignore[arg-type]
    ]
    for run in runs:
        with pytest.raises(InvalidArgument, match="correlation_id"):
            run()
    assert runtime.state.list_scopes() == []
