"""One record of the audit log, its canonical bytes, and what may stand in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = [
    "COLUMNS",
    "AuditRecord",
    "Detail",
    "Details",
    "Entry",
    "Fact",
    "details_text",
    "made",
    "text_of",
]

Detail: TypeAlias = "str | int | float | bool | list[str] | tuple[str, ...] | None"
Details: TypeAlias = Mapping[str, Detail]
#: What waits to be written: time, action, scope, key, version, outcome, origin, details.
Entry: TypeAlias = tuple[
    int,
    str,
    "str | None",
    "str | None",
    "int | None",
    str,
    "tuple[str | None, str | None, str | None]",
    "Details | None",
]
#: What one record tells besides time and origin: action, scope, key, version, outcome, details.
Fact: TypeAlias = tuple[str, "str | None", "str | None", "int | None", str, "Details | None"]

_MAX_TEXT: Final = 4096
_MAX_DETAILS: Final = 50
_MAX_INTEGER: Final = 2**63 - 1


class AuditRecord(NamedTuple):
    """Who did what, where, when, with which outcome. Never a value.

    ``seq`` counts from 1 without gaps. ``at_us`` is in microseconds since 1970, UTC. ``outcome``
    is ``ok`` or an error's code. ``process`` is ``pid@host``. ``details`` is the text of a JSON
    object, its names sorted. ``hasher`` names how ``hash`` was made from all the other fields:
    ``sha256``, or ``hmac-sha256:`` and the fingerprint of the key. ``previous`` is the hash of
    the record before, which makes the records a chain.
    """

    seq: int
    at_us: int
    actor: str | None
    action: str
    scope: str | None
    key: str | None
    version: int | None
    outcome: str
    run_id: str | None
    correlation_id: str | None
    process: str
    details: str | None
    hasher: str
    previous: bytes
    hash: bytes

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: hashes in hexadecimal digits, the details as a map."""
        told: dict[str, Any] = self._asdict()
        told["previous"], told["hash"] = _hex(self.previous), _hex(self.hash)
        if self.details is not None:
            try:
                told["details"] = json.loads(self.details)
            except (
                ValueError,
                TypeError,
                RecursionError,
            ):  # somebody changed it; it is shown as it is
                told["details"] = self.details
        return told


COLUMNS: Final = AuditRecord._fields


def made(seq: int, entry: Entry, process: str, hasher: str, previous: bytes) -> tuple[Any, ...]:
    """Return the fields of a record except its hash; nothing an entry holds makes this fail."""
    at_us, action, scope, key, version, outcome, origin, details = entry
    actor, run_id, correlation_id = origin
    return (
        seq,
        at_us,
        text_of(actor),
        text_of(action) or "",
        text_of(scope),
        text_of(key),
        version if type(version) is int and abs(version) <= _MAX_INTEGER else None,
        text_of(outcome) or "",
        text_of(run_id),
        text_of(correlation_id),
        process,
        _details_text(details) if isinstance(details, dict) and details else None,
        hasher,
        previous,
    )


def text_of(value: object) -> str | None:
    """Return text that any database and file can hold; of something else, only what it is."""
    if value is None:
        return None
    if not isinstance(value, str):
        return f"<{type(value).__name__}>"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            value = value.encode(errors="backslashreplace").decode()
    return value if len(value) <= _MAX_TEXT else value[: _MAX_TEXT - 1] + "…"


def _details_text(details: Details) -> str:
    # A copy at once: whoever goes on changing it must not stop the log.
    told = list(dict(details).items())[:_MAX_DETAILS]
    return details_text({text_of(name) or "": _detail(value) for name, value in told})


def details_text(details: Mapping[str, Any]) -> str:
    """Return the canonical text of details."""
    return json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _detail(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [text_of(item) for item in value[:_MAX_DETAILS]]
    if value is None or isinstance(value, bool):
        return value
    if type(value) is int and abs(value) <= _MAX_INTEGER:
        return value
    if type(value) is float and isfinite(value):
        return value
    return text_of(value)


def _hex(value: object) -> str:
    # Whoever tampers may have put anything there.
    return value.hex() if isinstance(value, bytes) else str(value)
