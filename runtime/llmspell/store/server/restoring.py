"""Restoring a store on a server: one transaction, which holds no more in memory than a batch."""

from __future__ import annotations

import time

from llmspell.store.base import Ref, Rewritten
from llmspell.store.changes import Origin
from llmspell.store.plan import Known, Plan
from llmspell.store.restoring import Batches, came_twice, refs_of
from llmspell.store.server.session import Changeset, Head, Session
from llmspell.store.server.writer import GroupWriter

__all__ = ["Restoration"]


class Restoration:
    """The work of a transaction that stores batches as they come. To be done once.

    It is told what the server knows of the key ring.
    """

    def __init__(
        self, writer: GroupWriter, batches: Batches, origin: Origin, *, journal: bool
    ) -> None:
        self._writer = writer
        self._batches = batches
        self._origin = origin
        self._journal = journal
        self._before = self._after = Head(0, 0, 0)
        self._as_of = 0.0

    def __call__(self, session: Session, head: Head, known: dict[Ref, Known]) -> Changeset | None:
        self._writer.look_at_ring(session, known)
        self._before = self._after = head
        with self._writer.restorer.at_work():
            changeset = self._store(session, head)
        self._as_of = time.monotonic()  # nobody else can commit until this transaction ends
        if changeset is not None:
            self._after = changeset.head
        return changeset

    def _store(self, session: Session, head: Head) -> Changeset | None:
        """Store all but the last batch that changes anything, which is for the commit.

        By that one it can be told what became of it.
        """
        held: Changeset | None = None
        in_held: set[Ref] = set()
        last, end = head.seq, head.commits + 1
        for batch in self._batches:
            refs = refs_of(batch)
            for ref in in_held.intersection(refs):
                raise came_twice(*ref)
            known = session.look_up(refs)
            plan = Plan(known, last, journal=self._journal, seal=self._writer.seal)
            plan.restore(batch, self._origin, since=head.seq)
            if plan.records:
                if held is not None:
                    session.store(held)
                last, in_held = plan.last, set(plan.records)
                after = Head(last, end, head.floor)
                held = Changeset(head, after, known, plan.records.values(), plan.changes)
        return held

    def result(self) -> Rewritten:
        """Return the epochs around it, and where the journal ends."""
        before, after = self._before, self._after
        epochs = self._writer.position.wrote(
            after.seq, before.commits, after.commits, as_of=self._as_of
        )
        return Rewritten(*epochs, after.seq)
