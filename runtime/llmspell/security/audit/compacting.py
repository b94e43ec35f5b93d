"""Remove old records, and leave a signed checkpoint that the chain goes on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from llmspell.errors import AuditError
from llmspell.security.audit.chain import Chain
from llmspell.security.audit.database import FAILURES, open_reader
from llmspell.security.audit.findings import Step
from llmspell.security.audit.hashing import Hashers, Head
from llmspell.security.audit.log import NOBODY, Origin
from llmspell.security.audit.problems import failure
from llmspell.security.audit.signing import Checkpoint, public_key, signed, stored_checkpoints
from llmspell.security.audit.verifying import verify

__all__ = ["Compacted", "compact"]


class Compacted(NamedTuple):
    """How many records were removed, and the checkpoint that was made, if any."""

    removed: int
    checkpoint: Checkpoint | None


def compact(
    path: str | Path,
    *,
    key: bytes | None,
    before_us: int,
    older_keys: Sequence[bytes] = (),
    origin: Origin = NOBODY,
    progress: Callable[[Step], object] = lambda _: None,
) -> Compacted:
    """Remove the records up to the first one that is not older than ``before_us``.

    The whole log is verified first, with ``progress`` told of each step: removing records would
    also remove the traces of a change. What was done is itself recorded. Raises AuditError, and
    nothing is removed, without a key (nobody could tell it from tampering) and when the log
    does not verify.
    """
    place = Path(path)
    if key is None:
        raise AuditError(
            "an audit log without a key cannot be compacted: nobody could tell it from tampering",
            hint="configure a master key, or set audit.retention_days = 0 to keep everything",
            reason="no_key",
            path=str(place),
        )
    for step in verify(place, key=key, older_keys=older_keys):
        if step.problems:
            raise AuditError(
                f"the audit log {place} does not verify: nothing was removed",
                hint="llmspell audit verify tells more; keep this log, and move it and its .head"
                " file aside to begin a new one",
                reason="tampered",
                path=str(place),
            )
        progress(step)
    try:
        upto = _last_older(place, before_us)
        return (
            Compacted(0, None) if upto is None else _remove(place, key, older_keys, *upto, origin)
        )
    except FAILURES as error:
        told = failure(error, place)
        if told is error:
            raise
        raise told from error


def _last_older(path: Path, before_us: int) -> tuple[int, bytes] | None:
    """Return number and hash of the last record all records up to which are old enough."""
    raw = open_reader(path)
    try:
        first_kept = (
            "SELECT coalesce((SELECT seq FROM records WHERE at_us >= ? ORDER BY seq LIMIT 1),"
            " 1 + (SELECT max(seq) FROM records))"
        )
        found = raw.execute(
            f"SELECT seq, hash FROM records WHERE seq < ({first_kept}) ORDER BY seq DESC LIMIT 1",
            (before_us,),
        ).fetchone()
        return None if found is None else (found[0], found[1])
    finally:
        raw.close()


def _remove(
    path: Path, key: bytes, older_keys: Sequence[bytes], seq: int, last: bytes, origin: Origin
) -> Compacted:
    chain = Chain(path, Hashers(key, older_keys), fsync=True)
    at_us = time.time_ns() // 1000
    removed = 0
    checkpoint: Checkpoint | None = None

    def remove(head: Head) -> Head:
        nonlocal removed, checkpoint
        number = len(stored_checkpoints(chain.raw)) + 1
        unsigned = Checkpoint(number, seq, at_us, last, public_key(key), b"")
        checkpoint = unsigned._replace(signature=signed(key, unsigned.signed_fields()))
        chain.raw.execute("INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?)", checkpoint)
        removed = chain.raw.execute("DELETE FROM records WHERE seq <= ?", (seq,)).rowcount
        return head._replace(records=head.records - removed)

    try:
        details = {"up_to": seq}
        done = (at_us, "compact", None, None, None, "ok", origin, details)
        chain.append([done], at_us=at_us, first=remove)
        chain.write_head()
    finally:
        chain.close()
    return Compacted(removed, checkpoint)
