"""The journal of the memory store: a dictionary of changes, in the order they were made."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from llmspell.store.changes import Change, Compacted, JournalSpan

__all__ = ["MemoryJournal"]

# A journal that bounds itself does so when it is an eighth over, not with each change.
_SLACK: Final = 8
#: Of long values fewer changes are kept: their bytes above the floor are bounded too.
_MOST_BYTES: Final = 64 << 20


def _nothing() -> None:
    return None


class MemoryJournal:
    """Changes by number. Every call is made under the store's lock.

    Nothing above ``floor`` is missing. ``keep``, if given, is how many changes stay at most,
    about; what no position above the floor needs then goes by itself. ``held`` tells a position
    that must not be passed, if there is one.
    """

    def __init__(self, keep: int | None, held: Callable[[], int | None] = _nothing) -> None:
        self.rows: dict[int, Change] = {}
        self.floor = 0
        self.last = 0
        self._bytes = 0  # of the changes above the floor
        self._keep = keep
        self._held = held
        self._most = self._most_bytes = sys.maxsize
        self._bound()

    def append(self, change: Change, seq: int) -> None:
        """Append one change with its number."""
        self.rows[seq] = change
        self.last = seq
        self._bytes += len(change[14])
        if seq - self.floor > self._most or self._bytes > self._most_bytes:
            self._trim()

    def add(self, changes: Iterable[Change], last: int) -> None:
        """Append changes; ``last`` is the number of the latest."""
        for change in changes:
            self.rows[change.seq] = change
            self._bytes += len(change.blob)
        self.last = last
        if last - self.floor > self._most or self._bytes > self._most_bytes:
            self._trim()

    def state(self) -> dict[str, Any]:
        """Return all there is to ``return_to`` if what is added next is not to be."""
        return {**vars(self), "rows": dict(self.rows)}

    def return_to(self, state: dict[str, Any]) -> None:
        """Be what the journal was when it told its state."""
        vars(self).update(state)

    def _trim(self) -> None:
        keep, held = self._keep or 0, self._held()
        while self.last - self.floor > keep or self._bytes > _MOST_BYTES // 2:
            if self.floor == held:  # look again only when there is as much again
                self._most, self._most_bytes = 2 * self._most, 2 * self._most_bytes
                return
            self._pass(self.floor + 1)
        self._bound()

    def _bound(self) -> None:
        keep = self._keep
        self._most = sys.maxsize if keep is None else keep + keep // _SLACK + 1
        self._most_bytes = sys.maxsize if keep is None else _MOST_BYTES

    def span(self) -> JournalSpan:
        return JournalSpan(self.floor, self.last, len(self.rows))

    def changes(self, after: int, limit: int | None, *, values: bool) -> list[Change]:
        rows = self.rows
        if after >= self.floor:
            last = self.last if limit is None else min(self.last, after + limit)
            found = [rows[seq] for seq in range(after + 1, last + 1)]
        else:
            found = [change for seq, change in rows.items() if seq > after][:limit]
        return found if values else [change._replace(blob=b"") for change in found]

    def recall(self, seqs: Sequence[int]) -> dict[int, Change]:
        return {seq: self.rows[seq] for seq in seqs if seq in self.rows}

    def history(
        self, latest: int | None, below: int | None, limit: int | None, *, values: bool
    ) -> list[Change]:
        """Follow a key's changes back from its latest."""
        found: list[Change] = []
        seq = latest
        while seq is not None and (limit is None or len(found) < limit):
            change = self.rows.get(seq)
            if change is None:
                break
            if below is None or change.version < below:
                found.append(change if values else change._replace(blob=b""))
            seq = change.previous
        return found

    def reseal(self, seq: int, old: bytes, new: bytes) -> bool:
        """Give a change other bytes, if it still has the old ones; tell whether it had."""
        change = self.rows.get(seq)
        if change is None or change.blob != old:
            return False
        self.rows[seq] = change._replace(blob=new)
        if seq > self.floor:
            self._bytes += len(new) - len(old)
        return True

    def compact(self, before: int | None, keep: int | None, limit: int) -> Compacted:
        rows, start = self.rows, self.floor
        removed = 0
        # The store's last change stays even if it is a deletion; it is the last no longer.
        if start in rows and rows[start].op != "put" and start != self.last:
            del rows[start]
            removed += 1
        for seq in range(start + 1, min(self.last, start + limit) + 1):
            too_old = before is not None and rows[seq].at < before
            if not too_old and (keep is None or self.last - seq < keep):
                return Compacted(removed, self.floor, True)
            removed += self._pass(seq)
        return Compacted(removed, self.floor, self.floor == self.last)

    def _pass(self, seq: int) -> int:
        """Raise the floor to the next change; return how many are not needed for that."""
        rows, change = self.rows, self.rows[seq]
        removed = 0
        self.floor = seq
        self._bytes -= len(change.blob)
        if change.previous is not None and rows.pop(change.previous, None) is not None:
            removed += 1
        if change.op != "put" and seq != self.last:
            del rows[seq]
            removed += 1
        return removed
