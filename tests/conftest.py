"""Fixtures for every folder of tests; and the whole suite is run by two processes."""

import gc
import os

import pytest

from postgres_server import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

#: Many tests start processes themselves, or a server: more at once would be in each other's way.
_AT_ONCE = 2


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


def pytest_collection_finish() -> None:
    """Let the collector leave alone what lasts, which is a great deal: it looks at it very often."""
    gc.collect()
    gc.freeze()
