"""The journal is kept to its size, what expired is swept; nobody notices but the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import LlmSpellError
from llmspell.state import maintenance
from llmspell.state.maintenance import Retention
from llmspell.state.manager import StateManager
from llmspell.store import Put, open_store
from llmspell.store.codec import encode

from .beside import finish, start, wait_until
from .conftest import Desk


def changes(state: StateManager) -> int:
    """Return how many changes the journal holds, and see to it that it is sound."""
    steps = list(state.verify())
    assert [step.problems for step in steps if step.problems] == []
    return sum(step.changes for step in steps)


def everything(state: StateManager) -> dict[tuple[str, str], Any]:
    return {(each.scope, each.key): each.value for each in state.export_entries()}


def fill(state: StateManager, rounds: int = 20) -> None:
    for number in range(rounds):
        state.save_many("g", {f"k{key}": [number, key] for key in range(10)})
    state.delete("g", "k0")


def test_compaction_by_count_keeps_every_entry_and_the_latest_changes(desk: Desk) -> None:
    fill(desk.state)
    before = everything(desk.state)
    steps = list(desk.state.compact(max_changes=30))
    assert sum(step.removed for step in steps) > 100
    assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
    assert everything(desk.state) == before
    # The 30 latest are complete; each key that lives has the change that made it besides.
    assert 30 <= changes(desk.state) <= 30 + 10
    assert [each.value for each in desk.state.history("g", "k9", values=True)][:3] == [
        [19, 9],
        [18, 9],
        [17, 9],
    ]
    assert [step.problems for step in desk.state.verify() if step.problems] == []


def test_compaction_by_age_keeps_what_is_young(desk: Desk) -> None:
    store = open_store(desk.backend, path=desk.path if desk.backend == "sqlite" else None)
    an_hour_ago = time.time_ns() // 1000 - 3600 * 1_000_000
    for number in range(20):
        store.write([Put("g", f"k{key}", encode(number), an_hour_ago) for key in range(10)])
    state = StateManager(store)
    assert sum(step.removed for step in state.compact(max_age_s=5400)) == 0
    state.save("g", "young", 1)
    state.save("g", "young", 2)
    assert sum(step.removed for step in state.compact(max_age_s=1800)) > 100
    assert [each.version for each in state.history("g", "young")] == [2, 1]
    state.close()


def test_compaction_goes_in_steps_between_which_others_write(desk: Desk) -> None:
    for number in range(5):
        desk.state.save_many("g", {f"k{key}": number for key in range(500)})
    steps = 0
    for step in desk.state.compact(max_changes=10):
        assert step.removed <= 1001
        desk.state.save("g", "between", steps)
        steps += 1
    assert steps >= 3
    assert desk.state.load("g", "between") == steps - 1


def test_a_compaction_that_is_not_finished_leaves_a_sound_store(desk: Desk) -> None:
    for number in range(5):
        desk.state.save_many("g", {f"k{key}": number for key in range(500)})
    next(iter(desk.state.compact(max_changes=10)))
    assert desk.state.load_many("g", ["k0", "k499"]) == {"k0": 4, "k499": 4}
    assert [step.problems for step in desk.state.verify() if step.problems] == []


def test_compaction_without_bounds_of_its_own_uses_those_of_the_state(tmp_path: Path) -> None:
    store = open_store("sqlite", path=tmp_path / "state.db")
    state = StateManager(store, retention=Retention(max_age_us=None, max_changes=15))
    fill(state)
    list(state.compact())
    assert changes(state) <= 15 + 10
    state.close()


def test_closing_brings_a_store_that_was_written_to_nearer_its_size(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = StateManager(open_store("sqlite", path=path), retention=Retention(None, 15))
    fill(state)
    state.close()
    again = StateManager(open_store("sqlite", path=path))
    assert changes(again) <= 15 + 10
    assert again.load("g", "k9") == [19, 9]
    again.close()


def test_while_a_state_lives_a_thread_does_it_and_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_FIRST_AFTER_US", 1_000)
    monkeypatch.setattr(maintenance, "_EVERY_US", 1_000)
    state = StateManager(
        open_store("memory") if desk.backend == "memory" else open_store("sqlite", path=desk.path),
        retention=Retention(None, 5),
    )
    state.save("g", "gone", 1, ttl=0.001)
    time.sleep(0.002)
    fill(state)
    time.sleep(0.002)
    state.save("g", "last", 1)
    wait_until(lambda: [each.op for each in state.history("g", "gone")] != ["put"])
    wait_until(lambda: changes(state) <= 5 + 11)
    wait_until(lambda: not any(t.name == "llmspell-maintenance" for t in threading.enumerate()))
    assert state.load("g", "k9") == [19, 9]
    state.close()


def test_the_configuration_sets_the_bounds(tmp_path: Path) -> None:
    from llmspell import Runtime
    from llmspell.config import Config

    config = Config(
        state={"path": str(tmp_path / "state.db"), "journal": {"max_changes": 10}}  # type: ignore[arg-type]
    )
    with Runtime(config) as runtime:
        fill(runtime.state)
        list(runtime.state.compact())
        assert changes(runtime.state) <= 10 + 10


def test_a_journal_in_memory_bounds_itself(open_desk: Callable[..., Desk]) -> None:
    state = open_desk().state
    for number in range(120):
        state.save_many("g", {f"k{key}": number for key in range(100)})
    assert changes(state) <= 11_500
    assert len(state.history("g", "k0")) >= 100


def test_deleted_keys_do_not_stay_for_ever(desk: Desk) -> None:
    for number in range(50):
        desk.state.save("g", f"k{number}", 1)
        desk.state.delete("g", f"k{number}")
    list(desk.state.compact(max_changes=0))
    assert changes(desk.state) <= 1
    assert desk.state.save("g", "k0", 1).version == 3


WRITE = """
for number in range(150):
    state.save("mine:" + args[0], f"k{number % 10}", number)
    state.increment("g", "n")
"""


def test_compaction_beside_writers_of_other_processes_loses_nothing(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk("sqlite")
    writers = [start(desk.path, WRITE, number) for number in range(2)]
    while any(writer.poll() is None for writer in writers):
        list(desk.state.compact(max_changes=20))
    finish(*writers)
    assert desk.state.load("g", "n") == 300
    for number in range(2):
        values = desk.state.load_many(f"mine:{number}", [f"k{key}" for key in range(10)])
        assert sorted(values.values()) == list(range(140, 150))
    assert [step.problems for step in desk.state.verify() if step.problems] == []


@pytest.mark.parametrize(
    "bounds",
    [
        {"max_changes": -1},
        {"max_changes": 1.5},
        {"max_changes": "10"},
        {"max_changes": True},
        {"max_age_s": -1},
        {"max_age_s": "1d"},
        {"max_age_s": float("nan")},
        {"max_age_s": float("inf")},
        {"max_age_s": True},
    ],
)
def test_a_bound_that_is_none_is_refused_and_removes_nothing(
    open_desk: Callable[..., Desk], bounds: dict[str, Any]
) -> None:
    state = open_desk().state
    fill(state, rounds=2)
    before = changes(state)
    with pytest.raises(LlmSpellError, match=next(iter(bounds))):
        list(state.compact(**bounds))
    assert changes(state) == before
