"""What the errors of any database driver mean, by the numbers that are known."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy.exc import DBAPIError, DisconnectionError, ProgrammingError

from llmspell.errors import StorageError
from llmspell.store.server.session import Failure

__all__ = ["portable_failure"]


class _Cause(NamedTuple):
    reason: str
    what: str
    hint: str
    passing: bool = False
    uncertain: bool = False


_LOST: Final = _Cause(
    "unavailable",
    "does not answer",
    "check that the server runs, and that it takes that much at once (max_allowed_packet)",
    passing=True,
    uncertain=True,
)
_BUSY: Final = _Cause("unavailable", "has too many connections", "raise its limit", passing=True)
_CONFLICT: Final = _Cause(
    "locked", "kept rolling the write back", "try again when it is less busy", passing=True
)
_LOCKED: Final = _Cause(
    "locked", "stayed locked by another writer", "look for a program that keeps a transaction open"
)
_READ_ONLY: Final = _Cause("read_only", "does not allow the write", "use a user who may write")
_DISK_FULL: Final = _Cause("disk_full", "has no room left", "free some space there")
_AUTHENTICATION: Final = _Cause(
    "authentication", "refuses the user", "check user name and password"
)
_NO_DATABASE: Final = _Cause("unavailable", "does not exist", "create it, or correct the url")
_TOO_LARGE: Final = _Cause(
    "io", "cannot take that much at once", "raise the server's max_allowed_packet"
)
_FOREIGN: Final = _Cause(
    "not_a_database",
    "lacks llmspell's tables, or has others of their names",
    "use another database",
)
_IO: Final = _Cause("io", "could not do what was asked", "see the server's log")

_MYSQL: Final = {
    1020: _CONFLICT,
    1021: _DISK_FULL,
    1040: _BUSY,
    1044: _AUTHENTICATION,
    1045: _AUTHENTICATION,
    1049: _NO_DATABASE,
    1053: _LOST,
    1114: _DISK_FULL,
    1142: _READ_ONLY,
    1153: _TOO_LARGE,
    1203: _BUSY,
    1205: _LOCKED,
    1213: _CONFLICT,
    1226: _BUSY,
    1290: _READ_ONLY,
    1698: _AUTHENTICATION,
    1792: _READ_ONLY,
    1836: _READ_ONLY,
    1927: _LOST,
    2002: _LOST,
    2003: _LOST,
    2006: _LOST,
    2013: _LOST,
    2055: _LOST,
    4031: _LOST,
}
_SQLITE: Final = {5: _LOCKED, 6: _LOCKED, 8: _READ_ONLY, 13: _DISK_FULL, 14: _NO_DATABASE}
_CAUSES: Final = {"mysql": _MYSQL, "mariadb": _MYSQL, "sqlite": _SQLITE}


def portable_failure(error: Exception, dialect: str, location: str) -> Failure:
    """Translate an error of SQLAlchemy. Of the server's message nothing is kept but its number.

    Messages of drivers quote statements and values.
    """
    number = _number(error)
    lost = isinstance(error, DisconnectionError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
    cause = _CAUSES.get(dialect, {}).get(number)
    if cause is None:
        foreign = isinstance(error, ProgrammingError)
        cause = _LOST if lost else _FOREIGN if foreign else _IO
    told = f"error {number}" if number else type(error).__name__
    return Failure(
        StorageError(
            f"the database {location} {cause.what} ({told})",
            hint=cause.hint,
            reason=cause.reason,
            location=location,
        ),
        cause.passing,
        cause.uncertain or lost,
    )


def _number(error: Exception) -> int:
    original = getattr(error, "orig", None)
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF
    arguments = getattr(original, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
