"""What a failover log holds: what is known of an entry, writes that wait, conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgpack

from llmspell.store.base import Check, Delete, Operation, Put, Ref, Row, Written
from llmspell.store.changes import Origin
from llmspell.store.plan import Known

__all__ = [
    "ABSENT",
    "CONFLICTED",
    "Base",
    "Conflict",
    "Entry",
    "Side",
    "View",
    "bases_of",
    "outcomes_of",
    "pack",
    "put_row",
]

#: The outcome of a write that the primary did not take.
CONFLICTED: Final = -1
_KINDS: Final[dict[str, Any]] = {"put": Put, "delete": Delete, "check": Check}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def pack(value: object) -> bytes:
    """Return a value of this module as bytes, for its own ``unpack``."""
    return msgpack.packb(value)  # type: ignore[no-any-return]


class View(NamedTuple):
    """What is known of one key: a Row without its address, then what became of our writes.

    ``blob`` is None when there is no entry; ``version`` is then 0 or that of its deletion.
    ``waiting`` is how many waiting batches have to do with it, and ``outcome`` the version at
    which the primary has our latest write of it: 0 when that was a deletion, CONFLICTED when
    it was refused, None when there was none yet.
    """

    version: int
    created_at: int
    updated_at: int
    schema_version: int
    state_class: str
    expires_at: int | None
    correlation_id: str | None
    blob: bytes | None
    waiting: int = 0
    outcome: int | None = None

    @classmethod
    def of(cls, row: Row | None) -> View:
        """Return what a read has shown."""
        return ABSENT if row is None else cls(*row[2:])

    @classmethod
    def unpack(cls, data: bytes) -> View:
        return cls(*msgpack.unpackb(data))

    def alive(self, at: int) -> bool:
        return self.blob is not None and (self.expires_at is None or self.expires_at > at)

    def row(self, ref: Ref, now: int) -> Row | None:
        return Row(*ref, *self[:8]) if self.alive(now) else None  # type: ignore[arg-type]

    def known(self) -> Known:
        alive = self.blob is not None
        return Known(self.version, self.created_at, self.expires_at, alive, None)


ABSENT: Final = View(0, 0, 0, 1, "standard", None, None, None)


class Base(NamedTuple):
    """What a write found of one key at ``at``: the version there, 0 for none, None for unknown.

    ``waiting`` tells that batches before it, which have to do with this key, waited as well.
    """

    scope: str
    key: str
    at: int
    version: int | None
    waiting: bool

    def demanded(self, view: View | None) -> int:
        """Return the version the primary must have now; CONFLICTED when it never can."""
        outcome = view.outcome if view is not None and self.waiting else None
        if outcome == CONFLICTED:
            return CONFLICTED
        # What was not known must not be there: nothing is overwritten that nobody saw.
        return (self.version if outcome is None else outcome) if self.version else 0


def put_row(put: Put, done: Written, origin: Origin) -> Row:
    """Return what a put has left behind."""
    return Row(
        put.scope,
        put.key,
        done.version,
        done.created_at,
        put.at,
        put.schema_version,
        put.state_class,
        put.expires_at,
        origin[2],
        put.blob,
    )


class Entry(NamedTuple):
    """One accepted batch that waits. ``token`` is unlike that of any other one."""

    token: str
    origin: Origin
    batch: tuple[Operation, ...]
    bases: tuple[Base, ...]

    @property
    def refs(self) -> list[Ref]:
        """The keys it has to do with, each once."""
        return [Ref(base.scope, base.key) for base in self.bases]

    @property
    def written(self) -> list[Ref]:
        """The keys it puts or deletes, each once."""
        return list(dict.fromkeys(Ref(*operation[:2]) for operation in self.operations))

    @property
    def operations(self) -> list[Operation]:
        """Its puts and deletes; what they demanded held when they were accepted."""
        return [
            operation._replace(if_version=None)
            for operation in self.batch
            if isinstance(operation, Put | Delete)
        ]

    def to_list(self) -> list[Any]:
        operations = [[_NAMES[type(operation)], *operation] for operation in self.batch]
        return [self.token, self.origin, operations, self.bases]

    @classmethod
    def from_list(cls, data: Sequence[Any]) -> Entry:
        token, origin, operations, bases = data
        return cls(
            token,
            Origin(*origin),
            tuple(_KINDS[kind](*fields) for kind, *fields in operations),
            tuple(Base(*base) for base in bases),
        )

    @classmethod
    def unpack(cls, data: bytes) -> Entry:
        return cls.from_list(msgpack.unpackb(data))


class Side(NamedTuple):
    """One key of a conflict.

    ``base`` is the version our write was based on, 0 for no entry, None when that was not
    known. ``ours`` and ``theirs`` are None where the key was to be, or is, deleted or absent.
    """

    scope: str
    key: str
    base: int | None
    ours: Row | None
    theirs: Row | None


class Conflict(NamedTuple):
    """A batch that was accepted here and that the primary no longer took.

    ``at`` is when it was accepted, ``found_at`` when it was refused. ``problem`` says why,
    unless it is that somebody else has written one of its keys.
    """

    id: int
    at: int
    found_at: int
    problem: str | None
    entry: Entry
    theirs: Mapping[Ref, Row]

    @property
    def origin(self) -> Origin:
        """Whom our write belongs to."""
        return self.entry.origin

    @property
    def sides(self) -> list[Side]:
        """Both sides of each key our write put or deleted."""
        bases = {Ref(base.scope, base.key): base.version for base in self.entry.bases}
        ours = self._ours()
        return [Side(*ref, bases[ref], ours[ref], self.theirs.get(ref)) for ref in ours]

    def _ours(self) -> dict[Ref, Row | None]:
        rows: dict[Ref, Row | None] = {}
        for operation in self.entry.operations:
            ref = Ref(*operation[:2])
            rows[ref] = None
            if isinstance(operation, Put):
                rows[ref] = put_row(operation, Written(0, operation.at, False, 1), self.origin)
        return rows

    def pack(self) -> bytes:
        rows = list(self.theirs.values())
        return pack([self.at, self.found_at, self.problem, self.entry.to_list(), rows])

    @classmethod
    def unpack(cls, number: int, data: bytes) -> Conflict:
        at, found_at, problem, entry, rows = msgpack.unpackb(data)
        theirs = {Ref(*row[:2]): Row(*row) for row in rows}
        return cls(number, at, found_at, problem, Entry.from_list(entry), theirs)


def bases_of(batch: Iterable[Operation], views: Mapping[Ref, View]) -> tuple[Base, ...]:
    """Return what a batch finds of each of its keys."""
    bases: dict[Ref, Base] = {}
    for operation in batch:
        ref = Ref(*operation[:2])
        if ref not in bases:
            view, at = views.get(ref), operation.at
            if view is None:
                bases[ref] = Base(*ref, at, None, False)
            else:
                bases[ref] = Base(*ref, at, view.version if view.alive(at) else 0, view.waiting > 0)
    return tuple(bases.values())


def outcomes_of(operations: Iterable[Operation], written: Iterable[Written]) -> dict[Ref, int]:
    """Return the version at which each key is now, 0 where it was deleted."""
    return {
        Ref(*operation[:2]): done.version if isinstance(operation, Put) else 0
        for operation, done in zip(operations, written, strict=True)
    }
