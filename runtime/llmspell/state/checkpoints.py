"""Checkpoints: marks in the journal, and rolling everything back to one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from time import time_ns
from typing import Any, Final, NamedTuple

import msgpack

from llmspell.errors import CheckpointNotFound, InvalidArgument, StorageError, VersionConflict
from llmspell.state.contention import backoff
from llmspell.state.core import Scope
from llmspell.state.entries import UPDATE_ATTEMPTS
from llmspell.state.entry import timestamp
from llmspell.state.history import History
from llmspell.store.base import INTERNAL, Check, Delete, Operation, Put, Ref, Row
from llmspell.store.changes import Change

__all__ = ["Checkpoint", "Checkpoints", "RolledBack"]

_CHECKPOINTS: Final = INTERNAL + "checkpoints"
_NUMBER: Final = "last"
_PAGE: Final = 1000
_MAX_LABEL_CHARACTERS: Final = 200


class Checkpoint(NamedTuple):
    """A moment to which the state can be rolled back: ``seq`` is its place in the journal.

    ``usable`` is False once compaction has passed it.
    """

    id: str
    label: str | None
    at_us: int
    seq: int
    usable: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the checkpoint under the names scripts see."""
        told: dict[str, Any] = {"id": self.id, "at": timestamp(self.at_us), "usable": self.usable}
        if self.label is not None:
            told["label"] = self.label
        return told


class RolledBack(NamedTuple):
    """What a rollback did: entries given their former value back, and entries removed.

    ``before`` is a checkpoint of how it was, so that the rollback can be undone; None after a
    dry run, which changed nothing.
    """

    restored: int
    removed: int
    before: str | None


class Checkpoints(History):
    """Marks of moments, and the way back to them."""

    def checkpoint(self, label: str | None = None) -> str:
        """Mark this moment and return the mark's id, to which ``rollback`` can return."""
        self._need_journal("checkpoint")
        self._takes_part()
        if label is not None:
            _check_label(label)
        for attempt in range(UPDATE_ATTEMPTS):
            number, version = self._last_number()
            number += 1
            at, name = time_ns() // 1000, f"c{number}"
            seq = self._store.span().last
            mark = msgpack.packb([label, at, seq])
            with suppress(VersionConflict):
                self._write_internal(
                    [
                        Put(_CHECKPOINTS, _NUMBER, b"%d" % number, at, if_version=version),
                        Put(_CHECKPOINTS, name, mark, at, if_version=0),
                    ]
                )
                self._record("checkpoint", checkpoint=name)
                return name
            backoff(attempt)
        raise self._too_contended("global", "checkpoints")

    def _last_number(self) -> tuple[int, int]:
        row = self._store.read((Ref(_CHECKPOINTS, _NUMBER),))[0]
        return (0, 0) if row is None else (int(row.blob), row.version)

    def list_checkpoints(self) -> list[Checkpoint]:
        """Return all checkpoints, the latest first."""
        self._need_journal("checkpoints")
        self._takes_part()
        floor = self._store.span().floor
        rows = self._store.scan(_CHECKPOINTS, prefix="c")
        return sorted((_checkpoint(row, floor) for row in rows), key=_order, reverse=True)

    def delete_checkpoint(self, checkpoint: str) -> bool:
        """Forget a checkpoint, named by id or label; return whether it was there."""
        self._administers()
        with suppress(CheckpointNotFound):
            found = self._checkpoint(checkpoint)
            at = time_ns() // 1000
            done = self._write_internal([Delete(_CHECKPOINTS, found.id, at)])
            self._record("delete_checkpoint", checkpoint=found.id)
            return done.written[0].existed
        return False

    def rollback(
        self, checkpoint: str, scope: Scope | None = None, *, dry_run: bool = False
    ) -> RolledBack:
        """Bring every entry, or those of one scope, back to what it was at a checkpoint.

        The checkpoint is named by its id or its label (the latest of that label). It is one
        transaction of ordinary writes: the versions in between stay in history, and the result
        names a checkpoint that leads back. What had a time to expire keeps it; what has expired
        by now does not come back. With ``dry_run`` nothing is written, only counted. Raises
        ``CheckpointNotFound``, also when the journal no longer reaches that far.
        """
        self._need_journal("rollback")
        text = None
        if scope is None:
            self._administers()
        else:
            text = self._returns(scope)
        mark = self._checkpoint(checkpoint)
        if not mark.usable:
            raise _compacted(mark)
        before = None if dry_run else self.checkpoint(f"before the rollback to {mark.id}")
        for attempt in range(UPDATE_ATTEMPTS):
            batch = self._way_back(mark.seq, text)
            if text is not None:
                self._check_restored(batch)
            # What was read is whole only if compaction did not pass the checkpoint meanwhile.
            if self._store.span().floor > mark.seq:
                raise _compacted(mark)
            with suppress(VersionConflict):
                if batch and not dry_run:
                    self._write(batch)
                    self._record("rollback", text, checkpoint=mark.id)
                kinds = [type(operation) for operation in batch]
                return RolledBack(kinds.count(Put), kinds.count(Delete), before)
            backoff(attempt)
        raise self._too_contended(text or "global", mark.id)

    def _check_restored(self, batch: list[Operation]) -> None:
        for operation in batch:
            if self._check_written is not None and type(operation) is Put:
                self._check_written(operation.scope, operation.blob, operation.state_class)

    def _way_back(self, seq: int, scope: str | None) -> list[Operation]:
        """Return the writes that undo all changes after ``seq``.

        A key's first change after it points to the one that was valid then. Each write demands
        the version the key has now, so that nobody's later write is lost.
        """
        first: dict[Ref, Change] = {}
        after = seq
        while page := self._store.changes(after, limit=_PAGE, values=False):
            for change in page:
                if scope is None or change.scope == scope:
                    first.setdefault(Ref(change.scope, change.key), change)
            after = page[-1].seq
        now = time_ns() // 1000
        wanted = [change.previous for change in first.values() if change.previous is not None]
        former = self._store.recall(wanted)
        for change in first.values():
            if _lacks(change, former) and self._store.span().floor <= seq:
                raise _damaged(change)
        rows = self._store.read(list(first))
        batch = (
            _undo(ref, former.get(change.previous or 0), row, now)
            for (ref, change), row in zip(first.items(), rows, strict=True)
        )
        return [operation for operation in batch if operation is not None]

    def _checkpoint(self, name: str) -> Checkpoint:
        if type(name) is not str:
            raise InvalidArgument(
                f"a checkpoint is named by text, not {type(name).__name__}", parameter="checkpoint"
            )
        marks = self.list_checkpoints()
        for wanted in ([m for m in marks if m.id == name], [m for m in marks if m.label == name]):
            if wanted:
                return wanted[0]
        raise CheckpointNotFound(
            f"there is no checkpoint {name!r}",
            hint="list_checkpoints tells which there are",
            checkpoint=name,
        )


