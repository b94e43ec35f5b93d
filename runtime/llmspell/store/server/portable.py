"""Any database server that SQLAlchemy has a dialect for: best effort, the driver the url names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from llmspell.errors import ConfigError, FeatureUnavailable
from llmspell.store.server.portable_errors import portable_failure
from llmspell.store.server.portable_session import PortableSession
from llmspell.store.server.session import Failure

__all__ = ["PortableDriver"]

_PATIENCE_S: Final = 10.0
#: What is said first on each connection; ``{s}`` and ``{ms}`` are how long a lock is waited for.
_SET_UP: Final = {
    "mysql": ("SET SESSION innodb_lock_wait_timeout = {s}",),
    "mariadb": ("SET SESSION innodb_lock_wait_timeout = {s}",),
    "sqlite": (
        "PRAGMA busy_timeout = {ms}",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
    ),
}
#: The isolation level at which a transaction sees one moment, where it is not the usual name.
_SNAPSHOT_LEVELS: Final = {"sqlite": "SERIALIZABLE", "mssql": "SNAPSHOT", "oracle": "SERIALIZABLE"}


class PortableDriver:
    """See Driver. ``patience_s`` is the url's ``connect_timeout``, where its driver knows that."""

    def __init__(self, url: URL, *, busy_timeout_ms: int) -> None:
        self.error: tuple[type[Exception], ...] = (SQLAlchemyError,)
        self._engine = _engine(url)
        self.name = self._engine.dialect.name
        self.location = _location(url)
        timeout = url.query.get("connect_timeout")
        self.patience_s = float(timeout) if isinstance(timeout, str) else _PATIENCE_S
        seconds = max(1, busy_timeout_ms // 1000)
        texts = [text.format(s=seconds, ms=busy_timeout_ms) for text in _SET_UP.get(self.name, ())]
        if self.name == "sqlite":
            _leave_transactions_alone(self._engine)
        _begin_connections_with(self._engine, texts)

    def connect(self) -> PortableSession:
        connection = self._engine.connect()
        level = _SNAPSHOT_LEVELS.get(self.name, "REPEATABLE READ")
        return PortableSession(connection, snapshot_level=level)

    def connect_writer(self) -> PortableSession:
        return self.connect()

    def connect_listener(self) -> PortableSession:
        return self.connect()

    def failure(self, error: Exception) -> Failure:
        return portable_failure(error, self.name, self.location)


#: Modules whose packages have other names.
_PACKAGES: Final = {"MySQLdb": "mysqlclient"}


def _engine(url: URL) -> Engine:
    # The messages of SQLAlchemy about a bad url quote parts of it.
    try:
        return create_engine(url, poolclass=NullPool)
    except NoSuchModuleError:
        raise ConfigError(
            f"there is no database driver for {url.drivername!r}",
            hint="use postgresql://, mysql+pymysql:// or another dialect of SQLAlchemy",
        ) from None
    except ImportError as error:
        missing = error.name or "the package it needs"
        raise FeatureUnavailable(
            f"the driver for {url.drivername!r} is not installed",
            hint=f"pip install {_PACKAGES.get(missing, missing)}",
            backend=url.drivername,
        ) from error
    except (ArgumentError, TypeError, ValueError):
        raise ConfigError(
            "the url of the store has options that its driver does not know",
            hint="write dialect+driver://user:password@host:port/database",
        ) from None


def _leave_transactions_alone(engine: Engine) -> None:
    """Begin every transaction, which Python's module does for some statements only."""

    def take_over(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", take_over)
    event.listen(engine, "begin", begin)


def _begin_connections_with(engine: Engine, texts: Sequence[str]) -> None:
    def set_up(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for text in texts:
            cursor.execute(text)
        cursor.close()

    event.listen(engine, "connect", set_up)


def _location(url: URL) -> str:
    port = f":{url.port}" if url.port else ""
    return f"{url.host or ''}{port}/{url.database or ''}"
