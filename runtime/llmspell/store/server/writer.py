"""Writes of many threads, committed together: one transaction serves all that wait for it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Final

from llmspell.errors import EncryptionError, StorageError, VersionConflict
from llmspell.store.backend import RingSeen, Seal
from llmspell.store.base import KEY_RING, Operation, Ref, WriteResult, Written
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.plan import Known, Plan, Record, touched
from llmspell.store.requests import own_copy
from llmspell.store.restoring import Restorer
from llmspell.store.server import statements as ask
from llmspell.store.server.position import Position
from llmspell.store.server.session import Changeset, Head, Session
from llmspell.store.server.transaction import Transactor, Work

__all__ = ["GroupWriter"]

#: One transaction takes batches until they have this many operations together.
_MOST_TOGETHER: Final = 2000
#: What befalls the whole transaction: each batch alone would fare no better.
_SHARED_FATE: Final = frozenset(
    {"unavailable", "locked", "read_only", "disk_full", "authentication", "unknown_outcome"}
)


class _Request:
    """One thread's batch, and what became of it. ``turn`` is released when there is news."""

    def __init__(self, batch: Sequence[Operation], origin: Origin, *, joins: bool = True) -> None:
        self.batch = batch
        self.origin = origin
        self.joins = joins
        self.refs, self.scopes = touched(batch)
        self.written: list[Written] = []
        self.seq = self.before = self.after = 0
        self.error: BaseException | None = None
        self.done = self.leads = False
        self.turn = Lock()
        self.turn.acquire()


class GroupWriter:
    """Lets one thread at a time write, for itself and for those that came meanwhile.

    A conflict fails the batch that has it and no other, as does a value that cannot be sealed.
    """

    def __init__(self, transactor: Transactor, position: Position, *, journal: bool) -> None:
        self.position = position
        self.seal: Seal | None = None
        self.ring_seen: RingSeen | None = None
        self.restorer = Restorer()
        self._ring_version = 0
        self._transactor = transactor
        self._journal = journal
        self._lock = Lock()
        self._busy = False
        self._waiting: deque[_Request] = deque()

    def write(self, batch: Sequence[Operation], origin: Origin) -> WriteResult:
        """Apply a batch; see Store.write."""
        self.restorer.refuse_own()
        request = _Request(batch, origin)
        try:
            self._await_turn(request)
            if not request.done:
                self._lead(request)
        except BaseException:
            self._withdraw(request)
            raise
        if request.error is not None:
            raise own_copy(request.error)
        return WriteResult(request.written, request.before, request.after, request.seq)

    def alone(self, work: Work, refs: Sequence[Ref] = (), *, once: bool = False) -> None:
        """Do other work that needs the right to write, when it is its turn.

        It is told what the server knows of ``refs``. See ``Transactor.run`` for ``once``.
        """
        self.restorer.refuse_own()
        request = _Request((), NOBODY, joins=False)
        try:
            self._await_turn(request)
            self._transactor.run(refs, (), work, once=once)
        finally:
            self._withdraw(request)

    def before_fork(self) -> None:
        """Let nobody come or go."""
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Go on; in the child nobody else is there to wait or to write."""
        if in_child:
            self._busy = False
            self._waiting.clear()
            self._transactor.forget()
            self.restorer.forget_others()
        self._lock.release()

    def _await_turn(self, request: _Request) -> None:
        """Return when the request is done, or when its thread must do the writing."""
        with self._lock:
            if not self._busy:
                request.leads = True  # first, so that an interrupt finds who has the turn
                self._busy = True
                return
            self._waiting.append(request)
        request.turn.acquire()

    def _withdraw(self, request: _Request) -> None:
        """Leave, and give the turn on if it is this request's: an interrupt can strike anywhere."""
        with self._lock:
            if request in self._waiting:
                self._waiting.remove(request)
        if request.leads:
            self._pass_on(request, ())

    def _lead(self, request: _Request) -> None:
        group, size = [request], len(request.batch)
        with self._lock:
            for other in list(self._waiting):
                if other.joins and size + len(other.batch) <= _MOST_TOGETHER:
                    group.append(other)
                    size += len(other.batch)
                    self._waiting.remove(other)
        try:
            self._serve(group)
        except BaseException:
            for other in group[1:]:
                other.error = other.error or _interrupted()
            raise
        finally:
            self._pass_on(request, group[1:])

    def _pass_on(self, leader: _Request, served: Sequence[_Request]) -> None:
        """Wake those who were served, and whoever is to write next."""
        with self._lock:
            leader.leads = False
            following = self._waiting.popleft() if self._waiting else None
            if following is None:
                self._busy = False
            else:
                following.leads = True
        for request in served:
            request.done = True
            request.turn.release()
        if following is not None:
            following.turn.release()

    def _serve(self, group: Sequence[_Request]) -> None:
        try:
            self._commit(group)
        except StorageError as error:
            if len(group) > 1 and error.details.get("reason") not in _SHARED_FATE:
                for request in group:
                    self._serve([request])
            else:
                for request in group:
                    request.error = error
        except Exception as error:
            for request in group:
                request.error = error

    def _commit(self, group: Sequence[_Request]) -> None:
        as_of = 0.0

        def work(session: Session, head: Head, known: dict[Ref, Known]) -> Changeset | None:
            nonlocal as_of
            as_of = time.monotonic()  # nobody else can commit until this transaction ends
            self.look_at_ring(session, known)
            return _plan(group, head, known, journal=self._journal, seal=self.seal)

        refs = dict.fromkeys(ref for request in group for ref in request.refs)
        if self.ring_seen is not None:
            refs[KEY_RING] = None  # along with the others it costs next to nothing
        scopes = dict.fromkeys(scope for request in group for scope in request.scopes)
        self._transactor.run(list(refs), list(scopes), work)
        for request in group:
            if request.error is None:
                request.before, request.after = self.position.wrote(
                    request.seq, request.before, request.after, as_of=as_of
                )

    def look_at_ring(self, session: Session, known: dict[Ref, Known]) -> None:
        """Tell of a key ring that others have changed since this store's last write."""
        found = known.get(KEY_RING)
        if self.ring_seen is None or found is None or found.version == self._ring_version:
            return
        for row in session.fetch(ask.record, {"scope": KEY_RING.scope, "key": KEY_RING.key}):
            record = Record(*row)
            if record.blob is not None:
                self.ring_seen(record.version, record.blob)
            self._ring_version = record.version


def _plan(
    group: Sequence[_Request],
    head: Head,
    known: dict[Ref, Known],
    *,
    journal: bool,
    seal: Seal | None,
) -> Changeset | None:
    """Work out what all do together; each counts as a commit of its own."""
    plan = Plan(known, head.seq, journal=journal, seal=seal)
    commits = head.commits
    for request in group:
        request.error = None
        try:
            request.written = plan.apply(request.batch, request.origin)
        except (VersionConflict, EncryptionError) as error:
            request.error = error
            continue
        request.before, commits = commits, commits + 1
        request.after, request.seq = commits, plan.last
    if plan.records:
        after = Head(plan.last, commits, head.floor)
        return Changeset(head, after, known, plan.records.values(), plan.changes)
    for request in group:
        request.before = request.after = head.commits
    return None


def _interrupted() -> StorageError:
    return StorageError(
        "the thread that wrote for this one was interrupted",
        hint="load what was written to see; nothing was half-written",
        reason="unknown_outcome",
    )
