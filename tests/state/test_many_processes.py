"""Four processes work on one store, a PostgreSQL server or an SQLite file, as if they were one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from llmspell.state.watches import Event

from .beside import Program, end, finish, go, line, wait_until
from .crowd import Crowd, release

FOUR: Final = range(4)


@pytest.fixture(params=["sqlite", "postgresql"])
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crowd]:
    if request.param == "sqlite":
        crowd = Crowd(backend="sqlite", path=str(tmp_path / "state.db"))
    else:
        url = request.getfixturevalue("postgres_url")
        crowd = Crowd(backend="postgresql", url=url)
    yield crowd
    crowd.close()


def told(programs: list[Program]) -> list[list[Any]]:
    """Wait for programs, which must succeed, and return what each told."""
    return [[json.loads(each) for each in text.splitlines()] for text in finish(*programs)]


# Updates -----------------------------------------------------------------------------------------

COUNT = """
def increment():
    state.increment("s", "n")

def update():
    state.update("s", "n", lambda number: number + 1, default=0)

def transaction():
    state.run_transaction(lambda tx: tx.save("s", "n", tx.load("s", "n", 0) + 1))

def if_version():
    while True:
        metadata = state.get_metadata("s", "n")
        number = 0 if metadata is None else metadata.version
        try:
            state.save("s", "n", number + 1, if_version=number)
            return
        except VersionConflict:
            pass

ready()
for _ in range(40):
    globals()[args[0]]()
"""
WAYS: Final = ("increment", "update", "transaction", "if_version")


def test_no_update_is_lost_whichever_way_it_is_made(crowd: Crowd) -> None:
    """Each process counts in its own way on one key, and each number appears once."""
    programs = [crowd.start(COUNT, way) for way in WAYS]
    release(programs)
    told(programs)
    versions = crowd.open().history("s", "n", values=True)
    assert [version.value for version in versions] == list(range(160, 0, -1))
    assert [version.version for version in versions] == list(range(160, 0, -1))


LEAVE = """
names = ["a", "b", "c", "d"]
me, attempts = names[int(args[0])], 0

def leave(tx):
    global attempts
    attempts += 1
    there = [name for name in names if tx.load("duty", name)]
    if attempts == 1:
        ready()
    if len(there) > 1:
        tx.save("duty", me, False)
    return len(there)

tell(state.run_transaction(leave), attempts)
"""


def test_four_that_each_saw_the_others_on_duty_do_not_all_leave(crowd: Crowd) -> None:
    """Each reads what the others write and writes only its own: no two of these both pass."""
    state = crowd.open()
    state.save_many("duty", dict.fromkeys("abcd", True))
    programs = [crowd.start(LEAVE, number) for number in FOUR]
    release(programs)
    results = sorted(tuple(facts[-1]) for facts in told(programs))
    assert [seen for seen, _ in results] == [1, 2, 3, 4]
    assert all(attempts > 1 for seen, attempts in results if seen < 4)
    assert sorted(state.load_many("duty", list("abcd")).values()) == [False, False, False, True]


WRITE_IN_THREADS = """
mine = int(args[0])

def work(number):
    for count in range(1, 16):
        metadata = state.save("s", f"{mine}-{number}", count)
        assert metadata.version == count
        assert state.load("s", f"{mine}-{number}") == count
        state.increment("s", "n")

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
ready()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
tell(*state.load_many("s", [f"{mine}-{number}" for number in range(8)]).values())
"""


def test_threads_of_two_processes_that_share_commits_lose_nothing(crowd: Crowd) -> None:
    """Eight threads each save, read that at once, and count together on one key."""
    programs = [crowd.start(WRITE_IN_THREADS, number) for number in range(2)]
    release(programs)
    assert [facts[-1] for facts in told(programs)] == [[15] * 8] * 2
    state = crowd.open()
    assert state.load("s", "n") == 2 * 8 * 15
    assert [problem for step in state.verify() for problem in step.problems] == []


# Locks -------------------------------------------------------------------------------------------

TAKE_TURNS = """
ready()
for _ in range(12):
    with state.lock("s", "door", wait=60) as lease:
        assert state.load("s", "inside") is None
        state.save("s", "inside", os.getpid())
        turn = state.load("s", "turn", 0)
        time.sleep(0.002)
        state.save("s", "turn", turn + 1)
        state.delete("s", "inside")
    tell(turn, lease.token)
