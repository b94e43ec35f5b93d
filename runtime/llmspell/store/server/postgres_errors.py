"""What PostgreSQL's errors mean: a reason people can act on, and whether trying again helps."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from llmspell.errors import StorageError
from llmspell.store.server.session import Failure

__all__ = ["postgres_failure"]


class _Cause(NamedTuple):
    reason: str
    what: str
    hint: str
    passing: bool = False
    uncertain: bool = False


_LOST: Final = _Cause(
    "unavailable",
    "does not answer",
    "check that the server runs and that host and port are right",
    passing=True,
    uncertain=True,
)
_BUSY: Final = _Cause(
    "unavailable",
    "does not take connections now",
    "wait until it has started, or raise its max_connections",
    passing=True,
)
_CONFLICT: Final = _Cause(
    "locked", "kept rolling the write back", "try again when it is less busy", passing=True
)
_LOCKED: Final = _Cause(
    "locked",
    "stayed locked by another writer",
    "look for a program that keeps a transaction open, or raise busy_timeout_ms",
)
_TIMEOUT: Final = _Cause(
    "timeout", "cancelled a statement", "raise its statement_timeout for this user"
)
_READ_ONLY: Final = _Cause(
    "read_only",
    "does not allow the write",
    "connect to the primary server, as a user who may create and change tables in the schema",
)
_DISK_FULL: Final = _Cause(
    "disk_full", "has no room left", "free some space there; nothing was half-written"
)
_AUTHENTICATION: Final = _Cause(
    "authentication", "refuses the user", "check user name and password"
)
_NO_DATABASE: Final = _Cause(
    "unavailable", "has no such database or schema", "create it, or correct the url"
)
_FOREIGN: Final = _Cause(
    "not_a_database",
    "lacks llmspell's tables, or has others of their names",
    "use another database or schema",
)
_CORRUPT: Final = _Cause("corrupt", "reports damaged data", "restore it from a backup")
_TOO_LARGE: Final = _Cause("io", "cannot hold a value that large", "store it in parts")
_IO: Final = _Cause("io", "could not do what was asked", "see the server's log")

#: By SQLSTATE; where the whole code is not listed, its first two characters decide.
_CAUSES: Final = {
    "08": _LOST,
    "0A": _IO,
    "25": _IO,
    "25006": _READ_ONLY,
    "25P03": _LOST,
    "28": _AUTHENTICATION,
    "3D": _NO_DATABASE,
    "3F": _NO_DATABASE,
    "40": _CONFLICT,
    "40003": _LOST,
    "42501": _READ_ONLY,
    "42703": _FOREIGN,
    "42804": _FOREIGN,
    "42P01": _FOREIGN,
    "53100": _DISK_FULL,
    "53200": _IO,
    "53300": _BUSY,
    "53400": _IO,
    "54": _TOO_LARGE,
    "55P03": _LOCKED,
    "57014": _TIMEOUT,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _BUSY,
    "57P04": _NO_DATABASE,
    "57P05": _LOST,
    "58": _IO,
    "58030": _IO,
    "XX001": _CORRUPT,
    "XX002": _CORRUPT,
}

#: A connection that is refused has no SQLSTATE, only words; in other languages than English
#: such a refusal counts as a server that does not answer.
_REFUSALS: Final = (
    ("too many ", _BUSY),
    ("connection slots", _BUSY),
    ("is starting up", _BUSY),
    ("not yet accepting", _BUSY),
    ("in recovery mode", _BUSY),
    ("shutting down", _BUSY),
    ("password", _AUTHENTICATION),
    ("authentication failed", _AUTHENTICATION),
    ("no pg_hba.conf entry", _AUTHENTICATION),
    ("role ", _AUTHENTICATION),
    ("does not exist", _NO_DATABASE),
)


def postgres_failure(error: Exception, location: str) -> Failure:
    """Translate an error of psycopg about the server at ``location``.

    Of what the server says only the first line of its message is kept: the details can hold
    stored values.
    """
    import psycopg

    state = getattr(error, "sqlstate", None)
    said = None
    if state is not None:
        cause = _CAUSES.get(state) or _CAUSES.get(state[:2], _IO)
        diagnosis: Any = getattr(error, "diag", None)
        said = diagnosis.message_primary if diagnosis is not None else None
    elif isinstance(error, psycopg.OperationalError):
        # Whatever befell the connection, nobody told what became of the last statement.
        cause, said = _refusal(str(error))
        cause = cause._replace(uncertain=True)
    elif isinstance(error, psycopg.DataError):
        cause = _TOO_LARGE if "large" in str(error) else _IO
    elif isinstance(error, psycopg.InterfaceError):
        cause = _LOST
    else:
        cause = _IO
    why = f" ({said})" if said else f" ({type(error).__name__})"
    return Failure(
        StorageError(
            f"the database {location} {cause.what}{why}",
            hint=cause.hint,
            reason=cause.reason,
            location=location,
        ),
        cause.passing,
        cause.uncertain,
    )


def _refusal(text: str) -> tuple[_Cause, str]:
    # Several addresses of one host each have their say; the last one decides.
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in lines if "FATAL:" in line or "ERROR:" in line), "")
    said = said.partition("FATAL:")[2].strip() or (lines[0] if lines else "")
    lowered = said.lower()
    return next((cause for words, cause in _REFUSALS if words in lowered), _LOST), said
