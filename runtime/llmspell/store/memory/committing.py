"""What a memory store holds and how a plan becomes part of it: all of it, or nothing."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from threading import Condition, Lock, get_ident
from typing import Any, Final

from llmspell.store.backend import RingSeen, Seal
from llmspell.store.base import Ref, Rewritten, WriteResult, Written
from llmspell.store.clock import Clock, system_clock
from llmspell.store.forking import hold_over_fork
from llmspell.store.holds import HOLDS, holds_in
from llmspell.store.memory.journal import MemoryJournal
from llmspell.store.memory.reader import MemoryReader, Scope
from llmspell.store.plan import Known, Plan
from llmspell.store.restoring import Restorer

__all__ = ["MemoryCommits"]

_new_result: Any = partial(tuple.__new__, WriteResult)
_LEAST_EXPIRING: Final = 10_000


class MemoryCommits(MemoryReader):
    """The dictionaries of a store, its journal, and who may change them."""

    def __init__(
        self,
        *,
        journal: bool = True,
        keep_changes: int | None = None,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__({}, Lock(), clock)
        self.seal: Seal | None = None
        self.ring_seen: RingSeen | None = None
        self._epoch = 0
        self._journal = MemoryJournal(keep_changes, self._held) if journal else None
        self._expiring: list[tuple[int, str, str]] = []
        self._most_expiring = _LEAST_EXPIRING
        self._written = Condition(self._lock)
        self._waiting = 0
        self._restorer = Restorer()
        self._restored = Condition(self._lock)
        hold_over_fork(self)

    def _held(self) -> int | None:
        """Return the position that a migration under way may have to go back to."""
        space = self._scopes.get(HOLDS.scope)
        record = None if space is None else space.records.get(HOLDS.key)
        holds = holds_in(None if record is None else record.blob)
        return min((hold.seq for hold in holds if hold.runs), default=None)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let nobody else write; waits until nobody restores, as writers do."""
        mine = False
        try:
            with self._lock:
                self._check_writable()
                mine = True
                self._restorer.thread = get_ident()
            yield
        finally:
            if mine:
                with self._lock:
                    self._restorer.thread = None
                    self._restored.notify_all()

    def _commit_whole(self, plan: Plan) -> Rewritten:
        """Commit what takes long enough for an interrupt to strike: all of it or nothing."""
        if not plan.records:
            return Rewritten(self._epoch, self._epoch, plan.last)
        scopes, journal = self._scopes, self._journal
        changes = None if journal is None else journal.state()
        for space in scopes.values():
            space.shared = True
        self._scopes = dict(scopes)
        try:
            return Rewritten(*self._commit(plan, [])[1:])
        except BaseException:
            self._scopes = scopes
            if journal is not None and changes is not None:
                journal.return_to(changes)
            self._epoch += 1
            raise

    def _check_writable(self) -> None:
        """Wait until nobody is restoring; raise if that is this thread, or after close."""
        while self._restorer.thread is not None:
            self._restorer.refuse_own()
            self._restored.wait()
        self._check_open()

    def _known(self, ref: Ref) -> Known | None:
        space = self._scopes.get(ref[0])
        return None if space is None else space.known(ref[1])

    def _plan(self, known: dict[Ref, Known]) -> Plan:
        journal = self._journal
        last = 0 if journal is None else journal.last
        return Plan(known, last, journal=journal is not None, seal=self.seal)

    def _commit(self, plan: Plan, written: list[Written]) -> WriteResult:
        for record in plan.records.values():
            space = self._own(record.scope)
            if record.blob is None:
                space.records.pop(record.key, None)
                space.tombstones[record.key] = Known(
                    record.version, record.created_at, record.expires_at, False, record.last_seq
                )
                space.order = None
            else:
                if record.key not in space.records:
                    space.order = None
                space.records[record.key] = record
                space.tombstones.pop(record.key, None)
            if record.expires_at is not None:
                heapq.heappush(self._expiring, (record.expires_at, record.scope, record.key))
        if len(self._expiring) > self._most_expiring:
            self._forget_former_expiries()
        if self._journal is not None:
            self._journal.add(plan.changes, plan.last)
        before = self._epoch
        self._epoch = before + 1
        if self._waiting:
            self._written.notify_all()
        return _new_result((written, before, before + 1, plan.last))  # type: ignore[no-any-return]

    def _forget_former_expiries(self) -> None:
        """Drop what was to expire and has been written again since, now that it has piled up."""
        self._expiring = [
            (expires_at, name, key)
            for name, space in self._scopes.items()
            for key in chain(space.records, space.tombstones)
            if (known := space.known(key)) and (expires_at := known.expires_at) is not None
        ]
        heapq.heapify(self._expiring)
        self._most_expiring = 2 * len(self._expiring) + _LEAST_EXPIRING

    def _own(self, name: str) -> Scope:
        """Return a scope to write to: made if missing, copied if a snapshot shares it."""
        space = self._scopes.get(name)
        if space is None:
            space = self._scopes[name] = Scope({}, {})
        elif space.shared:
            space = self._scopes[name] = space.copy()
        return space

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        # Whoever waited did so in the parent.
        if in_child:
            self._waiting = 0
            self._written = Condition(self._lock)
            self._restored = Condition(self._lock)
            self._restorer.forget_others()
        self._lock.release()
