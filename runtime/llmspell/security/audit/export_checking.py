"""Verify an export without the log it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from llmspell.errors import AuditError
from llmspell.security.audit.exporting import end_fields
from llmspell.security.audit.findings import Problem, Step
from llmspell.security.audit.hashing import Hashers
from llmspell.security.audit.links import Links
from llmspell.security.audit.record import COLUMNS, AuditRecord, details_text
from llmspell.security.audit.signing import is_signed, public_key

__all__ = ["verify_export"]

_PAGE: Final = 2000


def verify_export(
    lines: Iterable[bytes],
    *,
    key: bytes | None = None,
    older_keys: Sequence[bytes] = (),
    public: bytes | None = None,
) -> Iterator[Step]:
    """Check the lines of an export of the format jsonl, and yield what is found.

    With ``key`` each hash is made again. With ``public``, the public key that ``llmspell audit
    verify --json`` shows, the signature tells that the export is as the owner of the key made
    it. Raises AuditError for what is no export.
    """
    hashers = Hashers(key, older_keys)
    trusted = {public_key(h.key) for h in hashers.keyed() if h.key is not None}
    trusted |= {public} if public is not None else set()
    digest, end, links = hashlib.sha256(), None, None
    problems: list[Problem] = []
    number = 0
    for number, line in enumerate(lines, 1):
        data = _parsed(line, number)
        if end is not None:
            problems.append(Problem("inserted", f"line {number} stands after the end"))
            break
        if "end" in data:
            end = data["end"] if isinstance(data["end"], dict) else {}
            continue
        record = _record(data, number)
        if links is None:
            links = _links_before(record, hashers)
        problems += links.follow(record)
        digest.update(line)
        if links.records % _PAGE == 0:
            yield Step(_PAGE, 0.0, problems)
            problems = []
    if not number:
        raise _no_export(1)
    checked = links.records if links else 0
    is_signed_by_known, found = _end_problems(end, checked, digest.digest(), trusted)
    notes: list[str] = []
    if links is not None:
        # A signature of somebody known covers what the hashes cannot tell without the key.
        problems += [] if is_signed_by_known else links.unknown_keys()
        notes = links.notes()
    yield Step(checked % _PAGE, 1.0, [*problems, *found], notes)


def _end_problems(
    end: dict[str, Any] | None, count: int, digest: bytes, trusted: set[bytes]
) -> tuple[bool, list[Problem]]:
    """Return whether somebody known signed the export, and what is wrong with its end."""
    if end is None:
        return False, [Problem("truncated", "the end was cut off: its last line is missing")]
    if end.get("records") != count or end.get("sha256") != digest.hex():
        what = "the export is not what its last line tells: lines were changed, removed or added"
        return False, [Problem("changed", what)]
    try:
        public, signature = bytes.fromhex(end["public_key"]), bytes.fromhex(end["signature"])
    except KeyError:
        missing = [Problem("changed", "the export is not signed")] if trusted else []
        return False, missing
    except (ValueError, TypeError):
        return False, [Problem("changed", "the signature of the export was changed")]
    is_exact = (public.hex(), signature.hex()) == (end["public_key"], end["signature"])
    if not is_exact or not is_signed(end_fields(count, digest), signature, public):
        return False, [Problem("changed", "the signature of the export was changed")]
    if trusted and public not in trusted:
        return False, [Problem("unknown_key", "the export was signed with another key")]
    return bool(trusted), []


def _links_before(record: AuditRecord, hashers: Hashers) -> Links:
    """Begin before the first record: an export may be of a part of the log."""
    return Links(
        hashers,
        seq=record.seq - 1,
        previous=record.previous,
        is_keyed=False,
        find=lambda _: None,
    )


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise _no_export(number) from None
    if not isinstance(data, dict):
        raise _no_export(number)
    return data


def _record(data: dict[str, Any], number: int) -> AuditRecord:
    try:
        fields = {name: data[name] for name in COLUMNS}
        fields["previous"] = bytes.fromhex(fields["previous"])
        fields["hash"] = bytes.fromhex(fields["hash"])
        if isinstance(fields["details"], dict):
            fields["details"] = details_text(fields["details"])
        record = AuditRecord(**fields)
        hash(record)  # no lists or maps where there is none to be
        if type(record.seq) is not int or abs(record.seq) >> 63 or type(record.hasher) is not str:
            raise _no_export(number)
    except (KeyError, TypeError, ValueError):
        raise _no_export(number) from None
    return record


def _no_export(number: int) -> AuditError:
    return AuditError(
        f"this is no export of an audit log: line {number} is no record",
        hint="export with: llmspell audit export FILE --format jsonl",
        reason="not_a_log",
    )
