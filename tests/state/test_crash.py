"""Killed at any moment, process or server, a store has all it acknowledged and nothing by half."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from llmspell.cli import main
from llmspell.state.manager import StateManager
from postgres_server import PostgresServer

from . import crash_loops
from .beside import wait_until
from .crash_loops import (
    BATCH_EVERY,
    BRIEF_S,
    FLUSH_MS,
    KEPT_CHANGES,
    LASTING_KEYS,
    LOOPS,
    TOTAL,
    open_state,
)

ROUNDS: Final = 2
#: How long a flush may take on a busy machine.
SLACK_S: Final = 1.0
#: The latest moment to kill; flushes need one so late that something must have been flushed.
LATEST_S: Final = {"flush": SLACK_S + 0.4}
USUAL_LATEST_S: Final = 0.25
#: How many versions of a key are looked at one by one.
VERSIONS: Final = 1000


class Acknowledged(NamedTuple):
    """A number all of whose calls had returned, and when that was."""

    number: int
    at_ns: int


class Worker:
    """A process that runs a loop, and the numbers it wrote down."""

    def __init__(self, place: str, loop: str, told: Path) -> None:
        self._told = told
        with told.open("wb") as output:
            command = [sys.executable, crash_loops.__file__, place, loop]
            self._process = subprocess.Popen(command, stdout=output)
        wait_until(lambda: self.acknowledged() != [] or self._process.poll() is not None)

    def acknowledged(self) -> list[Acknowledged]:
        """Return what it wrote down so far. A line that was cut short does not count."""
        lines = self._told.read_bytes().rpartition(b"\n")[0].splitlines()
        return [Acknowledged(*map(int, line.split())) for line in lines]

    def kill(self) -> None:
        """End it with SIGKILL. It must have been at work until then."""
        assert self._process.poll() is None, "it ended by itself"
        self.end()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


Crash = Callable[[Worker, str, int], int]


@pytest.fixture(params=["sqlite", "rocksdb", "postgresql", "server"])
def killed(request: pytest.FixtureRequest) -> str:
    """What is killed: a process that uses the backend, or the server itself."""
    return str(request.param)


@pytest.fixture
def place(request: pytest.FixtureRequest, killed: str, tmp_path: Path) -> str:
    if killed in ("postgresql", "server"):
        return str(request.getfixturevalue("postgres_url")) + "&connect_timeout=20"
    return f"{killed}:{tmp_path / 'store'}"


@pytest.fixture
def crash(request: pytest.FixtureRequest, killed: str) -> Crash:
    """Make a crash happen. Returns when it did: what was acknowledged before it must stay."""

    def kill_process(worker: Worker, _: str, round_: int) -> int:
        at_ns = time.monotonic_ns()
        worker.kill()
        return at_ns

    def kill_server(worker: Worker, place: str, round_: int) -> int:
        server: PostgresServer = request.getfixturevalue("postgres")
        at_ns = time.monotonic_ns()
        server.kill()
        if round_ % 2:
            latest = worker.acknowledged()[-1].number
            server.start()
            await_number(place, latest + 1)
            worker.kill()
        else:
            worker.kill()
            server.start()
        return at_ns

    return kill_server if killed == "server" else kill_process


def await_number(place: str, number: int) -> None:
    """Wait until the loop has come so far, as another process sees it."""
    state = open_state(place)
    wait_until(lambda: state.load("s", "n", 0) > number)
    state.close()


@pytest.fixture
def start(tmp_path: Path, place: str) -> Iterator[Callable[[str], Worker]]:
    """Start workers, none of which outlives the test."""
    workers: list[Worker] = []

    def start(loop: str) -> Worker:
        workers.append(Worker(place, loop, tmp_path / "told"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.end()


@pytest.mark.parametrize("loop", LOOPS)
def test_what_was_acknowledged_survives_whole(
    killed: str,
    place: str,
    loop: str,
    crash: Crash,
    start: Callable[[str], Worker],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After each crash the next process goes on; in the end the command finds nothing wrong."""
    moments = random.Random(f"{killed} {loop}")
    for round_ in range(ROUNDS):
        worker = start(loop)
        latest_s = LATEST_S.get(loop, USUAL_LATEST_S)
        time.sleep(moments.uniform(0, latest_s) if round_ else latest_s)
        at_ns = crash(worker, place, round_)
        state = open_state(place)
        number = check_number(state, worker.acknowledged(), loop, at_ns)
        CHECKS[loop](state, number)
        check_versions(state, one_by_one=loop != "flush")
        assert [problem for step in state.verify() for problem in step.problems] == []
        state.save("s", "after", round_)
        state.close()
    assert run_verify(place, tmp_path) == 0
    assert capsys.readouterr().out.startswith("all well: ")


