"""PostgreSQL, and what speaks its protocol: connecting over psycopg 3."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL

from llmspell.errors import ConfigError, FeatureUnavailable, StorageError
from llmspell.store.server.postgres_errors import postgres_failure
from llmspell.store.server.postgres_words import DIALECT
from llmspell.store.server.session import Failure, closing_on_failure

if TYPE_CHECKING:
    from llmspell.store.server.postgres_session import PostgresSession, Variant

__all__ = ["PostgresDriver"]

_CONNECT_TIMEOUT_S: Final = 10
# A server that vanished without a word is noticed after a minute, instead of two hours.
_DEFAULTS: Final[dict[str, Any]] = {
    "connect_timeout": _CONNECT_TIMEOUT_S,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "application_name": "llmspell",
}
#: A commit must not return before it is on disk; a stronger setting than that is kept.
_SET_UP: Final = """
SELECT set_config('lock_timeout', %s, false),
       set_config('idle_in_transaction_session_timeout', CASE %s::text WHEN '0' THEN
                  current_setting('idle_in_transaction_session_timeout') ELSE %s::text END, false),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                  WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
       version(), current_setting('server_encoding'), current_schema()
"""
_SCHEMA: Final = """
SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass('llmspell_meta')
"""


def _seconds(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        pass
    raise ConfigError("connect_timeout in the store's url is not a number", hint="give seconds")


class PostgresDriver:
    """See Driver. ``patience_s`` is the url's ``connect_timeout``."""

    name = "postgresql"

    def __init__(self, url: URL, *, busy_timeout_ms: int) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise FeatureUnavailable(
                "the postgresql store needs the package psycopg",
                hint="pip install 'llmspell[postgres]'",
                backend="postgresql",
            ) from error
        self.error: tuple[type[Exception], ...] = (psycopg.Error,)
        _, options = DIALECT.create_connect_args(url)
        self._options = {**_DEFAULTS, **options, "client_encoding": "utf8", "autocommit": True}
        self._options.pop("dsn", None)
        self._busy_timeout_ms = max(1, busy_timeout_ms)  # to PostgreSQL, 0 means for ever
        self.patience_s = _seconds(self._options["connect_timeout"])
        host = self._options.get("host") or "localhost"
        port = self._options.get("port")
        database = self._options.get("dbname") or self._options.get("user") or ""
        self.location = f"{host}{f':{port}' if port else ''}/{database}"

    def connect(self) -> PostgresSession:
        return self._connect(idle_timeout_ms=0)

    def connect_writer(self) -> PostgresSession:
        # Whoever falls asleep in the middle of a write must not keep all others waiting.
        return self._connect(idle_timeout_ms=self._busy_timeout_ms)

    def connect_listener(self) -> PostgresSession:
        session = self._connect(idle_timeout_ms=0)
        with closing_on_failure(session):
            session.listen()
        return session

    def failure(self, error: Exception) -> Failure:
        return postgres_failure(error, self.location)

    def _connect(self, *, idle_timeout_ms: int) -> PostgresSession:
        import psycopg
        from psycopg.types.numeric import Int8BinaryDumper
        from psycopg.types.string import StrBinaryDumper

        from llmspell.store.server.postgres_session import PostgresSession

        raw = psycopg.connect(**self._options)
        try:
            # One type for every number, so that a statement is prepared once.
            raw.adapters.register_dumper(int, Int8BinaryDumper)
            raw.adapters.register_dumper(str, StrBinaryDumper)
            return PostgresSession(raw, self._set_up(raw, idle_timeout_ms))
        except BaseException:
            raw.close()
            raise

    def _set_up(self, raw: Any, idle_timeout_ms: int) -> Variant:
        from llmspell.store.server.postgres_session import Variant

        idle = str(idle_timeout_ms)
        limits = (str(self._busy_timeout_ms), idle, idle)
        with raw.pipeline():
            first, second = raw.execute(_SET_UP, limits), raw.execute(_SCHEMA)
            *_, version, encoding, schema = first.fetchone()
            found = second.fetchone()
        if encoding.upper() not in ("UTF8", "UTF-8"):
            raise StorageError(
                f"the database {self.location} holds text as {encoding}",
                hint="create it with ENCODING 'UTF8'",
                reason="unavailable",
                location=self.location,
            )
        theirs = "CockroachDB" in version
        channel = sha256((found[0] if found else schema or "").encode()).hexdigest()[:16]
        return Variant(
            notify=not theirs and "-YB-" not in version,
            tells_sizes=not theirs,
            collations=not theirs,
            channel=f"llmspell_{channel}",
        )
