"""Processes that share a PostgreSQL server go on, exactly, when it is killed and started again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from llmspell.state.watches import Event
from postgres_server import PostgresServer

from .beside import finish, wait_until
from .crowd import Crowd, release


@pytest.fixture
def crowd(postgres_url: str) -> Iterator[Crowd]:
    crowd = Crowd(backend="postgresql", url=postgres_url + "&connect_timeout=20")
    yield crowd
    crowd.close()


COUNT_AND_MOVE = """
import random

def move(tx):
    left, right = tx.load("bank", "left", 1000), tx.load("bank", "right", 0)
    assert left + right == 1000
    amount = random.randint(-50, 50)
    tx.save("bank", "left", left - amount)
    tx.save("bank", "right", right + amount)

ready()
end = time.monotonic() + 3
count = 0
while time.monotonic() < end:
    state.increment("s", "n")
    state.run_transaction(move)
    count += 1
print(count)
"""


def test_every_step_is_made_once_and_told_once(postgres: PostgresServer, crowd: Crowd) -> None:
    """No commit whose answer got lost is made again or forgotten, by three writers and a watcher."""
    state = crowd.open()
    seen: list[int] = []

    def note(event: Event) -> None:
        seen.append(event.value)

    state.watch("s", "n", note)
    programs = [crowd.start(COUNT_AND_MOVE) for _ in range(3)]
    release(programs)
    for _ in range(2):
        time.sleep(0.4)
        postgres.kill()
        postgres.start()
    count = sum(map(int, finish(*programs)))
    assert state.load("s", "n") == count
    wait_until(lambda: len(seen) >= count)
    assert seen == list(range(1, count + 1))
    accounts = [state.history("bank", key, values=True) for key in ("left", "right")]
    assert [versions[0].version for versions in accounts] == [count, count]
    assert {left.value + right.value for left, right in zip(*accounts, strict=True)} == {1000}
    assert [problem for step in state.verify() for problem in step.problems] == []


TAKE_TURNS = """
ready()
for _ in range(8):
    lease = state.acquire_lock("s", "door", wait=60)
    turn = state.load("s", "turn", 0)
    time.sleep(0.02)
    state.save("s", "turn", turn + 1)
    try:
        lease.release()
    except LlmSpellError as error:
        # It was given back, but the next one had taken it before the server could say so.
        assert error.details["reason"] == "unknown_outcome"
print("done")
"""


def test_a_lock_is_still_held_by_one_at_a_time(postgres: PostgresServer, crowd: Crowd) -> None:
    """Who holds it when the server goes still holds it, and gives it back."""
    programs = [crowd.start(TAKE_TURNS) for _ in range(3)]
    release(programs)
    time.sleep(0.2)
    postgres.kill()
    postgres.start()
    assert finish(*programs) == ["done"] * 3
    assert crowd.open().load("s", "turn") == 24
