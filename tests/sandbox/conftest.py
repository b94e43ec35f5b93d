"""Fixtures: the answers of the host programs, asked for by two at a time and ahead of the tests."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .attacks.row import Attack, Supervised
from .hosts.budget import PLENTY_S, TIMEOUT_S
from .hosts.client import Host

AT_ONCE = 2
SUPERVISED_TIMEOUT = "300ms"

Answer = dict[str, Any]
Ask = Callable[[Attack], Answer]


class Crew:
    """Some processes of one host program, and what they answered to which attack.

    What all the selected tests are going to ask is asked as soon as the first of them does.
    """

    def __init__(self, ask: Callable[[Attack], Answer]) -> None:
        self._ask = ask
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._answers: dict[str, Future[Answer]] = {}

    def expect(self, attacks: list[Attack]) -> None:
        for attack in attacks:
            if attack.name not in self._answers:
                self._answers[attack.name] = self._pool.submit(self._ask, attack)

    def __call__(self, attack: Attack) -> Answer:
        self.expect([attack])
        return self._answers[attack.name].result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class Processes:
    """One host process for each thread that asks."""

    def __init__(self, *program: str) -> None:
        self._program = program
        self._mine = threading.local()
        self._all: list[Host] = []

    def ask(self, **request: Any) -> Answer:
        host = getattr(self._mine, "host", None)
        if host is None:
            host = self._mine.host = Host(*self._program)
            self._all.append(host)
        return host.ask(**request)

    def close(self) -> None:
        for host in self._all:
            host.close()


def attacks_of(request: pytest.FixtureRequest, fixture: str) -> list[Attack]:
    """Return the rows that the selected tests are going to ask this fixture about."""
    return [
        item.callspec.params["attack"]
        for item in request.session.items
        if fixture in getattr(item, "fixturenames", ()) and hasattr(item, "callspec")
    ]


def crew_of(
    request: pytest.FixtureRequest, program: tuple[str, ...], asked: Callable[[Attack], Answer]
) -> Iterator[Ask]:
    processes = Processes(*program)
    crew = Crew(lambda attack: processes.ask(**asked(attack)))
    crew.expect(attacks_of(request, str(request.fixturename)))
    yield crew
    crew.close()
    processes.close()


@pytest.fixture(scope="session")
def bare(request: pytest.FixtureRequest) -> Iterator[Ask]:
    yield from crew_of(
        request,
        ("bare",),
        lambda attack: {
            "language": attack.language,
            "script": attack.bare_script or attack.script,
            "kind": attack.bare.kind,
            "in_tree": attack.in_tree,
        },
    )


def held_at(isolation: str) -> Callable[[Attack], Answer]:
    """Return what asks a host of this isolation level about an attack."""
    return lambda attack: {
        "language": attack.language,
        "script": attack.script,
        "in_tree": attack.in_tree,
        "timeout_s": TIMEOUT_S if attack.is_about_time(isolation) else PLENTY_S,
    }


@pytest.fixture(scope="session")
def inline(request: pytest.FixtureRequest) -> Iterator[Ask]:
    yield from crew_of(request, ("held", "inline"), held_at("inline"))


@pytest.fixture(scope="session")
def process(request: pytest.FixtureRequest) -> Iterator[Ask]:
    yield from crew_of(request, ("held", "process"), held_at("process"))


@pytest.fixture(scope="session")
def supervised(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ask]:
    folder = tmp_path_factory.mktemp("supervised")

    def run(attack: Attack) -> Answer:
        assert isinstance(attack.held, Supervised)
        file = folder / f"{abs(hash(attack.name))}.{attack.language}"
        file.write_text(attack.script, encoding="utf-8")
        return _command(folder, "run", "-p", "minimal", "--timeout", SUPERVISED_TIMEOUT, str(file))

    crew = Crew(run)
    crew.expect(attacks_of(request, "supervised"))
    yield crew
    crew.close()


def _command(folder: Path, *arguments: str) -> Answer:
    done = subprocess.run(
        [sys.executable, "-m", "llmspell.cli", *arguments],
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return {"code": done.returncode, "stderr": done.stderr.decode(errors="replace")}
