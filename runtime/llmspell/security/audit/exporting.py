"""Write records out as JSON lines or CSV. JSON lines can be verified without the log.

Each line is a record with its hash and that of the record before; the last one, ``{"end": ...}``,
holds their number, the SHA-256 of all lines before it and, with a key, a signature of both.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from llmspell.security.audit.record import COLUMNS, AuditRecord
from llmspell.security.audit.signing import public_key, signed

__all__ = ["end_fields", "time_text", "write_csv", "write_json_lines"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: A spreadsheet takes text that begins with one of them for a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def write_json_lines(
    records: Iterable[AuditRecord], write: Callable[[bytes], object], *, key: bytes | None
) -> int:
    """Write the records and the end, and return how many records there were."""
    digest = hashlib.sha256()
    count = 0
    for record in records:
        line = _line({"at": time_text(record.at_us), **record.to_dict()})
        digest.update(line)
        write(line)
        count += 1
    end: dict[str, Any] = {"records": count, "sha256": digest.hexdigest()}
    if key is not None:
        end["public_key"] = public_key(key).hex()
        end["signature"] = signed(key, end_fields(count, digest.digest())).hex()
    write(_line({"end": end}))
    return count


def write_csv(records: Iterable[AuditRecord], write: Callable[[bytes], object]) -> int:
    """Write the records under a line of titles, and return how many there were.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    count = 0
    page = io.StringIO()
    rows = csv.writer(page)
    rows.writerow(("at", *COLUMNS))
    for record in records:
        hashes = {"previous": record.previous, "hash": record.hash}
        shown = record._asdict() | {name: _hex(value) for name, value in hashes.items()}
        rows.writerow([time_text(record.at_us), *map(_cell, shown.values())])
        count += 1
        if page.tell() > 1 << 16:
            write(page.getvalue().encode(errors="backslashreplace"))
            page.seek(0)
            page.truncate()
    write(page.getvalue().encode(errors="backslashreplace"))
    return count


def end_fields(count: int, digest: bytes) -> tuple[Any, ...]:
    """Return what the signature of an export is of."""
    return "llmspell audit export", count, digest


def time_text(at_us: object) -> str:
    """Return a time as ISO 8601 in UTC; empty for what is none, since somebody changed it."""
    try:
        moment: datetime = _EPOCH + timedelta(microseconds=at_us)  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return ""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _line(data: dict[str, Any]) -> bytes:
    # Without escapes for what is beyond ASCII; bytes that are no text are kept apart from it.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=_hex)
    return text.encode(errors="backslashreplace") + b"\n"


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
