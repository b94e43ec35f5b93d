"""Fixtures for every folder of tests; and the whole suite is run by two processes."""

import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from postgres_server import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

#: Many tests start processes themselves, or a server: more at once would be in each other's way.
_AT_ONCE = 2

# What else the machine has to do is no failure of an example, as 200 ms for each would make it.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Share out the whole suite; what somebody chose from it is run here, and begins sooner."""
    option = config.option
    chosen = (
        config.args_source is not pytest.Config.ArgsSource.TESTPATHS
        or option.collectonly
        or option.keyword
        or option.markexpr
        or getattr(option, "lf", False)
        or getattr(option, "stepwise", False)
    )
    return 0 if chosen else min(_AT_ONCE, os.cpu_count() or 1)


def pytest_configure() -> None:
    """Let the programs that tests start hear signals, though nohup or ``&`` has this ignore them.

    What is ignored stays so in whatever is started; what has a handler begins with the default.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_collection_finish() -> None:
    """Let the collector leave alone what lasts, which is a great deal: it looks at it very often."""
    gc.collect()
    gc.freeze()
