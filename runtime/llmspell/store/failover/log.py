"""The local file of a failover store: writes that wait, what is known meanwhile, conflicts.

It is a store of its own, whose entries are all INTERNAL. Any number of processes share it.
One entry, the head, takes part in every change, and its version is demanded by each: so
changes happen one after the other, and the version a write gives it is the write's number.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

import msgpack

from llmspell.errors import InvalidArgument, VersionConflict, WrongKey
from llmspell.store.base import INTERNAL, Delete, Operation, Put, Ref, Row, Store, Written
from llmspell.store.changes import Origin
from llmspell.store.clock import Clock
from llmspell.store.failover.copies import Known, is_older, view_bytes
from llmspell.store.failover.local import LocalStore, plain_name, start_of
from llmspell.store.failover.values import (
    ABSENT,
    CONFLICTED,
    Conflict,
    Entry,
    View,
    bases_of,
    pack,
)
from llmspell.store.plan import Plan, touched

if TYPE_CHECKING:
    from llmspell.security.keys.master import MasterKey, Passphrase
    from llmspell.security.keys.ring import KeyRing

__all__ = ["LOG_SCOPES", "FailoverLog", "Head"]

_HEAD: Final = Ref(INTERNAL + "failover", "head")
_RING: Final = Ref(_HEAD.scope, "ring")
_ENTRIES: Final = INTERNAL + "failover.waiting"
_VIEWS: Final = INTERNAL + "failover.view"
_COPIES: Final = INTERNAL + "failover.copy"
_CONFLICTS: Final = INTERNAL + "failover.conflict"
#: Where everything is that the file holds.
LOG_SCOPES: Final = (_HEAD.scope, _CONFLICTS, _COPIES, _VIEWS, _ENTRIES)
_LONGEST_PAUSE_S: Final = 0.005
_COPIES_AT_ONCE: Final = 1000


class Head(NamedTuple):
    """The log's name, which no other one has, and its counts; ``version`` is that of the entry.

    ``primary`` is the name of the database that the log belongs to, as far as that is known.
    """

    version: int
    name: str
    waiting: int = 0
    conflicts: int = 0
    copied_bytes: int = 0
    primary: str | None = None


class FailoverLog:
    """Owns ``store``, in which ``name`` says what an entry is called. Thread-safe.

    Raises as a store does; VersionConflict only from ``write``.
    """

    def __init__(
        self,
        store: Store,
        *,
        cache_bytes: int,
        clock: Clock,
        name: Callable[[Ref], str] = plain_name,
    ) -> None:
        self._store = store
        self._name = name
        self._cache_bytes = cache_bytes
        self._clock = clock
        self._primary: str | None = None

    def close(self) -> None:
        self._store.close()

    def change_master_key(self, master: MasterKey | Passphrase) -> None:
        """Have another master key open the file from now on, if one has to."""
        if isinstance(self._store, LocalStore):
            self._store.change_master_key(master)

    def keep_ring(self, ring: KeyRing, master: MasterKey | Passphrase) -> None:
        """Keep the key ring of the primary; it is wrapped with the master key, as it is there."""
        kept = self.kept_ring(master)
        if kept is None or kept.facts != ring.facts:
            self._store.write([self._put(*_RING, ring.pack())])

    def kept_ring(self, master: MasterKey | Passphrase) -> KeyRing | None:
        """Return the key ring that was kept, if there is one and this key opens it."""
        from llmspell.security.keys.ring import KeyRing

        (row,) = self._store.read([_RING])
        with suppress(WrongKey):
            return None if row is None else KeyRing.unpack(row.blob, master)
        return None

    def head(self) -> Head:
        """Return the counts of this moment."""
        return _head(self._store.read([_HEAD])[0])

    def belong_to(self, primary: str) -> None:
        """Say which database this is for, by its name; what is known of another one goes."""
        self._primary = primary
        while (head := self.head()).primary not in (None, primary):
            gone = [*self._deletions(""), Delete(*_RING, self._clock())]
            if self._change(head, head._replace(copied_bytes=0), gone):
                return

    # What is known -------------------------------------------------------------------------

    def views(self, refs: Sequence[Ref]) -> tuple[Head, dict[Ref, View]]:
        """Return what is known of these keys; of others nothing is known."""
        places = [Ref(place, self._name(ref)) for ref in refs for place in (_VIEWS, _COPIES)]
        head, *rows = self._store.read([_HEAD, *places])
        found = {}
        for index, ref in enumerate(refs):
            row = rows[2 * index] or rows[2 * index + 1]
            if row is not None:
                found[ref] = View.unpack(row.blob)
        return _head(head), found

    def keep(self, known: Known) -> None:
        """Keep what the primary held; when there is no more room, what is here already goes."""
        self._forget_copies(known)
        items = list(known.views.items())
        for start in range(0, len(items), _COPIES_AT_ONCE):
            part = items[start : start + _COPIES_AT_ONCE]
            while not self._keep_part(part):
                pass

    def keep_absent(self, refs: Sequence[Ref]) -> None:
        """Keep that these keys were absent, unless something else is known of them."""
        while True:
            head, views = self.views(refs)
            absent = [(ref, ABSENT) for ref in refs if ref not in views]
            if not absent or self._keep_part(absent, head):
                return

    def _keep_part(self, part: Sequence[tuple[Ref, View]], head: Head | None = None) -> bool:
        """Keep some copies, none over a newer one; False if others wrote since ``head``."""
        places = [Ref(_COPIES, self._name(ref)) for ref, _ in part]
        first, *rows = self._store.read([_HEAD, *places])
        head, size, puts = head or _head(first), 0, []
        for (ref, view), place, row in zip(part, places, rows, strict=True):
            if not is_older(view, None if row is None else View.unpack(row.blob)):
                puts.append(self._put(*place, pack(view)))
                size += view_bytes(ref, view)
        total = head.copied_bytes + size
        full = total > self._cache_bytes and head.copied_bytes
        gone = self._deletions("") if full else []
        counted = head._replace(copied_bytes=size if gone else total)
        return self._change(head, counted, [*gone, *puts])

    def _forget_copies(self, known: Known) -> None:
        """Drop what is no longer the latest that was seen of its key."""
        while known.gone is None or known.gone or known.cleared:
            head, gone = self.head(), [] if known.gone is None else list(known.gone)
            places = [Ref(_COPIES, self._name(ref)) for ref in gone]
            deletions: list[Operation] = [
                Delete(row.scope, row.key, self._clock())
                for row in self._store.read(places)
                if row is not None
            ]
            for prefix in [""] if known.gone is None else map(start_of, known.cleared):
                deletions += self._deletions(prefix)
            if not deletions or self._change(head, head, deletions):
                return

    def _deletions(self, prefix: str) -> list[Operation]:
        rows = self._store.scan(_COPIES, prefix=prefix, values=False)
        return [Delete(_COPIES, row.key, self._clock()) for row in rows]

    # Writes that wait ----------------------------------------------------------------------

    def write(
        self, batch: Sequence[Operation], origin: Origin, durability: str | None
    ) -> list[Written] | None:
        """Accept a batch by what is known; None if it asks for more than is known.

        Raises VersionConflict for a precondition that does not hold here.
        """
        refs, _ = touched(batch)
        refs = [Ref(*ref) for ref in refs]
        while True:
            head, views = self.views(refs)
            if not _is_enough(batch, views):
                return None
            plan = Plan({ref: view.known() for ref, view in views.items()}, 0, journal=False)
            written = plan.apply(batch, origin)
            if not any(done.count for done in written):
                return written
            entry = Entry(uuid4().hex, origin, tuple(batch), bases_of(batch, views))
            puts = [self._put(_ENTRIES, _number(head.version + 1), pack(entry.to_list()))]
            for ref in entry.refs:
                view, record = views.get(ref, ABSENT), plan.records.get(ref)
                if record is not None:
                    view = View(*record[2:10], view.waiting, view.outcome)
                view = view._replace(waiting=view.waiting + 1)
                puts.append(self._put(_VIEWS, self._name(ref), pack(view)))
            counted = head._replace(waiting=head.waiting + 1)
            if self._change(head, counted, puts, durability):
                return written

    def first(self, after: int) -> tuple[int, Entry, dict[Ref, View]] | None:
        """Return the write that has waited longest, its number, and the views it builds on.

        ``after`` is a number up to which none waits: to look there takes longer with each
        that did.
        """
        rows = self._store.scan(_ENTRIES, after=_number(after), limit=1)
        if not rows:
            return None
        entry = Entry.unpack(rows[0].blob)
        _, views = self.views(entry.refs)
        return int(rows[0].key), entry, views

    def settle(
        self,
        number: int,
        entry: Entry,
        outcomes: Mapping[Ref, int],
        *,
        problem: str | None = None,
        theirs: Mapping[Ref, Row] | None = None,
    ) -> None:
        """Take a write off the list: applied, with the versions at the primary, or a conflict.

        It is one when ``theirs`` is given: what the primary has of the keys it writes. Does
        nothing if another process was first.
        """
        written = set(entry.written)
        while True:
            head, views = self.views(entry.refs)
            (row,) = self._store.read([Ref(_ENTRIES, _number(number))])
            if row is None:
                return
            now = self._clock()
            changes: list[Operation] = [Delete(_ENTRIES, row.key, now)]
            for ref, view in views.items():
                outcome = outcomes.get(ref, CONFLICTED) if ref in written else view.outcome
                seen = None if theirs is None else View.of(theirs.get(ref))
                changes += self._settled(ref, view._replace(outcome=outcome), seen)
            counted = head._replace(waiting=head.waiting - 1)
            if theirs is not None:
                counted = counted._replace(conflicts=head.conflicts + 1)
                conflict = Conflict(number, row.created_at, now, problem, entry, theirs)
                changes.append(self._put(_CONFLICTS, row.key, conflict.pack()))
            if self._change(head, counted, changes):
                return

    def _settled(self, ref: Ref, view: View, theirs: View | None) -> Iterable[Operation]:
        """Keep what is known of a key that one batch less has to do with."""
        name, now = self._name(ref), self._clock()
        if view.waiting > 1:
            return [self._put(_VIEWS, name, pack(view._replace(waiting=view.waiting - 1)))]
        if view.outcome != CONFLICTED:
            version = view.outcome or view.version
            theirs = view._replace(version=version, waiting=0, outcome=None)
        if theirs is None:
            return [Delete(_VIEWS, name, now), Delete(_COPIES, name, now)]
        return [Delete(_VIEWS, name, now), self._put(_COPIES, name, pack(theirs))]

    # Conflicts -----------------------------------------------------------------------------

    def conflicts(self) -> list[Conflict]:
        """Return all of them, the oldest first."""
        rows = self._store.scan(_CONFLICTS)
        return [Conflict.unpack(int(row.key), row.blob) for row in rows]

    def conflict(self, number: int) -> Conflict:
        """Return one of them. Raises InvalidArgument if there is none of that number."""
        (row,) = self._store.read([Ref(_CONFLICTS, _number(number))])
        if row is None:
            raise InvalidArgument(
                f"there is no conflict {number}",
                hint="list them again: it may have been resolved",
                parameter="conflict",
            )
        return Conflict.unpack(number, row.blob)

    def replace_conflicts(self, changed: Sequence[Conflict], *, resolved: int | None) -> None:
        """Keep conflicts anew, and take one off the list, if it is there."""
        while True:
            head = self.head()
            places = [Ref(_CONFLICTS, _number(conflict.id)) for conflict in changed]
            if resolved is not None:
                places.append(Ref(_CONFLICTS, _number(resolved)))
            there = [row is not None for row in self._store.read(places)]
            changes: list[Operation] = [
                self._put(_CONFLICTS, place.key, conflict.pack())
                for place, conflict, found in zip(places, changed, there, strict=False)
                if found
            ]
            if resolved is not None and there[-1]:
                changes.append(Delete(*places[-1], self._clock()))
                head = head._replace(conflicts=head.conflicts - 1)
            if self._change(head, head, changes):
                return

    # Inside --------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Let go of what is left of writes that waited long ago."""
        self._store.sweep(self._clock())

    def _put(self, scope: str, key: str, blob: bytes) -> Put:
        return Put(scope, key, blob, self._clock())

    def _change(
        self,
        former: Head,
        head: Head,
        changes: Sequence[Operation],
        durability: str | None = None,
    ) -> bool:
        """Make changes that follow ``former``; False, after a moment, if others were faster."""
        head = head._replace(primary=self._primary or head.primary)
        renewed = Put(*_HEAD, pack(head[1:]), self._clock(), if_version=former.version)
        with suppress(VersionConflict):
            self._store.write([renewed, *changes], durability=durability)
            return True
        time.sleep(random.random() * _LONGEST_PAUSE_S)
        return False


def _head(row: Row | None) -> Head:
    return Head(0, uuid4().hex) if row is None else Head(row.version, *msgpack.unpackb(row.blob))


def _number(number: int) -> str:
    return f"{number:020d}"


def _is_enough(batch: Iterable[Operation], views: Mapping[Ref, View]) -> bool:
    """Tell whether all is known that a batch depends on: what it puts blindly need not be."""
    seen: set[Ref] = set()
    for operation in batch:
        ref = Ref(*operation[:2])
        blind = isinstance(operation, Put) and operation.if_version is None
        if not blind and ref not in views and ref not in seen:
            return False
        seen.add(ref)
    return True
