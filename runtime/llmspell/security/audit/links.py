"""Check records one after the other: each hash, and that each follows the one before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from llmspell.security.audit.chain import TAMPERING_FOUND
from llmspell.security.audit.findings import Problem, numbers
from llmspell.security.audit.hashing import Hashers
from llmspell.security.audit.record import AuditRecord

__all__ = ["Links"]

#: Processes write what they queued a moment later, so that times are not quite in order.
_BACKWARDS_US: Final = 5_000_000
#: Finding out where a record came from means looking through the whole log.
_MOST_SEARCHES: Final = 100


class Links:
    """Follows a chain from ``seq`` and ``previous``, the number and hash of what came before it.

    ``find`` returns the number of the record with a hash, if there is one. ``is_keyed`` tells
    that records with a key came before.
    """

    def __init__(
        self,
        hashers: Hashers,
        *,
        seq: int,
        previous: bytes,
        is_keyed: bool,
        find: Callable[[bytes], int | None],
    ) -> None:
        self._hashers = hashers
        self._find = find
        self._is_keyed = is_keyed
        self._searches = 0
        self._latest_us = 0
        #: The last record's number and hash.
        self.seq = seq
        self.hash = previous
        self.records = 0
        #: Records without a key before the first one with a key.
        self.unkeyed = 0
        self.times_back = 0
        #: How many records were made with a key that is not known, and which they are.
        self.unknown: dict[str, tuple[int, int]] = {}

    def follow(self, record: AuditRecord) -> list[Problem]:
        """Take the next record of the log and return what is wrong with it."""
        problems = []
        seq = record.seq
        is_next = seq == self.seq + 1
        if seq <= self.seq:
            problems.append(Problem("inserted", f"record {seq} was inserted", seq))
        elif not is_next:
            gone = numbers(self.seq + 1, seq - 1)
            problems.append(Problem("missing", f"{gone} missing", seq))
        problems += self._content(record)
        if is_next and record.previous != self.hash and not problems:
            what = f"record {seq} does not follow record {seq - 1}: one of them was exchanged"
            problems.append(Problem("not_following", what, seq))
        if record.action == TAMPERING_FOUND:
            what = f"whoever appended record {seq} found: {_found(record)}"
            problems.append(Problem("tampering_found", what, seq))
        self._clock(record.at_us)
        self.seq, self.hash = max(seq, self.seq), record.hash
        self.records += 1
        return problems

    def _content(self, record: AuditRecord) -> list[Problem]:
        seq = record.seq
        hasher = self._hashers.named(record.hasher)
        if hasher is None:
            first, _ = self.unknown.get(record.hasher, (seq, seq))
            self.unknown[record.hasher] = first, seq
            self._is_keyed = True
            return []
        if hasher.hash(record[:-1]) != record.hash:
            origin = self._origin(record)
            if origin is not None:
                return [Problem("moved", f"record {seq} was record {origin}", seq)]
            return [Problem("changed", f"record {seq} was changed", seq)]
        if hasher.is_keyed:
            self._is_keyed = True
        elif self._is_keyed:
            return [Problem("unkeyed", f"record {seq} has no key, unlike those before it", seq)]
        else:
            self.unkeyed += 1
        return []

    def _origin(self, record: AuditRecord) -> int | None:
        """Return the number a record had, if it only has another number now."""
        if self._searches == _MOST_SEARCHES or not isinstance(record.previous, bytes):
            return None
        self._searches += 1
        before = self._find(record.previous)
        if before is None:
            return None
        hasher = self._hashers.named(record.hasher)
        moved = record._replace(seq=before + 1)
        fits = hasher is not None and hasher.hash(moved[:-1]) == record.hash
        return before + 1 if fits else None

    def _clock(self, at_us: int) -> None:
        if type(at_us) is not int:
            return
        if at_us < self._latest_us - _BACKWARDS_US:
            self.times_back += 1
            self._latest_us = at_us
        self._latest_us = max(at_us, self._latest_us)

    # What can be told at the end --------------------------------------------------------------

    def unknown_keys(self) -> list[Problem]:
        """Return a problem for each key that is not known."""
        current = self._hashers.current
        given = f"{fingerprint(current.name)} is" if current.is_keyed else "none is"
        return [
            Problem(
                "unknown_key",
                f"{numbers(first, last)} made with the key {fingerprint(name)}, and {given}"
                " configured: whether anything in them was changed cannot be told",
                first,
            )
            for name, (first, last) in self.unknown.items()
        ]

    def notes(self) -> list[str]:
        """Return what is no problem, and worth knowing."""
        found = []
        if self.unkeyed and (self._is_keyed or self._hashers.current.is_keyed):
            found.append(f"{self.unkeyed:,} records were made before there was a key")
        elif self.unkeyed:
            found.append("the log has no key: who can write the file can also make it anew")
        if self.times_back:
            times = "once" if self.times_back == 1 else f"{self.times_back:,} times"
            found.append(f"the clock went backwards {times}")
        return found


def fingerprint(hasher: object) -> str:
    """Return the fingerprint of the key in a hasher's name."""
    return str(hasher).partition(":")[2] or str(hasher)


def _found(record: AuditRecord) -> str:
    try:
        return str(json.loads(record.details or "")["found"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return "something"
