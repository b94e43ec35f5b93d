"""``verify``: what is sound is found sound, on every backend, and damage is found."""

from __future__ import annotations

import random
import sqlite3
import struct
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.state import verifying
from llmspell.state.manager import StateManager
from llmspell.state.verified import Problem
from llmspell.store import open_store

BACKENDS = ("memory", "sqlite", "rocksdb", "postgresql")


def checked(state: StateManager) -> tuple[int, int, list[Problem]]:
    """Return how many entries and changes were checked, and what is wrong."""
    steps = list(state.verify())
    assert [step.share for step in steps] == sorted(step.share for step in steps)
    assert steps[-1].share == 1.0
    entries, changes = (sum(step[field] for step in steps) for field in (0, 1))
    return entries, changes, [problem for step in steps for problem in step.problems]


def worked_over(state: StateManager, rounds: int = 400, seed: int = 1) -> None:
    """Leave behind what a long life does: versions, deletions, expiry, compaction."""
    chance = random.Random(seed)
    for number in range(rounds):
        scope, key = f"s{chance.randrange(3)}", f"k{chance.randrange(rounds // 8)}"
        if chance.random() < 0.15:
            state.delete(scope, key)
        else:
            text = "x" * chance.randrange(40)
            ttl = 0.001 if chance.random() < 0.1 else None
            state.save(scope, key, {"number": number, "text": text}, ttl=ttl)
        if number == rounds // 2:
            list(state.compact(max_changes=rounds // 10))


@pytest.fixture(params=BACKENDS)
def worn(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A state on each backend that has seen much."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with closing(StateManager(open_store(request.param, path=tmp_path / "db", url=url))) as state:
        worked_over(state)
        time.sleep(0.002)  # what was to expire has done so
        yield state


def test_a_store_that_was_used_as_it_should_be_is_sound(worn: StateManager) -> None:
    """Everything there is was looked at, and nothing is wrong with it."""
    there = sum(1 for _ in worn.export_entries())
    entries, changes, problems = checked(worn)
    assert (entries, problems) == (there, [])
    assert changes > 40


def test_a_journal_longer_than_memory_is_checked_in_parts(
    worn: StateManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part walks the journal again and says the same."""
    whole = checked(worn)
    monkeypatch.setattr(verifying, "_KEYS", 20)
    assert checked(worn) == whole


def test_an_empty_store_is_sound(tmp_path: Path) -> None:
    for backend in ("memory", "sqlite"):
        with closing(StateManager(open_store(backend, path=tmp_path / "db"))) as state:
            assert checked(state) == (0, 0, [])


def test_a_store_without_a_journal_is_checked_without_it(tmp_path: Path) -> None:
    store = open_store("sqlite", path=tmp_path / "db", journal=False)
    with closing(StateManager(store, journal=False)) as state:
        worked_over(state)
        assert checked(state)[1:] == (0, [])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(20, 80))
def test_whatever_was_done_the_store_is_sound(seed: int, rounds: int) -> None:
    with closing(StateManager(open_store("memory"))) as state:
        worked_over(state, rounds, seed)
        state.checkpoint()
        state.clear("s1")
        state.rollback("c1")
        assert checked(state)[2] == []


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
def test_writers_and_compaction_meanwhile_are_no_damage(backend: str, tmp_path: Path) -> None:
    """What looks wrong only because it was just written is looked at again."""
    with closing(StateManager(open_store(backend, path=tmp_path / "db"))) as state:
        over = threading.Event()

        def write(seed: int) -> None:
            while not over.is_set():
                worked_over(state, 60, seed)

        writers = [threading.Thread(target=write, args=(seed,)) for seed in range(2)]
        for writer in writers:
            writer.start()
        try:
            found = [checked(state)[2] for _ in range(12)]
        finally:
            over.set()
            for writer in writers:
                writer.join()
        assert found == [[]] * 12
        assert checked(state)[2] == []


# Damage --------------------------------------------------------------------------------------

FLIPPED = "CAST(substr(blob, 1, length(blob) - 1) || X'C1' AS BLOB)"

#: What is done to the file behind the store's back, and a part of what is said of it. The key
#: ``k`` has the changes 1, 3 and 5, ``other`` 2 and 4, ``gone`` 6 and 7.
DAMAGES = {
    "an entry's value": (f"UPDATE entries SET blob = {FLIPPED} WHERE key = 'k'", "checksum"),
    "an entry's value for another": (
        "UPDATE entries SET blob = (SELECT blob FROM journal WHERE seq = 1) WHERE key = 'k'",
        "in: value",
    ),
    "an older value": (f"UPDATE journal SET blob = {FLIPPED} WHERE seq = 1", "checksum"),
    "a newer version": ("UPDATE entries SET version = 9 WHERE key = 'k'", "wrote version 3"),
    "an older version": ("UPDATE entries SET version = 2 WHERE key = 'k'", "later change wrote"),
    "another class": ("UPDATE entries SET state_class = 'bulk' WHERE key = 'k'", "in: class"),
    "a lost entry": ("DELETE FROM entries WHERE key = 'k'", "there is no such entry"),
    "a deletion undone": (
        "UPDATE entries SET blob = X'0100', expires_at = NULL WHERE key = 'gone'",
        "removed it",
    ),
    "a gap": ("DELETE FROM journal WHERE seq = 3", "change 3 is missing"),
    "a wide gap": ("DELETE FROM journal WHERE seq BETWEEN 2 AND 5", "changes 2 to 5 are missing"),
    "a cut chain": ("UPDATE journal SET previous = NULL WHERE seq = 5", "its key has change 3"),
    "a skipped link": ("UPDATE journal SET previous = 1 WHERE seq = 5", "of its key is 3"),
    "a crossed link": ("UPDATE journal SET previous = 4 WHERE seq = 5", "of its key is 3"),
    "a falling version": ("UPDATE journal SET version = 1 WHERE seq = 3", "does not rise above 1"),
    "an entry nobody wrote": (
        "INSERT INTO entries SELECT 't', key, version, created_at, updated_at, schema_version,"
        " state_class, expires_at, correlation_id, blob, NULL FROM entries WHERE key = 'k'",
        "knows nothing of it",
    ),
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The closed database of a small, sound state."""
    path = tmp_path / "state.db"
    with closing(StateManager(open_store("sqlite", path=path))) as state:
        for number in range(5):
            state.save("s", ("k", "other")[number % 2], {"number": number})
        state.save("s", "gone", 1)
        state.delete("s", "gone")
    return path


def damaged(path: Path, statement: str) -> list[Problem]:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(statement)
        raw.commit()
    with closing(StateManager(open_store("sqlite", path=path))) as state:
        return checked(state)[2]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(file: Path, damage: str) -> None:
    statement, expected = DAMAGES[damage]
    problems = damaged(file, statement)
    assert any(expected in problem.what for problem in problems), problems


@pytest.mark.parametrize("damage", ["a newer version", "a falling version", "another class"])
def test_a_problem_says_where_and_shows_no_value(file: Path, damage: str) -> None:
    (problem,) = damaged(file, DAMAGES[damage][0])
    told = problem.to_dict()
    assert (told["scope"], told["key"]) == ("s", "k")
    assert told["version"] > 0
    assert told["seq"] in (3, 5)
    assert "number" not in str(told)


def test_one_damage_does_not_hide_the_others(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("DELETE FROM journal WHERE seq = 2")
        raw.commit()
    found = [problem.what for problem in damaged(file, DAMAGES["an entry's value"][0])]
    assert any("change 2 is missing" in what for what in found)
    assert any("checksum" in what for what in found)


@pytest.mark.parametrize(
    ("place", "reached"),
    [("entries_expiring", (1000, 1000)), ("journal", (1000, 0)), ("entries", (0, 1000))],
)
def test_what_is_wrong_with_the_file_itself_is_told(
    tmp_path: Path, place: str, reached: tuple[int, int]
) -> None:
    """Wherever the file is damaged, the check goes on with what can be read."""
    path = tmp_path / "state.db"
    with closing(StateManager(open_store("sqlite", path=path))) as state:
        for number in range(1000):
            state.save("s", f"k{number:03}", number, ttl=10_000)
    with closing(sqlite3.connect(path)) as raw:
        (root,) = raw.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (place,)
        ).fetchone()
        (size,) = raw.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as data:
        data.seek((root - 1) * size)
        (child,) = struct.unpack_from(">I", data.read(size), 8)  # the page after all others
        data.seek((child - 1) * size)
        data.write(b"\xff" * size)
    with closing(StateManager(open_store("sqlite", path=path))) as state:
        entries, changes, problems = checked(state)
    assert problems[0].what.startswith("the database file:")
    assert (entries, changes) == reached


def test_looking_changes_nothing(file: Path) -> None:
    def dump() -> list[str]:
        with closing(sqlite3.connect(file)) as raw:
            return list(raw.iterdump())

    before = dump()
    with closing(StateManager(open_store("sqlite", path=file))) as state:
        checked(state)
    assert dump() == before


def test_an_abandoned_check_leaves_the_state_usable(worn: StateManager) -> None:
    next(worn.verify())
    assert worn.save("global", "k", 1).version == 1
    assert checked(worn)[2] == []


def test_entries_of_this_process_alone_are_no_disagreement(
    open_desk: Callable[..., Any],
) -> None:
    """The journal knows nothing of ephemeral entries, which may lie over stored ones."""
    state = open_desk("sqlite").state
    state.save("s", "k", 1)
    state.save("s", "k", 2, state_class="ephemeral")
    state.save("s", "alone", 2, state_class="ephemeral")
    assert checked(state)[2] == []