"""


def test_one_at_a_time_holds_a_lock_and_each_has_a_higher_token(crowd: Crowd) -> None:
    """What is done under it needs no other care: a count that is read and saved is exact."""
    programs = [crowd.start(TAKE_TURNS) for _ in FOUR]
    release(programs)
    turns = sorted(tuple(fact) for facts in told(programs) for fact in facts if fact)
    assert [turn for turn, _ in turns] == list(range(48))
    tokens = [token for _, token in turns]
    assert tokens == sorted(set(tokens))


HOLD = """
begun = time.monotonic()
lease = state.acquire_lock("s", "door", ttl=float(args[0]))
tell(begun, lease.token)
sys.stdin.readline()
"""


def test_the_lock_of_a_killed_holder_is_free_when_it_has_run_out(crowd: Crowd) -> None:
    """Not before that, and the next token is higher than the dead one's."""
    state = crowd.open()
    holder = crowd.start(HOLD, 1)
    begun, dead = json.loads(line(holder))
    end(holder)
    with state.lock("s", "door", wait=30) as lease:
        assert lease.token > dead
        assert time.monotonic() - begun > 0.9


# Watching ----------------------------------------------------------------------------------------

WATCH_AND_WRITE = """
events = state.subscribe()
events.watch("s")
ready()
for count in range(1, 16):
    state.save("s", args[0], count)
state.delete("s", args[0])
seen, delays = [], []
while len(seen) < 64:
    taken = events.take(20)
    assert taken, f"only {len(seen)} of 64 changes were told"
    delays += [time.time() - event.at_us / 1e6 for _, event in taken]
    seen += [[event.key, event.version] for _, event in taken]
tell(max(delays), seen, len(events.take(0.3)))
"""


def test_all_who_watch_are_told_of_every_change_once_in_one_order(crowd: Crowd) -> None:
    """Own changes and those of others come in the same order everywhere, and soon."""
    programs = [crowd.start(WATCH_AND_WRITE, number) for number in FOUR]
    release(programs)
    results = [facts[-1] for facts in told(programs)]
    orders = [seen for _, seen, _ in results]
    assert orders == [orders[0]] * 4
    for name in FOUR:
        assert [version for key, version in orders[0] if key == str(name)] == list(range(1, 17))
    assert [more for _, _, more in results] == [0] * 4
    assert max(delay for delay, _, _ in results) < 5


WRITE_WHEN_TOLD = """
for asked in sys.stdin:
    state.save("s", "k", asked.strip())
    tell(time.time())
"""


def test_a_change_of_another_process_is_told_within_two_seconds(crowd: Crowd) -> None:
    state, other = crowd.open(), crowd.start(WRITE_WHEN_TOLD)
    told_at: list[float] = []

    def note(event: Event) -> None:
        told_at.append(time.time())

    state.watch("s", "", note)
    delays = []
    for _ in range(5):
        time.sleep(0.05)
        go(other)
        (saved_at,) = json.loads(line(other))
        wait_until(lambda: len(told_at) > len(delays))
        delays.append(told_at[-1] - saved_at)
    assert max(delays) < 2
    assert len(told_at) == 5


# The cache ---------------------------------------------------------------------------------------

PASS_ON = """
for asked in sys.stdin:
    number = int(asked)
    found = state.load("s", "k", 0), state.load_many("s", ["k", "twin"]).get("k", 0)
    state.save_many("s", {"k": number, "twin": number})
    tell(*found, state.load("s", "k"))
"""


def test_a_load_finds_what_any_process_has_said_it_saved(crowd: Crowd) -> None:
    """A value goes round four processes, and each has the one before it in its cache."""
    programs = [crowd.start(PASS_ON) for _ in FOUR]
    for number in range(1, 61):
        program = programs[number % 4]
        assert program.stdin is not None
        print(number, file=program.stdin, flush=True)
        assert json.loads(line(program)) == [number - 1, number - 1, number]


SAVE_AND_TELL = """
ready()
end = time.monotonic() + 1.0
number = 0
while time.monotonic() < end:
    number += 1
    state.save("s", "k", number)
    tell(number, time.monotonic())
    time.sleep(0.004)
"""
LOAD_AND_TELL = """
state.load("s", "k")
ready()
end = time.monotonic() + 1.4
while time.monotonic() < end:
    begun = time.monotonic()
    number = state.load("s", "k", 0)
    tell(number, begun)
    time.sleep(0.002)
tell(state.get_stats()["cache"]["hits"])
"""


ALLOWED_MS: Final = (0, 0, 200, 200)


def test_a_load_is_never_older_than_was_allowed(postgres_url: str) -> None:
    """Nor older than the load before it; and with some age allowed the cache is of use."""
    crowd = Crowd(backend="postgresql", url=postgres_url)
    try:
        crowd.open()
        readers = [crowd.start(LOAD_AND_TELL, max_stale_ms=age_ms) for age_ms in ALLOWED_MS]
        writer = crowd.start(SAVE_AND_TELL)
        release([*readers, writer])
        *loaded, saved = told([*readers, writer])
    finally:
        crowd.close()
    for age_ms, (*loads, (hits,)) in zip(ALLOWED_MS, loaded, strict=True):
        assert (hits > 0) == (age_ms > 0)
        numbers = [number for number, _ in loads]
        assert numbers == sorted(numbers)
        assert numbers[-1] > 0
        for number, begun in loads:
            seen_by = begun - age_ms / 1000
            assert number >= max((each for each, at in saved if at < seen_by), default=0)
