"""The loop that runs what is due: nothing ends it but who is asked to."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from llmspell.backup.scheduler import Scheduler
from llmspell.errors import RuntimeClosed

LONG_S = 30.0


class Runs:
    """Counts the runs, and lets a test wait for one."""

    def __init__(self, fail: Callable[[], None] = lambda: None) -> None:
        self._changed = threading.Condition()
        self._fail = fail
        self.count = 0

    def __call__(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
        self._fail()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, LONG_S)


def in_ms(ms: int) -> Callable[[], int]:
    return lambda: time.time_ns() // 1000 + ms * 1000


def scheduler(runs: Callable[[], object], next_at: Callable[[], int]) -> Scheduler:
    return Scheduler(runs, next_at, look_every_s=0.02, pause_s=0.001)


def test_it_runs_at_once_and_again_each_time_it_is_time() -> None:
    runs = Runs()
    with Scheduler(runs, lambda: time.time_ns() // 1000 + 5000, pause_s=0.001):
        runs.wait_for(3)


def test_it_waits_for_the_time_that_was_asked_for() -> None:
    runs = Runs()
    with scheduler(runs, in_ms(3_600_000)):
        runs.wait_for(1)
        time.sleep(0.1)
        assert runs.count == 1


def test_what_fails_is_logged_and_the_next_time_comes(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError("the disk of alice@example.com is full")

    runs = Runs(fail)
    with (
        caplog.at_level(logging.ERROR, "llmspell.backup.scheduler"),
        Scheduler(runs, in_ms(1), pause_s=0.001),
    ):
        runs.wait_for(3)
    assert "a backup that was due failed" in caplog.text
    assert "alice@example.com" not in caplog.text


def test_a_next_time_that_cannot_be_found_out_does_not_end_it() -> None:
    def fail() -> int:
        raise ValueError("no schedule")

    runs = Runs()
    with scheduler(runs, fail):
        runs.wait_for(2)


def test_a_clock_that_is_set_back_brings_the_next_time_nearer() -> None:
    answers = [in_ms(3_600_000)]
    runs = Runs()
    with scheduler(runs, lambda: answers[-1]()):
        runs.wait_for(1)
        answers.append(lambda: 0)
        runs.wait_for(2)


def test_close_waits_for_what_is_being_done() -> None:
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        assert may_end.wait(LONG_S)
        ended.set()

    running = scheduler(work, in_ms(3_600_000))
    running.start()
    assert began.wait(LONG_S)
    threading.Timer(0.05, may_end.set).start()
    running.close()
    assert ended.is_set()
    running.close()


def test_it_can_be_closed_by_what_it_runs() -> None:
    closed = threading.Event()

    def work() -> None:
        running.close()
        closed.set()

    running = scheduler(work, in_ms(1))
    running.start()
    assert closed.wait(LONG_S)


def test_it_starts_once_and_not_after_it_was_closed() -> None:
    runs = Runs()
    running = scheduler(runs, in_ms(3_600_000))
    before = threading.enumerate()  # the thread of a test before may still be about to end
    running.start()
    running.start()
    runs.wait_for(1)
    names = [thread.name for thread in threading.enumerate() if thread not in before]
    assert names.count("llmspell-backups") == 1
    running.close()
    with pytest.raises(RuntimeClosed):
        running.start()


def test_closing_what_never_started_is_nothing() -> None:
    scheduler(Runs(), in_ms(1)).close()


def test_in_the_foreground_it_runs_until_it_is_told_to_stop() -> None:
    stop = threading.Event()
    runs = Runs(lambda: stop.set() if runs.count == 3 else None)
    scheduler(runs, in_ms(1)).run_foreground(stop)
    assert runs.count == 3


def test_an_interrupt_ends_the_foreground() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scheduler(interrupt, in_ms(1)).run_foreground(threading.Event())
