"""The statements of the SQLite store as text, and how to fill in what they want.

They were compiled from SQLAlchemy Core by ``composing.py``, which says what each does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

__all__ = [
    "FILE",
    "MOST_AT_ONCE",
    "NO_NUMBER",
    "NO_TEXT",
    "REWRITES_AT_ONCE",
    "Statement",
    "Statements",
    "parts",
    "parts_by_scope",
    "rows_at_once",
    "table_texts",
    "variant",
]

T = TypeVar("T")
FILE: Final = Path(__file__).with_name("statements.json")
#: How many keys or changes one statement reads; longer lists take several.
MOST_AT_ONCE: Final = 256
#: How many entries one statement rewrites; with more at once there is little left to save.
REWRITES_AT_ONCE: Final = (32, 1)
#: What stands for NULL where a value may be missing: binding None takes the driver as long as
#: four other values.
NO_NUMBER: Final = -(2**63) + 1
NO_TEXT: Final = ""


class Statement(NamedTuple):
    """Text for the driver and the names of its positional parameters, in order."""

    text: str
    names: tuple[str, ...]

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """Put named values into the order the text wants; values it has no use for are left."""
        return tuple(values[name] for name in self.names)


class Statements:
    """All statements: those of one form as plain text, the others by their length or conditions.

    ``insert``, ``upsert`` and ``insert_change`` want the rows of rows.py, ``replace`` a record's
    without its address, then the row id and the version it replaces.
    """

    insert: str
    replace: str
    upsert: str
    known_one: str
    known_scope: str
    due: str
    purge: str
    read_one: str
    totals: str
    pin: str
    insert_change: str
    last: str
    facts: str
    set_fact: str
    oldest: str
    forget: str
    apply_rewrites: str
    any_entry: str
    last_row: str
    journal_inserted: str
    reseal_entry: str
    reseal_change: str
    forget_deletion: str

    def __init__(self) -> None:
        self._all = {
            name: Statement(text, tuple(names))
            for name, (text, names) in _composed()["statements"].items()
        }
        vars(self).update((name, self._all[name].text) for name in Statements.__annotations__)

    def read_many(self, count: int) -> str:
        """Return what reads entries of one scope: given that, ``count`` keys, and now."""
        return self._all[variant("read_many", str(count))].text

    def known_many(self, count: int) -> str:
        """Return what reads scope, key and the fields of a Known: given a scope and its keys."""
        return self._all[variant("known_many", str(count))].text

    def journal_rewrites(self, count: int) -> str:
        """Return what adds changes: given key, version, blob, expires_at and state class of each
        of ``count`` entries, then at, schema version, origin, scope, and at again.
        """
        return self._all[variant("journal_rewrites", str(count))].text

    def recall(self, count: int) -> str:
        """Return what reads ``count`` changes by their numbers."""
        return self._all[variant("recall", str(count))].text

    def changes(self, **conditions: bool) -> Statement:
        """Return what reads changes in order: ``values``, ``limit``."""
        return self._chosen("changes", conditions)

    def history(self, **conditions: bool) -> Statement:
        """Return what reads a key's changes, the latest first: ``values``, ``below``, ``limit``."""
        return self._chosen("history", conditions)

    def scan(self, **conditions: bool) -> Statement:
        """Return what reads a scope in order: ``values``, ``after``, ``upper``, ``limit``."""
        return self._chosen("scan", conditions)

    def scopes(self, **conditions: bool) -> Statement:
        """Return what counts entries by scope: ``upper``."""
        return self._chosen("scopes", conditions)

    @property
    def versions(self) -> Statement:
        """What counts the entries of users by scope and schema version."""
        return self._all["versions"]

    @property
    def walk(self) -> Statement:
        """What reads entries of all scopes in order: past ``scope`` and ``key``, ``limit``."""
        return self._all["walk"]

    def _chosen(self, name: str, conditions: dict[str, bool]) -> Statement:
        return self._all[variant(name, *(each for each, holds in conditions.items() if holds))]


@cache
def rows_at_once(text: str, count: int) -> str:
    """Return what inserts ``count`` rows where ``text`` inserts one."""
    into, _, rest = text.partition(" VALUES ")
    row, conflict, otherwise = rest.partition(" ON CONFLICT ")
    return f"{into} VALUES {', '.join([row] * count)}{conflict}{otherwise}"


def variant(name: str, *conditions: str) -> str:
    """Return the name of one form of a statement."""
    return " ".join((name, *sorted(conditions)))


def table_texts() -> tuple[list[str], list[str]]:
    """Return what makes the tables, and then the indexes, where they are missing."""
    composed = _composed()
    return composed["tables"], composed["indexes"]


@cache
def _composed() -> dict[str, Any]:
    composed: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return composed


def parts(items: Sequence[T]) -> Iterator[tuple[list[T], int]]:
    """Cut what one statement shall read into lists it can take, each with its length.

    Few texts serve every length: it is rounded up to a power of two, the last item repeated.
    """
    for start in range(0, len(items), MOST_AT_ONCE):
        part = items[start : start + MOST_AT_ONCE]
        count = 1 << (len(part) - 1).bit_length()
        yield [*part, *[part[-1]] * (count - len(part))], count


def parts_by_scope(refs: Iterable[tuple[str, str]]) -> Iterator[tuple[list[str], int]]:
    """Cut addresses into what one statement can read: a scope and then keys of it, and how many.

    SQLite would look for a list of (scope, key) pairs in the whole table, but finds a list of
    keys of one scope in the index.
    """
    keys: dict[str, list[str]] = {}
    for scope, key in refs:
        keys.setdefault(scope, []).append(key)
    for scope, of_scope in keys.items():
        for part, count in parts(of_scope):
            yield [scope, *part], count
