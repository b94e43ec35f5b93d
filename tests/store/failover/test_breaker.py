"""When the breaker opens, when a probe is due, and what counts as an outage."""

import pytest

from llmspell.errors import StorageError, VersionConflict
from llmspell.store.failover.breaker import LONGEST_RETRY_S, Breaker, is_outage


class Seconds:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def breaker_of(seconds: Seconds, *, chance: float = 0.5, retry_s: float = 5.0) -> Breaker:
    return Breaker(failures=3, retry_s=retry_s, now=seconds, chance=lambda: chance)


def test_only_failures_in_a_row_open_it(seconds: Seconds) -> None:
    breaker = breaker_of(seconds)
    assert [breaker.failed(), breaker.failed()] == [False, False]
    breaker.close()
    assert [breaker.failed(), breaker.failed()] == [False, False]
    assert breaker.state == "closed"
    assert breaker.failed()
    assert breaker.state == "open"


def test_a_probe_is_due_after_the_retry_time(seconds: Seconds) -> None:
    breaker = breaker_of(seconds)
    breaker.open()
    assert breaker.wait_s() == 5.0
    seconds.now += 4
    assert breaker.wait_s() == 1.0
    seconds.now += 4
    assert breaker.wait_s() == 0.0


def test_the_wait_doubles_with_each_failed_probe_up_to_a_minute(seconds: Seconds) -> None:
    breaker, waits = breaker_of(seconds), []
    for _ in range(100):
        breaker.open()
        waits.append(breaker.wait_s())
        breaker.probe()
        assert breaker.state == "half-open"
    assert waits[:6] == [5, 10, 20, 40, LONGEST_RETRY_S, LONGEST_RETRY_S]
    breaker.close()
    breaker.open()
    assert breaker.wait_s() == 5.0


@pytest.mark.parametrize(("chance", "wait_s"), [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
def test_the_wait_varies_by_a_fifth_at_random(
    seconds: Seconds, chance: float, wait_s: float
) -> None:
    breaker = breaker_of(seconds, chance=chance)
    breaker.open()
    assert breaker.wait_s() == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("reason", "outage"),
    [
        ("unavailable", True),
        ("io", True),
        ("timeout", True),
        ("unknown_outcome", True),
        ("locked", False),
        ("disk_full", False),
        ("read_only", False),
        ("corrupt", False),
        ("authentication", False),
        ("newer_version", False),
        ("not_a_database", False),
    ],
)
def test_a_store_that_answers_is_not_away_whatever_it_says(reason: str, outage: bool) -> None:
    assert is_outage(StorageError("?", reason=reason)) is outage


def test_a_refusal_is_not_an_outage() -> None:
    assert not is_outage(VersionConflict("?"))
    assert not is_outage(ValueError())
