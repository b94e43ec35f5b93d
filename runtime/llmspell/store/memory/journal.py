"""The journal of the memory store: a dictionary of changes, in the order they were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from llmspell.store.changes import Change, Compacted, JournalSpan

__all__ = ["MemoryJournal"]

# A journal that bounds itself does so when it is an eighth over, not with each change.
_SLACK: Final = 8


class MemoryJournal:
    """Changes by number. Every call is made under the store's lock.

    Nothing above ``floor`` is missing. ``keep``, if given, is how many changes stay at most,
    about; what no position above the floor needs then goes by itself.
    """

    def __init__(self, keep: int | None) -> None:
        self.rows: dict[int, Change] = {}
        self.floor = 0
        self.last = 0
        self._keep = keep
        self._compact_at = None if keep is None else keep + keep // _SLACK + 1

    def append(self, change: Change, seq: int) -> None:
        """Append one change with its number."""
        self.rows[seq] = change
        self.last = seq
        if self._compact_at is not None and seq - self.floor > self._compact_at:
            self.compact(None, self._keep, seq)

    def add(self, changes: Iterable[Change], last: int) -> None:
        """Append changes; ``last`` is the number of the latest."""
        for change in changes:
            self.rows[change.seq] = change
        self.last = last
        if self._compact_at is not None and last - self.floor > self._compact_at:
            self.compact(None, self._keep, last)

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

    def compact(self, before: int | None, keep: int | None, limit: int) -> Compacted:
        rows, start = self.rows, self.floor
        removed = 0
        # The store's last change stays even if it is a deletion; it is the last no longer.
        if start in rows and rows[start].op != "put" and start != self.last:
            del rows[start]
            removed += 1
        for seq in range(start + 1, min(self.last, start + limit) + 1):
            change = rows[seq]
            too_old = before is not None and change.at < before
            if not too_old and (keep is None or self.last - seq < keep):
                return Compacted(removed, self.floor, True)
            self.floor = seq
            if change.previous is not None and rows.pop(change.previous, None) is not None:
                removed += 1
            if change.op != "put" and seq != self.last:
                del rows[seq]
                removed += 1
        return Compacted(removed, self.floor, self.floor == self.last)
