"""A store whose files do not tell how keys are called.

What is stored as the key is a keyed hash of scope and key. The name itself is kept sealed in an
entry of llmspell's own, from the first write of the key on, so that keys can be listed. Listing
a scope therefore reads all of its keys.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar

from llmspell.errors import LlmSpellError, VersionConflict
from llmspell.store.base import (
    INTERNAL,
    Clear,
    Delete,
    Operation,
    Put,
    Reader,
    Ref,
    Restored,
    RestoreWork,
    Rewritten,
    Row,
    Store,
    WriteResult,
)
from llmspell.store.changes import NOBODY, Change, Origin
from llmspell.store.checks import conflict_error
from llmspell.store.codec import decode, encode
from llmspell.store.plan import touched
from llmspell.store.restoring import Batches
from llmspell.store.rewriting import check_rewrite
from llmspell.store.sealed.envelope import LOCKS, NAMES
from llmspell.store.wrapper import StoreWrapper

__all__ = ["HiddenKeysStore"]

T = TypeVar("T")
_CLASS: Final = "name"
_HASH_BYTES: Final = 20
#: How many names are remembered; what is forgotten is looked up again.
_MOST_NAMES: Final = 100_000
_new_row: Any = partial(tuple.__new__, Row)
_new_ref: Any = partial(tuple.__new__, Ref)
_new_result: Any = partial(tuple.__new__, WriteResult)


class _Names:
    """Keys by what is stored of them. ``secret`` is what they are hashed with."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.known: dict[tuple[str, str], str] = {}

    def hidden(self, scope: str, key: str) -> str:
        """Return what is stored in the place of a key.

        Locks are named by a key of the user as well; those of other scopes of llmspell's are not.
        """
        if scope[:1] == INTERNAL and not scope.startswith(LOCKS):
            return key
        where = scope.encode()
        hashed = hmac.digest(
            self._secret, len(where).to_bytes(2, "big") + where + key.encode(), "sha256"
        )
        return base64.b32encode(hashed[:_HASH_BYTES]).decode().lower()

    def ref(self, ref: tuple[str, str]) -> Ref:
        """Return where an entry is stored."""
        return _new_ref((ref[0], self.hidden(*ref)))  # type: ignore[no-any-return]

    def note(self, scope: str, hidden: str, key: str) -> None:
        """Remember a name that is stored."""
        if len(self.known) >= _MOST_NAMES:
            self.known.clear()
        self.known[scope, hidden] = key

    def look_up(
        self, reader: Reader, refs: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Return the names of what is stored there, as far as they are stored."""
        # What is remembered can be forgotten at any moment.
        found = {ref: name for ref in refs if (name := self.known.get(ref)) is not None}
        unknown = [ref for ref in dict.fromkeys(refs) if ref not in found]
        unknown = [ref for ref in unknown if ref[0][:1] != INTERNAL]
        if not unknown:
            return found
        rows = reader.read([Ref(NAMES, hidden) for _, hidden in unknown])
        for ref, row in zip(unknown, rows, strict=True):
            if row is not None:
                with suppress(LlmSpellError):  # a damaged name must not hide the others
                    found[ref] = name = decode(row.blob)
                    self.note(*ref, name)
        return found


class _Reader:
    """Reads under the names."""

    def __init__(self, reader: Reader, names: _Names) -> None:
        self._reader = reader
        self._names = names

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        rows = self._reader.read([self._names.ref(ref) for ref in refs])
        return [
            row if row is None else _new_row((*ref[:2], *row[2:]))
            for ref, row in zip(refs, rows, strict=True)
        ]

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        if scope[:1] == INTERNAL:
            return self._reader.scan(scope, prefix=prefix, after=after, limit=limit, values=values)
        rows = self._reader.scan(scope, values=values)
        names = self._names.look_up(self._reader, [row[:2] for row in rows])
        # Where nobody knows the name, what is stored stands for it.
        named = [(names.get(row[:2], row.key), row) for row in rows]
        found = [
            _new_row((scope, key, *row[2:]))
            for key, row in named
            if key.startswith(prefix) and (after is None or key > after)
        ]
        return sorted(found, key=_key)[:limit]

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        return self._reader.scopes(prefix)

    def versions(self) -> list[tuple[str, int, int]]:
        return self._reader.versions()

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        if after is not None:
            stored = self._names.ref(after)
            # A row whose name is damaged was shown as it is stored.
            after = stored if self._names.look_up(self._reader, [stored]) else after
        rows = self._reader.walk(after, limit=limit)
        names = self._names.look_up(self._reader, [row[:2] for row in rows])
        return [_new_row((row[0], names.get(row[:2], row[1]), *row[2:])) for row in rows]

    def position(self) -> int:
        return self._reader.position()


class HiddenKeysStore(_Reader, StoreWrapper):
    """A store over one that seals, which is never told the keys of users.

    ``secret`` must stay the same for the life of the store.
    """

    def __init__(self, inner: Store, secret: bytes) -> None:
        StoreWrapper.__init__(self, inner)
        _Reader.__init__(self, inner, _Names(secret))

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        touched(batch)  # what is no operation is refused here already
        names = self._names
        hidden: list[Operation] = []
        unnamed: dict[tuple[str, str], Put] = {}
        for operation in batch:
            if isinstance(operation, Clear):
                hidden.append(operation)
                continue
            scope, key = operation.scope, operation.key
            stored = names.hidden(scope, key)
            hidden.append(operation._replace(key=stored))
            wanted = type(operation) is Put and scope[:1] != INTERNAL
            if wanted and (scope, stored) not in names.known:
                name = encode(key)
                unnamed[scope, stored] = Put(NAMES, stored, name, operation.at, 1, _CLASS)
        result = self._told(
            lambda: self.inner.write(
                [*hidden, *unnamed.values()], durability=durability, origin=origin
            ),
            batch,
        )
        for (scope, stored), named in unnamed.items():
            names.note(scope, stored, decode(named.blob))
        return _new_result((result.written[: len(batch)], *result[1:]))  # type: ignore[no-any-return]

    def rewrite(
        self,
        batch: Sequence[Put],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        check_rewrite(batch)
        names = self._names
        hidden = [put._replace(key=names.hidden(put.scope, put.key)) for put in batch]
        if not all(put[:2] in names.known for put in hidden):  # those that are to be told stored
            return super().rewrite(batch, durability=durability, origin=origin)
        return self._told(
            lambda: self.inner.rewrite(hidden, durability=durability, origin=origin), batch
        )

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        named: dict[tuple[str, str], str] = {}

        def hidden(reader: Reader) -> Iterator[Sequence[Restored | Delete]]:
            for batch in Batches(work, _Reader(reader, self._names)):
                yield [self._hidden(operation) for operation in batch]
                if names := self._names_of(batch, named):
                    yield names

        done = self.inner.restore(hidden, durability=durability, origin=origin)
        for (scope, stored), key in named.items():
            self._names.note(scope, stored, key)
        return done

    def _hidden(self, operation: Any) -> Any:
        return operation._replace(key=self._names.hidden(operation.scope, operation.key))

    def _names_of(
        self, batch: Sequence[Restored | Delete], named: dict[tuple[str, str], str]
    ) -> list[Restored]:
        """Return the names that may not be stored yet of what a batch restores.

        They are added to ``named`` as far as they can be remembered.
        """
        hidden, known = self._names.hidden, self._names.known
        unnamed: list[Restored] = []
        for operation in batch:
            scope, key, at = operation.scope, operation.key, operation.at
            if type(operation) is Restored and scope[:1] != INTERNAL:
                stored = hidden(scope, key)
                if (scope, stored) not in known:
                    facts = (encode(key), at, 1, at, at, 1, _CLASS, None, None)
                    unnamed.append(Restored(NAMES, stored, *facts))
                    if len(named) < _MOST_NAMES:
                        named[scope, stored] = key
        return unnamed

    def put(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
        origin: Origin,
    ) -> tuple[int, int, int, int]:
        stored = self._names.hidden(scope, key)
        operation = Put(scope, key, blob, at, schema_version, state_class, None, if_version)
        if (scope, stored) not in self._names.known and scope[:1] != INTERNAL:
            (done,), before, after, _ = self.write((operation,), origin=origin)
            return done.version, done.created_at, before, after
        return self._told(
            lambda: self.inner.put(
                scope, stored, blob, at, schema_version, state_class, if_version, origin
            ),
            (operation,),
        )

    def _told(self, write: Callable[[], T], batch: Sequence[Operation]) -> T:
        """Write; what a conflict is about is told by its name."""
        try:
            return write()
        except VersionConflict as conflict:
            told = conflict.details
            for operation in batch:
                if isinstance(operation, Clear):
                    continue
                scope, key = operation.scope, operation.key
                if (scope, self._names.hidden(scope, key)) == (told.get("scope"), told.get("key")):
                    raise conflict_error(
                        scope, key, expected=told["expected"], actual=told["actual"]
                    ) from None
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        with self.inner.snapshot() as reader:
            yield _Reader(reader, self._names)

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        return self._named(self.inner.changes(after, limit=limit, values=values))

    def recall(self, seqs: Sequence[int]) -> Mapping[int, Change]:
        return {change.seq: change for change in self._named([*self.inner.recall(seqs).values()])}

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        found = self.inner.history(self._names.ref(ref), below=below, limit=limit, values=values)
        return [change._replace(key=ref[1]) for change in found]

    def _named(self, changes: list[Change]) -> list[Change]:
        refs = [(change.scope, change.key) for change in changes]
        names = self._names.look_up(self.inner, refs)
        named = zip(changes, refs, strict=True)
        return [change._replace(key=names.get(ref, change.key)) for change, ref in named]


def _key(row: Row) -> str:
    return row.key