def check_number(
    state: StateManager, acknowledged: list[Acknowledged], loop: str, at_ns: int
) -> int:
    """Check that the number is the last one acknowledged in time, or of the call that was killed."""
    promised_ns = time.monotonic_ns()
    if loop == "flush":
        promised_ns = at_ns - (FLUSH_MS * 1_000_000 + round(SLACK_S * 1e9))
    least = max((each.number for each in acknowledged if each.at_ns < promised_ns), default=0)
    number: int = state.load("s", "n", 0)
    assert least <= number <= acknowledged[-1].number + 1
    metadata = state.get_metadata("s", "n")
    assert metadata is not None
    assert metadata.version == number
    return number


def check_saved(state: StateManager, number: int) -> None:
    """The larger values are there too; one may be of the next number, which was under way."""
    for earlier in range(max(1, number - LASTING_KEYS + 2), number + 1):
        assert state.load("s", f"k{earlier % LASTING_KEYS}") == [earlier] * 40


def check_compacted(state: StateManager, number: int) -> None:
    """Whatever is left of the history, it is the latest part, and at least what must be kept."""
    check_saved(state, number)
    versions = state.history("s", "n", values=True)
    kept = [version.value for version in versions]
    assert kept == list(range(number, number - len(kept), -1))
    # One of two changes is the number's, but for what was under way and what the test saves.
    assert len(kept) >= min(number, KEPT_CHANGES // 2 - 2)


def check_transferred(state: StateManager, number: int) -> None:
    """All three entries were written as often, and every pair of versions has the same total."""
    keys = [("bank", "left"), ("bank", "right"), ("s", "n")]
    known = [state.get_metadata(*key) for key in keys]
    assert [metadata and metadata.version for metadata in known] == [number] * 3
    left, right, _ = (state.history(*key, limit=VERSIONS, values=True) for key in keys)
    assert {a.value + b.value for a, b in zip(left, right, strict=True)} == {TOTAL}


def check_accepted(state: StateManager, number: int) -> None:
    """What was lost is the end: no number is there without the transaction before it."""
    left, right = (state.load("bank", key) for key in ("left", "right"))
    assert left + right == TOTAL
    latest = (number - 1) // BATCH_EVERY * BATCH_EVERY + 1
    assert right == latest or right == number + 1 == latest + BATCH_EVERY
    versions = state.history("s", "n", limit=VERSIONS, values=True)
    assert [version.value for version in versions] == [version.version for version in versions]


def check_expired(state: StateManager, number: int) -> None:
    """What has not expired is there, what has is not, and each expiry is told once."""
    assert state.load("s", "lasting") in (number, number + 1)
    time.sleep(2 * BRIEF_S)
    assert state.list_keys("brief") == []
    for _ in state.compact():
        pass
    operations = [version.op for version in state.history("brief", "k1", limit=VERSIONS)]
    assert operations[0] == "expire"
    assert ("expire", "expire") not in pairwise(operations)


CHECKS: Final[dict[str, Callable[[StateManager, int], None]]] = {
    "save": check_saved,
    "transaction": check_transferred,
    "compaction": check_compacted,
    "flush": check_accepted,
    "sweep": check_expired,
}


def check_versions(state: StateManager, *, one_by_one: bool) -> None:
    """Check that each entry is what its history ends with, and that no version is missing there.

    Of what was put together in one flush only the last version is in the history.
    """
    for scope in state.list_scopes():
        for key in state.list_keys(scope):
            metadata = state.get_metadata(scope, key)
            history = state.history(scope, key, limit=VERSIONS, values=True)
            assert metadata is not None
            assert history[0].version == metadata.version
            assert history[0].value == state.load(scope, key)
            steps = {later.version - earlier.version for later, earlier in pairwise(history)}
            assert all(step == 1 if one_by_one else step > 0 for step in steps)


def run_verify(place: str, folder: Path) -> int:
    """Run ``llmspell state verify`` on a place and return its exit code."""
    backend, _, path = place.partition(":")
    where = f'url = "{place}"' if backend == "postgresql" else f'path = "{path}"'
    config = folder / "llmspell.toml"
    config.write_text(f'[state]\nbackend = "{backend}"\n{where}\n', encoding="utf-8")
    return main(["-c", str(config), "state", "verify"])
