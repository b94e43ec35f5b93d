"""A failover store over a primary whose failures are switched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmspell.store.failover.store import FailoverStore
from llmspell.testing import ManualClock

from .outages import Primary


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def primary(clock: ManualClock) -> Primary:
    return Primary(clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "failover.db"


@pytest.fixture
def store(primary: Primary, path: Path) -> Iterator[FailoverStore]:
    store = primary.failover(path)
    yield store
    store.close()
