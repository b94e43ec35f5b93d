"""Opening a store on a database server by its URL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from llmspell.errors import ConfigError
from llmspell.store.clock import Clock, system_clock
from llmspell.store.server.session import Driver
from llmspell.store.server.store import ServerStore

__all__ = ["open_server"]

_PSYCOPG: Final = ("postgresql", "postgres", "postgresql+psycopg")


def open_server(
    url: str,
    *,
    durability: str = "commit",
    journal: bool = True,
    clock: Clock = system_clock,
    busy_timeout_ms: int = 30_000,
    max_stale_ms: int = 0,
) -> ServerStore:
    """Open the store on a database server, making its tables in the first schema if needed.

    ``postgresql://`` and ``postgres://`` mean psycopg 3; any other URL goes through SQLAlchemy
    and the driver it names. The url's ``connect_timeout`` (seconds, default 10) is also for
    how long a call tries again after a lost connection; opening itself does not wait.
    ``busy_timeout_ms`` is how long a write waits for another one's. With ``max_stale_ms``
    others' writes may show that much later, so that values can be cached.

    Raises FeatureUnavailable when the driver's package is missing, ConfigError for a url that
    cannot be meant, StorageError when the server refuses.
    """
    driver = _driver(_parse(url), busy_timeout_ms)
    return ServerStore(
        driver, durability=durability, journal=journal, clock=clock, max_stale_ms=max_stale_ms
    )


def _parse(url: str) -> URL:
    # Never show the URL: it may hold a password.
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        pass
    raise ConfigError(
        "the url of the store is not one",
        hint="write postgresql://user:password@host:5432/database",
    )


def _driver(url: URL, busy_timeout_ms: int) -> Driver:
    if url.drivername in _PSYCOPG:
        from llmspell.store.server.postgres import PostgresDriver

        return PostgresDriver(url, busy_timeout_ms=busy_timeout_ms)
    from llmspell.store.server.portable import PortableDriver

    return PortableDriver(url, busy_timeout_ms=busy_timeout_ms)
