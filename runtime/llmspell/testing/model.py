"""What a store is, in plain dictionaries: slow, simple, and kept by every store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmspell.store.base import INTERNAL, Check, Clear, Delete, Operation, Put, Ref, Written
from llmspell.store.changes import NOBODY, Change, Op, Origin
from llmspell.store.checks import conflict_error
from llmspell.store.plan import KEEP_TOMBSTONES_US

__all__ = ["StoreModel"]


class StoreModel:
    """Begins empty, at the journal position ``last``.

    ``entries`` has the change that made each entry, expired ones included (its ``seq`` is 0
    where it is not journalled); ``buried`` when each deleted key was deleted; ``states`` what
    the journalled ``entries`` were at every position.
    """

    def __init__(self, last: int = 0, *, journal: bool = True) -> None:
        self.journalled = journal
        self.floor = self.last = last
        self.entries: dict[Ref, Change] = {}
        self.versions: dict[Ref, int] = {}
        self.latest: dict[Ref, int] = {}
        self.buried: dict[Ref, int] = {}
        self.journal: dict[int, Change] = {}
        self.states: dict[int, dict[Ref, Change]] = {last: {}}

    def apply(self, batch: Sequence[Operation], origin: Origin = NOBODY) -> list[Written]:
        """Do what a write does; raises VersionConflict and is then as it was."""
        before = dict(vars(self))
        for name in ("entries", "versions", "latest", "buried", "journal", "states"):
            setattr(self, name, dict(before[name]))
        try:
            return [self._apply(operation, origin) for operation in batch]
        except BaseException:
            vars(self).update(before)
            raise

    def _apply(self, operation: Operation, origin: Origin) -> Written:
        at = operation.at
        if isinstance(operation, Clear):
            count = 0
            for ref in sorted(ref for ref in self.entries if ref.scope == operation.scope):
                if not self._expire(ref, at):
                    self._bury(ref, "delete", at, origin)
                    count += 1
            return Written(0, 0, count > 0, count)
        ref = Ref(operation.scope, operation.key)
        self._expire(ref, at)
        entry = self.entries.get(ref)
        existed, actual = entry is not None, entry.version if entry else 0
        wanted = operation.version if isinstance(operation, Check) else operation.if_version
        if wanted not in (None, actual):
            raise conflict_error(*ref, expected=wanted or 0, actual=actual)
        if isinstance(operation, Check):
            return Written(0, 0, existed, 0)
        if isinstance(operation, Delete):
            if entry is None:
                return Written(0, 0, False, 0)
            self._bury(ref, "delete", at, origin)
            return Written(self.versions[ref], entry.created_at, True, 1)
        change = self._put(ref, operation, entry.created_at if entry else at, origin)
        return Written(change.version, change.created_at, existed, 1)

    def _put(self, ref: Ref, put: Put, created_at: int, origin: Origin) -> Change:
        self.versions[ref] = version = self.versions.get(ref, 0) + put.versions
        change = Change(
            self._next(ref), put.at, *ref, "put", version, created_at, put.schema_version,
            put.state_class, put.expires_at, *origin, self.latest.get(ref), put.blob,
        )  # fmt: skip
        self.entries[ref] = change
        self.buried.pop(ref, None)
        self._record(ref, change)
        return change

    def _expire(self, ref: Ref, now: int) -> bool:
        """Bury an entry that has expired by now; tell whether it had."""
        entry = self.entries.get(ref)
        if entry is None or entry.expires_at is None or entry.expires_at > now:
            return False
        self._bury(ref, "expire", entry.expires_at, NOBODY)
        return True

    def _bury(self, ref: Ref, op: Op, at: int, origin: Origin) -> None:
        entry = self.entries.pop(ref)
        self.versions[ref] += 1
        self.buried[ref] = at
        change = Change(
            self._next(ref), at, *ref, op, self.versions[ref], entry.created_at, 1, "standard",
            None, *origin, self.latest.get(ref), b"",
        )  # fmt: skip
        self._record(ref, change)

    def _next(self, ref: Ref) -> int:
        return self.last + 1 if self.journalled and ref.scope[:1] != INTERNAL else 0

    def _record(self, ref: Ref, change: Change) -> None:
        if change.seq:
            self.last = self.latest[ref] = change.seq
            self.journal[change.seq] = change
            self.states[change.seq] = {ref: e for ref, e in self.entries.items() if e.seq}

    def living(self, now: int) -> dict[Ref, Change]:
        """Return what can be seen at that time."""
        return {
            ref: entry
            for ref, entry in self.entries.items()
            if entry.expires_at is None or entry.expires_at > now
        }

    def expired(self, now: int) -> set[Ref]:
        """Return what a sweep would take at that time."""
        return self.entries.keys() - self.living(now).keys()

    def sweep(self, refs: Sequence[Ref], now: int) -> int:
        """Let these entries expire, in this order, and purge; return how many were purged."""
        for ref in refs:
            assert self._expire(ref, now)
        due = [ref for ref, at in self.buried.items() if at + KEEP_TOMBSTONES_US <= now]
        for ref in due:
            for table in (self.versions, self.latest, self.buried):
                table.pop(ref, None)
        return len(due)

    def floor_after(self, before: int | None, keep: int | None) -> int:
        """Tell how far compaction to the end would raise the floor."""
        floor = self.floor
        while floor < self.last and (
            (before is not None and self.journal[floor + 1].at < before)
            or (keep is not None and self.last - floor > keep)
        ):
            floor += 1
        return floor

    def compact(self, floor: int) -> None:
        """Raise the floor."""
        self.floor = floor
        needed = {change.seq for change in self.states[floor].values()}
        self.journal = {seq: c for seq, c in self.journal.items() if seq > floor or seq in needed}
        self.states = {seq: state for seq, state in self.states.items() if seq >= floor}

    def history(self, ref: Ref) -> Iterator[Change]:
        """Return the changes of one key, the latest first."""
        return (c for c in reversed(self.journal.values()) if (c.scope, c.key) == ref)
