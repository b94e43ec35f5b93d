"""Sealing everything stored with the active key, and looking whether everything opens.

Both go by pages beside readers and writers. Sealing anew changes no version, no time and no row
of the journal, so nobody notices; how far it has come is noted, so that it can be interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgpack

from llmspell.errors import KeyMissing, LlmSpellError, VersionConflict
from llmspell.security.keys.sealer import key_id_of
from llmspell.store.backend import Resealed
from llmspell.store.base import INTERNAL, Delete, Put, Ref, Row
from llmspell.store.changes import Change
from llmspell.store.codec import confidential, decode, is_plain, is_unopened
from llmspell.store.sealed.envelope import ACCESS, NAMES, RING
from llmspell.store.sealed.keeper import RingKeeper
from llmspell.store.sealed.steps import Examined, Reencrypted, Unreadable
from llmspell.store.sealed.store import SealedStore

__all__ = ["examine", "reencrypt"]

_PAGE: Final = 200
_PROGRESS: Final = Ref(RING.scope, "reencryption")
_CLASS: Final = "keys"
#: Those of llmspell's own scopes that are sealed; in order, and before all others.
_INTERNAL: Final = (ACCESS, NAMES)


class _Item(NamedTuple):
    """One stored blob: of an entry, or of a change."""

    scope: str
    key: str
    version: int
    schema_version: int
    blob: bytes
    seq: int | None

    def unreadable(self, what: str) -> Unreadable:
        return Unreadable(what, self.scope, self.key, self.version, self.seq)


class _Place(NamedTuple):
    """How far it has come: behind this key of this scope, or behind this change."""

    scope: str
    key: str | None
    seq: int | None
    done: int


_BEGINNING: Final = _Place("", None, None, 0)


def reencrypt(
    store: SealedStore,
    *,
    everything: bool | None = None,
    scopes: Sequence[str] = _INTERNAL,
) -> Iterator[Reencrypted]:
    """Seal with the active key what is sealed with another one, and tell it step by step.

    With ``everything`` (as the ring says, unless given) values in the open are sealed, too, and
    from the beginning on nobody stores others. What does not open stays as it is and is told.
    When all is sealed, values in the open count as forged from then on. ``scopes`` are those
    of llmspell's own that are sealed. Raises KeyMissing without a key.
    """
    work = _Reencryption(store, everything, scopes)
    yield from work.steps()


def examine(store: SealedStore) -> Iterator[Examined]:
    """Open every stored value and tell what was found, step by step. Changes nothing."""
    envelope = store.envelope
    for page, _, share in _pages(store, _BEGINNING):
        values: Counter[str] = Counter()
        problems: list[Unreadable] = []
        for item in page:
            if not item.blob and (item.seq is not None or item.scope[:1] == INTERNAL):
                continue
            ids = _key_ids(store, item)
            values.update(ids or [""])
            opened = envelope.open(*item[:4], item.blob)
            if what := _why(item, opened):
                problems.append(item.unreadable(what))
        yield Examined(values, share, tuple(problems))


class _Reencryption:
    def __init__(self, store: SealedStore, everything: bool | None, scopes: Sequence[str]) -> None:
        if store.keeper is None:
            raise KeyMissing("there is no master key", hint="configure the one this store has")
        self._store = store
        self._scopes = scopes
        self._keeper: RingKeeper = store.keeper
        self._keeper.refresh()
        self._everything = self._keeper.ring.everything if everything is None else everything
        self._target = self._keeper.ring.active.id
        self._failed = False

    def steps(self) -> Iterator[Reencrypted]:
        self._begin()
        for page, done_before, share in _pages(self._store, self._begun(), self._scopes):
            problems: list[Unreadable] = []
            items = [item for item in page if not self._is_current(item)]
            replaced = [self._sealed_anew(item, problems) for item in items]
            done = self._store.inner.reseal([each for each in replaced if each is not None])
            self._failed = self._failed or bool(problems)
            self._note(page[-1], done_before)
            yield Reencrypted(len(page), done, share, tuple(problems))
        self._finish()

    def _begin(self) -> None:
        """See that nothing more comes in the open, and that nothing lies there unseen."""
        while self._everything and not self._keeper.ring.everything:
            with suppress(VersionConflict):
                self._keeper.change(lambda _: self._keeper.ring.with_everything(True))
            self._keeper.refresh()
        self._store.inner.reseal(())  # from here on what rows held before is overwritten
        while not self._store.inner.sweep(self._keeper.now()).done:
            pass

    def _is_current(self, item: _Item) -> bool:
        with suppress(LlmSpellError):
            return self._store.envelope.is_current(
                item.scope, item.blob, everything=self._everything
            )
        return False

    def _sealed_anew(self, item: _Item, problems: list[Unreadable]) -> Resealed | None:
        envelope = self._store.envelope
        opened = envelope.open(*item[:4], item.blob)
        if what := _why(item, opened):
            problems.append(item.unreadable(what))
            return None
        if self._everything and item.scope[:1] != INTERNAL:
            opened = confidential(opened)
        sealed = envelope.seal(*item[:4], opened)
        ref = Ref(item.scope, item.key) if item.seq is None else None
        return Resealed(item.blob, sealed, ref, item.version, item.seq or 0)

    def _begun(self) -> _Place:
        """Return where an earlier run with the same aim was interrupted."""
        (row,) = self._store.inner.read((_PROGRESS,))
        if row is not None:
            target, everything, *place = msgpack.unpackb(row.blob)
            if (target, everything) == (self._target, self._everything):
                return _Place(*place)
        return _BEGINNING

    def _note(self, last: _Item, done: int) -> None:
        place = [self._target, self._everything, last.scope, last.key, last.seq, done]
        at = self._keeper.now()
        self._store.inner.write((Put(*_PROGRESS, msgpack.packb(place), at, 1, _CLASS),))

    def _finish(self) -> None:
        self._store.inner.scrub()
        self._store.inner.write((Delete(*_PROGRESS, self._keeper.now()),))
        self._keeper.refresh()
        if self._everything and not self._failed:
            while not self._keeper.ring.complete:
                with suppress(VersionConflict):
                    self._keeper.change(lambda _: self._keeper.ring.completed())
                self._keeper.refresh()


def _pages(
    store: SealedStore, begin: _Place, internal: Sequence[str] = _INTERNAL
) -> Iterator[tuple[list[_Item], int, float]]:
    """Yield everything stored as it is, page by page, entries first; how much that is, the share.

    What is written meanwhile is as it should be, and there may be no end of it.
    """
    counts, span = store.inner.scopes(), store.inner.span()
    total = max(1, sum(count for _, count in counts) + span.rows)
    done = begin.done
    scopes = [*internal, *(scope for scope, _ in counts)] if begin.seq is None else []
    for scope in scopes:
        if scope < begin.scope:
            continue
        after = begin.key if scope == begin.scope else None
        while rows := store.inner.scan(scope, after=after, limit=_PAGE):
            after = rows[-1].key
            done += len(rows)
            yield [_of_row(row) for row in rows], done, min(done / total, 1.0)
    at = begin.seq or 0
    while at < span.last and (changes := store.inner.changes(at, limit=_PAGE)):
        at = changes[-1].seq
        done += len(changes)
        yield [_of_change(change) for change in changes], done, min(done / total, 1.0)


def _of_row(row: Row) -> _Item:
    return _Item(row.scope, row.key, row.version, row.schema_version, row.blob, None)


def _of_change(change: Change) -> _Item:
    return _Item(
        change.scope, change.key, change.version, change.schema_version, change.blob, change.seq
    )


def _key_ids(store: SealedStore, item: _Item) -> set[str]:
    ids: set[str] = set()
    with suppress(LlmSpellError):  # opening it tells what is wrong
        ids.update(key_id_of(part).hex() for part in store.envelope.sealed_parts(item.blob))
    return ids


def _why(item: _Item, opened: bytes) -> str | None:
    """Return why a blob did not open, None if it did."""
    if not opened or is_plain(opened):
        return None
    if item.scope[:1] == INTERNAL and not is_unopened(opened):
        return None  # what llmspell keeps for itself has forms of its own
    try:
        decode(opened)
    except LlmSpellError as error:
        return f"{error.message} ({error.code})"
    return "it does not open"
