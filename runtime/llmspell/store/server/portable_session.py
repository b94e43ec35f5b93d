"""One connection to any database server, through SQLAlchemy and nothing that is not portable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Table,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from llmspell.store.base import Ref
from llmspell.store.plan import Known, Record
from llmspell.store.server import statements as ask
from llmspell.store.server.session import Changeset, Head
from llmspell.store.server.tables import SERVER_SCHEMA_VERSION, entries, journal, meta, metadata

__all__ = ["PortableSession"]

_T = TypeVar("_T")
#: How many keys one statement names.
_MANY: Final = 256

_address: Final = tuple_(entries.c.scope, entries.c.key)
_count_commit: Final = update(meta).values(commits=meta.c.commits + 1)
_live: Final = select(entries.c.scope, entries.c.key, *ask.known_columns).where(
    entries.c.scope == bindparam("scope"), entries.c.blob.is_not(None)
)
_record_values: Final[dict[str, Any]] = {name: bindparam(f"new_{name}") for name in Record._fields}
_replace: Final = (
    update(entries)
    .where(
        entries.c.scope == _record_values["scope"],
        entries.c.key == _record_values["key"],
    )
    .values({name: value for name, value in _record_values.items() if name not in Ref._fields})
)
_reseal: Final = (
    update(journal).where(journal.c.seq == bindparam("number")).values(blob=bindparam("sealed"))
)
_bytes: Final = select(
    func.coalesce(func.sum(func.length(entries.c.blob)), 0)
    + select(func.coalesce(func.sum(func.length(journal.c.blob)), 0)).scalar_subquery()
)


_inherited: Final[list[Connection]] = []


class PortableSession:
    """See Session. Outside of ``read_only`` and ``writing`` each call is a transaction."""

    def __init__(self, connection: Connection, *, snapshot_level: str) -> None:
        self.lock = Lock()
        self.closed = False
        self._connection = connection
        self._snapshot_level = snapshot_level
        self._inside = False
        self._sent = False

    def fetch(self, statement: Executable, values: Mapping[str, Any]) -> list[Any]:
        return self._ended([tuple(row) for row in self._connection.execute(statement, values)])

    def read_entries(self, refs: Sequence[Ref], now: int) -> list[Any]:
        query = select(*ask.entry_columns).where(ask.alive)
        if len(refs) <= _MANY or self._inside:
            return self._ended(self._in_parts(query, _address, refs, {"now": now}))
        # Several statements need a transaction to see one moment.
        self.begin_snapshot()
        try:
            return self._in_parts(query, _address, refs, {"now": now})
        finally:
            self.end_snapshot()

    def recall(self, seqs: Sequence[int], *, values: bool) -> list[Any]:
        columns = ask.journal_columns if values else ask.journal_columns[:-1]
        return self._ended(self._in_parts(select(*columns), journal.c.seq, seqs, {}))

    def begin_snapshot(self) -> None:
        self._connection.execution_options(isolation_level=self._snapshot_level)
        self._inside = True
        self._connection.execute(ask.head).fetchall()

    def end_snapshot(self) -> None:
        self._inside = False
        self._connection.rollback()

    @contextmanager
    def writing(
        self, refs: Sequence[Ref], scopes: Sequence[str]
    ) -> Iterator[tuple[Head, dict[Ref, Known]]]:
        self._sent = False
        with self._transaction():
            # To change the row is to lock it, on every server there is.
            self._connection.execute(_count_commit)
            ((seq, commits, floor),) = self._connection.execute(ask.head)
            known = self.look_up(refs)
            for scope in scopes:
                for row in self._connection.execute(_live, {"scope": scope}):
                    known[Ref(row[0], row[1])] = Known(*row[2:])
            yield Head(seq, commits - 1, floor), known
            if self._sent:
                self._connection.commit()

    def look_up(self, refs: Sequence[Ref]) -> dict[Ref, Known]:
        query = select(entries.c.scope, entries.c.key, *ask.known_columns)
        rows = self._in_parts(query, _address, refs, {})
        return {Ref(row[0], row[1]): Known(*row[2:]) for row in rows}

    def commit(self, changeset: Changeset) -> None:
        self.store(changeset)
        self._sent = True

    def store(self, changeset: Changeset) -> None:
        execute, head = self._connection.execute, changeset.head
        known = changeset.known
        new = [it._asdict() for it in changeset.records if (it.scope, it.key) not in known]
        old = [
            {f"new_{name}": value for name, value in it._asdict().items()}
            for it in changeset.records
            if (it.scope, it.key) in known
        ]
        if new:
            execute(insert(entries), new)
        if old:
            execute(_replace, old)
        if changeset.changes:
            execute(insert(journal), [change._asdict() for change in changeset.changes])
        if changeset.resealed:
            execute(_reseal, [{"number": seq, "sealed": blob} for seq, blob in changeset.resealed])
        self._delete(entries, _address, changeset.purged)
        self._delete(journal, journal.c.seq, changeset.forgotten)
        execute(update(meta).values(seq=head.seq, commits=head.commits, floor=head.floor))

    def made_as(self) -> tuple[int, bool] | None:
        if not self._ended(inspect(self._connection).has_table(meta.name)):
            return None
        rows = self.fetch(select(meta.c.schema_version, meta.c.journal), {})
        return (rows[0][0], bool(rows[0][1])) if rows else None

    def create_tables(self, *, journal: bool) -> None:
        with self._transaction():
            metadata.create_all(self._connection)
            row = {"id": 1, "schema_version": SERVER_SCHEMA_VERSION, "journal": int(journal)}
            self._connection.execute(insert(meta), row | {"seq": 0, "floor": 0, "commits": 0})
            self._connection.commit()

    def total_bytes(self) -> int:
        return int(self.fetch(_bytes, {})[0][0])

    def fileno(self) -> int | None:
        return None

    def heard(self) -> list[tuple[int, int]]:
        return []

    def close(self) -> None:
        self.closed = True
        with suppress(SQLAlchemyError):
            self._connection.close()

    def abandon(self) -> None:
        # Which socket it has nobody can tell, and to drop it could end the parent's connection.
        self.closed = True
        _inherited.append(self._connection)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._inside = True
        try:
            yield
        finally:
            self._inside = False
            if not self.closed:
                self._connection.rollback()

    def _ended(self, result: _T) -> _T:
        """End the transaction that SQLAlchemy began for a single question."""
        if not self._inside:
            self._connection.rollback()
        return result

    def _in_parts(
        self, query: Any, what: ColumnElement[Any], wanted: Sequence[Any], values: dict[str, Any]
    ) -> list[Any]:
        query = query.where(what.in_(bindparam("wanted", expanding=True)))
        rows: list[Any] = []
        for part in _parts(wanted):
            found = self._connection.execute(query, {**values, "wanted": part})
            rows += [tuple(row) for row in found]
        return rows

    def _delete(self, table: Table, what: ColumnElement[Any], wanted: Sequence[Any]) -> None:
        for part in _parts(wanted):
            self._connection.execute(delete(table).where(what.in_(part)))


def _parts(wanted: Sequence[Any]) -> Iterable[list[Any]]:
    for start in range(0, len(wanted), _MANY):
        yield [tuple(it) if isinstance(it, tuple) else it for it in wanted[start : start + _MANY]]