def _undo(ref: Ref, then: Change | None, row: Row | None, now: int) -> Operation | None:
    """Return what makes an entry what it was; None if it is that already."""
    version = 0 if row is None else row.version
    gone = (
        then is None or then.op != "put" or (then.expires_at is not None and then.expires_at <= now)
    )
    if then is None or gone:
        return None if row is None else Delete(*ref, now, version)
    same = row is not None and (row.blob, row.state_class, row.schema_version, row.expires_at) == (
        then.blob,
        then.state_class,
        then.schema_version,
        then.expires_at,
    )
    if same:
        return Check(*ref, now, version)
    return Put(
        *ref, then.blob, now, then.schema_version, then.state_class, then.expires_at, version
    )


def _lacks(change: Change, former: Mapping[int, Change]) -> bool:
    """Return whether the change before this one is missing, though it was of a living entry.

    Of an entry that was gone the change may be, for then nothing is all there is to know.
    """
    if change.previous is None or change.previous in former:
        return False
    return change.op != "put" or change.created_at != change.at


def _damaged(change: Change) -> StorageError:
    return StorageError(
        f"the journal is damaged: change {change.previous}, of key {change.key!r} in scope"
        f" '{change.scope}', is missing",
        hint="nothing was changed; `llmspell state verify` tells what else is wrong",
        reason="corrupt",
        scope=change.scope,
        key=change.key,
    )


def _checkpoint(row: Row, floor: int) -> Checkpoint:
    label, at, seq = msgpack.unpackb(row.blob)
    return Checkpoint(row.key, label, at, seq, seq >= floor)


def _order(checkpoint: Checkpoint) -> int:
    return int(checkpoint.id[1:])


def _compacted(mark: Checkpoint) -> CheckpointNotFound:
    return CheckpointNotFound(
        f"the journal no longer reaches back to checkpoint {mark.id!r}",
        hint="raise state.journal.retention_days or state.journal.max_changes for the next one",
        checkpoint=mark.id,
    )


def _check_label(label: object) -> None:
    if type(label) is not str or not label.isprintable():
        raise InvalidArgument("a label is printable text", parameter="label")
    if not 0 < len(label) <= _MAX_LABEL_CHARACTERS:
        raise InvalidArgument(
            f"a label has 1 to {_MAX_LABEL_CHARACTERS} characters, not {len(label)}",
            parameter="label",
        )
