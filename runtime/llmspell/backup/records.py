"""What chunks hold: entries, deletions and changes, and how each of them has to look.

What is read from a backup may have been made by anybody, so nothing is taken for a record that
is not formed like one; above all no address among llmspell's own scopes, where the keys are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from llmspell.store.base import FIRST_SCOPE, Row
from llmspell.store.changes import Change

__all__ = ["FIELDS", "Changed", "Gone", "Malformed", "Record", "Row", "checked"]

_Column: TypeAlias = Sequence[Any]

_INT_MAX: Final = 2**63 - 1
_INT_MIN: Final = -(2**63)
_NONE: Final = frozenset({type(None)})
#: The times that can be told: the years 1 to 9998.
_FIRST_US: Final = -62_135_596_800_000_000
_LAST_US: Final = 253_370_764_800_000_000


class Gone(NamedTuple):
    """A key that was there in the base and is no more; ``version`` is the one its end took."""

    scope: str
    key: str
    version: int
    at: int


class Changed(NamedTuple):
    """A change of the journal. ``blob`` is empty for a ``delete`` and an ``expire``.

    ``updated_at`` and ``correlation_id`` are the entry's own: after a restore they differ from
    ``at``, the time of the change, and from whom that belongs to.
    """

    seq: int
    at: int
    scope: str
    key: str
    op: str
    version: int
    created_at: int
    updated_at: int
    schema_version: int
    state_class: str
    expires_at: int | None
    actor: str | None
    run_id: str | None
    correlation_id: str | None
    blob: bytes

    @classmethod
    def of(cls, change: Change, row: Row | None) -> Changed:
        """Return a change as it is kept; ``row`` is the entry as it is now.

        An entry that a restore put back has older facts than the change of the journal. Where it
        is as it was since, the entry knows; the journal does not.
        """
        updated_at, correlation_id = change.at, change.correlation_id
        if row is not None and row.version == change.version and change.op == "put":
            updated_at, correlation_id = row.updated_at, row.correlation_id
        return cls(*change[:7], updated_at, *change[7:12], correlation_id, change.blob)


Record: TypeAlias = Row | Gone | Changed


class Malformed(ValueError):
    """What was read is no record; the message says why, without any value."""


class _Kind(NamedTuple):
    """What a field may hold: ``is_fit`` looks at all values of one field that are not None."""

    types: frozenset[type]
    is_fit: Callable[[_Column], bool]


def _within(least: int, most: int) -> Callable[[_Column], bool]:
    return lambda column: least <= min(column) and max(column) <= most


def _text_from(least: str) -> Callable[[_Column], bool]:
    return lambda column: least <= min(column)


_TIME: Final = _Kind(frozenset({int}), _within(_FIRST_US, _LAST_US))
_NUMBER: Final = _Kind(frozenset({int}), _within(0, _INT_MAX))
_VERSION: Final = _Kind(frozenset({int}), _within(1, _INT_MAX))
# Internal scopes come before all others, and no text is empty: it would begin before these.
_SCOPE: Final = _Kind(frozenset({str}), _text_from(FIRST_SCOPE))
_TEXT: Final = _Kind(frozenset({str}), _text_from("\0"))
_OP: Final = _Kind(frozenset({str}), frozenset({"put", "delete", "expire"}).issuperset)
_ANY_BLOB: Final = _Kind(frozenset({bytes}), lambda column: True)
_BLOB: Final = _Kind(frozenset({bytes}), all)
_END_OR_NONE: Final = _Kind(frozenset({int}) | _NONE, _within(_INT_MIN, _INT_MAX))
_TEXT_OR_NONE: Final = _TEXT._replace(types=_TEXT.types | _NONE)

_KINDS: Final[dict[str, _Kind]] = {
    "scope": _SCOPE,
    "key": _TEXT,
    "version": _VERSION,
    "at": _TIME,
    "created_at": _TIME,
    "updated_at": _TIME,
    "schema_version": _NUMBER,
    "state_class": _TEXT,
    "expires_at": _END_OR_NONE,
    "actor": _TEXT_OR_NONE,
    "run_id": _TEXT_OR_NONE,
    "correlation_id": _TEXT_OR_NONE,
    "seq": _VERSION,
    "op": _OP,
    "blob": _ANY_BLOB,
}

_TYPES: Final[tuple[Any, ...]] = (Row, Gone, Changed)
#: The names of the fields by their number, which tells the records apart.
FIELDS: Final[dict[int, tuple[str, ...]]] = {len(kind._fields): kind._fields for kind in _TYPES}
_FORMS: Final = {size: [(name, _KINDS[name]) for name in fields] for size, fields in FIELDS.items()}
_FORMS[len(Row._fields)][-1] = ("blob", _BLOB)
# A third of what calling the class costs; whose fields they are is known by then.
_MAKE: Final[dict[int, Callable[[Any], Any]]] = {
    len(kind._fields): partial(tuple.__new__, kind) for kind in _TYPES
}
_OP_AT: Final = Changed._fields.index("op")


def checked(batch: Sequence[Any]) -> list[Record]:
    """Return the records made of tuples of fields. Raises Malformed for what is none.

    It looks at one field of all of them at a time, which costs a third of looking at each.
    """
    if set(map(type, batch)) - {tuple}:
        raise Malformed("something in it is no record")
    sizes = set(map(len, batch))
    for size in sizes:
        same = batch if len(sizes) == 1 else [fields for fields in batch if len(fields) == size]
        _check_alike(size, same)
    if len(sizes) == 1:
        return list(map(_MAKE[sizes.pop()], batch))
    return [_MAKE[len(fields)](fields) for fields in batch]


def _check_alike(size: int, batch: Sequence[tuple[Any, ...]]) -> None:
    """Check records that have the same number of fields."""
    form = _FORMS.get(size)
    if form is None:
        raise Malformed(f"a record has {size} fields, as none does")
    for (name, kind), column in zip(form, zip(*batch, strict=True), strict=True):
        types = set(map(type, column))
        if not types <= kind.types:
            raise Malformed(f"the {name} of a record is of the wrong type")
        values = column if types.isdisjoint(_NONE) else [one for one in column if one is not None]
        if values and not kind.is_fit(values):
            raise Malformed(f"the {name} of a record cannot be")
    if size == len(Changed._fields):
        for fields in batch:
            if bool(fields[-1]) != (fields[_OP_AT] == "put"):
                raise Malformed("a change that puts nothing has a value, or one that puts has none")
