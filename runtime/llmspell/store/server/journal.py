"""The journal of a store on a database server, and what keeps it and the entries to their size."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from llmspell.store.backend import Resealed
from llmspell.store.base import Ref
from llmspell.store.changes import Change, Compacted, JournalSpan, Swept
from llmspell.store.clock import Clock
from llmspell.store.plan import Known, Plan, Record
from llmspell.store.server import statements as ask
from llmspell.store.server.reader import ServerReader
from llmspell.store.server.session import Changeset, Head, Session
from llmspell.store.server.writer import GroupWriter

__all__ = ["ServerJournal"]


class ServerJournal(ServerReader):
    """Reads the journal through ``_ask``, compacts and sweeps through ``_writer``."""

    def __init__(self, clock: Clock, *, journal: bool) -> None:
        super().__init__(clock)
        self._has_journal = journal

    @property
    @abstractmethod
    def _writer(self) -> GroupWriter: ...

    def span(self) -> JournalSpan:
        ((floor, last, rows),) = self._fetch(ask.span)
        return JournalSpan(floor, last, rows) if self._has_journal else JournalSpan(0, 0, 0)

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        statement = ask.changes(values=values, limit=limit is not None)
        rows = self._fetch(statement, after=after, limit=limit)
        return [_change(row, values) for row in rows] if self._has_journal else []

    def recall(self, seqs: Sequence[int]) -> dict[int, Change]:
        rows = self._ask(lambda session: session.recall(seqs, values=True) if seqs else [])
        return {row[0]: Change(*row) for row in rows} if self._has_journal else {}

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        def walk(session: Session) -> list[Change]:
            latest = session.fetch(ask.last_seq, {"scope": ref[0], "key": ref[1]})
            seqs = _walk(session, latest[0][0] if latest else None, below, limit)
            rows = session.recall(seqs, values=values) if seqs else []
            return sorted((_change(row, values) for row in rows), key=lambda it: -it.seq)

        found = self._ask(walk)
        return found if self._has_journal else []

    def compact(
        self, *, before: int | None = None, keep: int | None = None, limit: int = 1000
    ) -> Compacted:
        done = Compacted(0, 0, True)

        def work(session: Session, head: Head, _: dict[Ref, Known]) -> Changeset | None:
            nonlocal done
            floor, forgotten = head.floor, set()
            rows = session.fetch(ask.step, {"floor": floor, "limit": limit + 1})
            for seq, at, op, previous in rows:
                if seq > head.floor:
                    too_old = before is not None and at < before
                    if seq > head.floor + limit or not (
                        too_old or (keep is not None and head.seq - seq >= keep)
                    ):
                        break
                    floor = seq
                    if previous is not None:
                        forgotten.add(previous)
                if op != "put" and seq != head.seq:
                    forgotten.add(seq)
            there = session.recall(list(forgotten), values=False) if forgotten else []
            more = floor == head.floor + limit and floor < head.seq
            done = Compacted(len(there), floor, not more)
            if floor == head.floor and not there:
                return None
            return Changeset(head, head._replace(floor=floor), forgotten=[row[0] for row in there])

        if self._has_journal:
            self._writer.alone(work)
        return done

    def reseal(self, items: Sequence[Resealed]) -> int:
        done = 0

        def work(session: Session, head: Head, known: dict[Ref, Known]) -> Changeset | None:
            nonlocal done
            seqs = [item.seq for item in items if item.ref is None]
            found = session.recall(seqs, values=True) if seqs and self._has_journal else []
            stored = {row[0]: row[-1] for row in found}
            changes = [
                (item.seq, item.new)
                for item in items
                if item.ref is None and stored.get(item.seq) == item.old
            ]
            records = []
            for item in items:
                if item.ref is None:
                    continue
                scope, key = item.ref
                for row in session.fetch(ask.record, {"scope": scope, "key": key}):
                    record = Record(*row)
                    if (record.version, record.blob) == (item.version, item.old):
                        records.append(record._replace(blob=item.new))
            done = len(changes) + len(records)
            if not done:
                return None
            return Changeset(head, head, known, records, resealed=changes)

        refs = [item.ref for item in items if item.ref is not None]
        self._writer.alone(work, refs)
        return done

    def scrub(self) -> None:
        """Do nothing: when dead rows go is the server's affair (VACUUM, on PostgreSQL)."""

    def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        swept = Swept(0, 0, True)
        after: Head | None = None

        def work(session: Session, head: Head, _: dict[Ref, Known]) -> Changeset | None:
            nonlocal swept, after
            rows = session.fetch(ask.due, {"now": now, "limit": limit + 1})
            known = {Ref(row[0], row[1]): Known(*row[2:]) for row in rows[:limit]}
            plan = Plan(known, head.seq, journal=self._has_journal)
            purged = [ref for ref in known if not plan.sweep(ref, now)]
            expired = len(known) - len(purged)
            # An entry that expired long ago leaves a tombstone whose time is up as well.
            again = any((record.expires_at or 0) <= now for record in plan.records.values())
            swept = Swept(expired, len(purged), len(rows) <= limit and not again)
            if not known:
                return None
            after = Head(plan.last, head.commits + (expired > 0), head.floor)
            records, changes = plan.records.values(), plan.changes
            return Changeset(head, after, known, records, changes, purged=purged)

        self._writer.alone(work)
        if after is not None:
            self._writer.position.heard(after.seq, after.commits)
        return swept


def _change(row: tuple[Any, ...], values: bool) -> Change:
    return Change(*(row if values else (*row, b"")))


def _walk(session: Session, start: int | None, below: int | None, limit: int | None) -> list[int]:
    """Return the numbers of a key's changes, the latest first, without fetching their values."""
    seqs: list[int] = []
    while start is not None and (limit is None or len(seqs) < limit):
        steps = session.fetch(ask.chain, {"start": start, "count": ask.CHAIN})
        seqs += [seq for seq, _, version in steps if below is None or version < below]
        start = steps[-1][1] if len(steps) == ask.CHAIN else None
    return seqs[:limit]
