"""One connection of a driver: its raw object, one cursor, and the lock that guards both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

__all__ = ["Connection"]


class Connection:
    """Owns a driver connection and closes it when it is dropped.

    That is how the connection of a thread that ended goes away. ``execute`` belongs to one
    cursor that is used again and again, since making one costs a tenth of a read.
    """

    __slots__ = ("__weakref__", "closed", "execute", "lock", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.execute = raw.cursor().execute
        self.lock = Lock()
        self.closed = False

    @contextmanager
    def moment(self) -> Iterator[None]:
        """See one moment in all reads of the block. An interrupt leaves no transaction behind."""
        try:
            self.execute("BEGIN")
            yield
        finally:
            if self.raw.in_transaction:
                self.execute("ROLLBACK")

    def close(self) -> None:
        """Close the driver's connection. May be called again."""
        self.closed = True
        self.raw.close()

    def __del__(self) -> None:
        self.close()
