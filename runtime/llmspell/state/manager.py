"""The one way to the state: every read and write of a script, a program or the CLI comes here.

The manager checks scopes, keys and values, encodes, keeps the cache coherent, and speaks to the
store in scopes, keys and bytes. It is synchronous and may be used from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import time_ns
from typing import Any, Final

from llmspell.errors import InvalidValue, LimitExceeded, StateError, VersionConflict
from llmspell.state.cache import Cache, Entry
from llmspell.state.checks import check_integer, check_map, check_text
from llmspell.state.classes import class_policy
from llmspell.state.contention import backoff
from llmspell.state.counter import add
from llmspell.state.entry import Metadata
from llmspell.state.scope import (
    MAX_KEY_BYTES,
    MAX_SCOPE_BYTES,
    StateScope,
    key_checker,
    scope_reader,
)
from llmspell.state.transfer import ExportedEntry, exported, metadata_of, written_metadata
from llmspell.store.base import Clear, Delete, Operation, Put, Row, Store, WriteResult
from llmspell.store.codec import checksum, decode, encode
from llmspell.store.forking import hold_over_fork
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.values import MAX_DEPTH, Value, canonical

__all__ = ["ExportedEntry", "StateLimits", "StateManager"]

Scope = str | StateScope
_UPDATE_ATTEMPTS: Final = 1000

# Three times faster than calling the class; the order of fields is the class's own.
_new_metadata = partial(tuple.__new__, Metadata)


@dataclass(frozen=True, slots=True)
class StateLimits:
    """Bounds on what is stored: ``value_bytes`` before compression, ``depth`` of nesting."""

    value_bytes: int = 8 * 1024 * 1024
    depth: int = MAX_DEPTH
    key_bytes: int = MAX_KEY_BYTES
    scope_bytes: int = MAX_SCOPE_BYTES


class StateManager:
    """Saves and loads values under (scope, key).

    Scopes are text or ``StateScope``. Every method may raise ``InvalidScope``, ``InvalidKey``,
    ``StorageError`` and, after ``close``, ``RuntimeClosed``. Values handed out are fresh copies:
    changing one changes nothing stored.
    """

    def __init__(
        self,
        store: Store,
        *,
        limits: StateLimits | None = None,
        cache_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._store = store
        self._limits = limits or StateLimits()
        self._value_bytes = self._limits.value_bytes
        self._scope = scope_reader(self._limits.scope_bytes)
        self._key = key_checker(self._limits.key_bytes)
        self._lock = threading.Lock()
        self._cache = Cache(cache_bytes, self._lock)
        hold_over_fork(self)

    def before_fork(self) -> None:
        """Let no fork happen while a thread writes: the child would never see it let go."""
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Go on, in the parent and in the child."""
        self._lock.release()

    def close(self) -> None:
        """Close the store. What was saved stays; closing again does nothing."""
        self._store.close()

    # One entry -----------------------------------------------------------------------------

    def save(
        self,
        scope: Scope,
        key: str,
        value: Any,
        *,
        if_version: int | None = None,
        state_class: str = "standard",
        schema_version: int = 1,
    ) -> Metadata:
        """Store a value and return its metadata; durable when this returns.

        ``if_version`` N demands that the current version is N (0: that there is none), else
        ``VersionConflict`` is raised and nothing changes. Raises ``InvalidValue`` with the path
        of what cannot be held exactly, and ``LimitExceeded`` for values too large or too deep.
        """
        return self.save_canonical(
            scope,
            key,
            canonical(value, max_depth=self._limits.depth),
            if_version=if_version,
            state_class=state_class,
            schema_version=schema_version,
        )

    def save_canonical(
        self,
        scope: Scope,
        key: str,
        value: Value,
        *,
        if_version: int | None = None,
        state_class: str = "standard",
        schema_version: int = 1,
    ) -> Metadata:
        """Do what ``save`` does with a value that is canonical already (one from a script)."""
        if state_class != "standard":
            class_policy(state_class)
        if schema_version != 1:
            check_integer("schema_version", schema_version, least=1)
        if if_version is not None:
            check_integer("if_version", if_version, least=0)
        text, checked = self._scope(scope), self._key(key)
        blob, at = encode(value, max_bytes=self._value_bytes), time_ns() // 1000
        with self._lock:
            version, created_at, before, after = self._store.put(
                text, checked, blob, at, schema_version, state_class, if_version
            )
            metadata = _new_metadata(
                (
                    version,
                    created_at,
                    at,
                    len(blob),
                    checksum(blob),
                    schema_version,
                    state_class,
                    None,
                    None,
                    False,
                )
            )
            cache = self._cache
            cache.keep_if(before)
            cache.put((text, checked), blob, metadata)
            # Last, since from here on other threads trust the cache again.
            cache.epoch = after
            return metadata

    def load(self, scope: Scope, key: str, default: Any = None) -> Any:
        """Return a fresh copy of the stored value, or ``default`` when there is none."""
        entry = self._find(scope, key)
        return default if entry is None else entry.thaw()

    def load_frozen(self, scope: Scope, key: str) -> FrozenValue | None:
        """Return the stored value with its wire texts kept, or ``None`` when there is none."""
        return self._find(scope, key)

    def load_versioned(self, scope: Scope, key: str) -> tuple[FrozenValue | None, int]:
        """Return the stored value and its version, past the cache; ``(None, 0)`` when none."""
        row = self._store.read([(self._scope(scope), self._key(key))])[0]  # type: ignore[list-item]
        return (None, 0) if row is None else (_entry(row), row.version)

    def get_metadata(self, scope: Scope, key: str) -> Metadata | None:
        """Return what is known about an entry besides its value, or ``None``."""
        entry = self._find(scope, key)
        return None if entry is None else entry.metadata

    def key_exists(self, scope: Scope, key: str) -> bool:
        """Return whether there is an entry."""
        return self._find(scope, key) is not None

    def delete(self, scope: Scope, key: str, *, if_version: int | None = None) -> bool:
        """Remove an entry and return whether there was one."""
        if if_version is not None:
            check_integer("if_version", if_version, least=0)
        operation = Delete(self._scope(scope), self._key(key), time_ns() // 1000, if_version)
        return self._write((operation,)).written[0].existed

    # Read, change, write -------------------------------------------------------------------

    def update(self, scope: Scope, key: str, fn: Callable[[Any], Any], default: Any = None) -> Any:
        """Replace a value by ``fn(value)`` and return the new one; no update is ever lost.

        ``fn`` gets ``default`` when there is no entry, and is called again with the newer value
        when another thread or process wrote in between: it must have no other effects.
        """
        for attempt in range(_UPDATE_ATTEMPTS):
            current, version = self.load_versioned(scope, key)
            changed = fn(default if current is None else current.thaw())
            with suppress(VersionConflict):
                self.save(scope, key, changed, if_version=version)
                return changed
            backoff(attempt)
        raise self._too_contended(scope, key)

    def compare_and_set(
        self, scope: Scope, key: str, value: Value, version: int, attempt: int
    ) -> bool:
        """Save a canonical value if the version still holds; else wait a little and say no.

        ``attempt`` counts from 0; the wait grows with it. Raises ``VersionConflict`` when the
        attempts are used up.
        """
        try:
            self.save_canonical(scope, key, value, if_version=version)
        except VersionConflict:
            if attempt >= _UPDATE_ATTEMPTS:
                raise self._too_contended(scope, key) from None
            backoff(attempt)
            return False
        return True

    def increment(self, scope: Scope, key: str, by: float = 1) -> int | float:
        """Add ``by`` to a number, which counts as 0 when there is none, and return the sum."""
        return self.update(scope, key, lambda value: add(value, by), default=0)  # type: ignore[no-any-return]

    def _too_contended(self, scope: Scope, key: str) -> VersionConflict:
        return VersionConflict(
            f"gave up updating {key!r} in scope '{self._scope(scope)}': other writers were faster "
            f"{_UPDATE_ATTEMPTS} times",
            hint="write it from fewer places at once, or spread it over several keys",
            scope=self._scope(scope),
            key=key,
        )

    # Many entries --------------------------------------------------------------------------

    def load_many(self, scope: Scope, keys: Iterable[str]) -> dict[str, Any]:
        """Return fresh copies of the values there are, by key, read in one round trip."""
        text = self._scope(scope)
        wanted = list(dict.fromkeys(self._key(key) for key in keys))
        rows = self._store.read([(text, key) for key in wanted])  # type: ignore[misc]
        return {row.key: decode(row.blob) for row in rows if row is not None}

    def save_many(self, scope: Scope, values: Mapping[str, Any]) -> dict[str, Metadata]:
        """Store several values in one transaction, all or none; return their metadata by key."""
        check_map("values", values)
        text, now = self._scope(scope), time_ns() // 1000
        puts = [self._put(text, key, value, now) for key, value in values.items()]
        if not puts:
            return {}
        with self._lock:
            written, before, after = self._store.write(puts)
            self._cache.keep_if(before)
            saved = {}
            for put, done in zip(puts, written, strict=True):
                metadata = saved[put.key] = written_metadata(put, done)
                self._cache.put((put.scope, put.key), put.blob, metadata)
            self._cache.epoch = after
        return saved

    def list_keys(
        self,
        scope: Scope,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Return the keys of a scope, sorted by code point; ``after`` is the last page's end."""
        check_text("prefix", prefix)
        if after is not None:
            check_text("after", after)
        if limit is not None:
            check_integer("limit", limit, least=0)
        rows = self._store.scan(
            self._scope(scope), prefix=prefix, after=after, limit=limit, values=False
        )
        return [row.key for row in rows]

    def list_scopes(self, prefix: str = "") -> list[str]:
        """Return the scopes that hold entries, sorted."""
        check_text("prefix", prefix)
        return [scope for scope, _ in self._store.scopes(prefix)]

    def scope_exists(self, scope: Scope) -> bool:
        """Return whether a scope holds any entry."""
        return bool(self._store.scan(self._scope(scope), limit=1, values=False))

    def clear(self, scope: Scope) -> int:
        """Remove every entry of a scope and return how many there were."""
        operation = Clear(self._scope(scope), time_ns() // 1000)
        return self._write((operation,)).written[0].count

    # The whole store -----------------------------------------------------------------------

    def get_stats(self) -> dict[str, Any]:
        """Return facts about the store and the cache."""
        return self._store.stats() | {"cache": self._cache.stats()}

    def export_entries(self, scope: Scope | None = None) -> Iterator[ExportedEntry]:
        """Yield every entry, or those of one scope, as they were at one moment."""
        with self._store.snapshot() as reader:
            yield from exported(reader, None if scope is None else self._scope(scope))

    def import_entries(
        self, entries: Iterable[tuple[Scope, str, Any]], *, replace: bool = True
    ) -> int:
        """Store (scope, key, value) triples in one transaction; return how many were written.

        Without ``replace`` entries that exist are left as they are. Any bad entry refuses all.
        """
        now = time_ns() // 1000
        puts = {}
        for scope, key, value in entries:
            put = self._put(self._scope(scope), key, value, now)
            puts[put.scope, put.key] = put
        if replace:
            return self._import(list(puts.values()))
        for attempt in range(_UPDATE_ATTEMPTS):
            rows = self._store.read(list(puts))  # type: ignore[arg-type]
            absent = [
                put._replace(if_version=0)
                for put, row in zip(puts.values(), rows, strict=True)
                if row is None
            ]
            with suppress(VersionConflict):
                return self._import(absent)
            backoff(attempt)
        raise StateError("the import lost against other writers too often", hint="try again")

    def _import(self, puts: Sequence[Put]) -> int:
        if puts:
            self._write(puts)
        return len(puts)

    # Inside --------------------------------------------------------------------------------

    def _put(self, scope: str, key: str, value: Any, at: int) -> Put:
        """Return the write of one of many entries; errors about its value name the key."""
        checked = self._key(key)
        try:
            exact = canonical(value, max_depth=self._limits.depth)
            return Put(scope, checked, encode(exact, max_bytes=self._limits.value_bytes), at)
        except (InvalidValue, LimitExceeded) as error:
            raise type(error)(
                f"key {checked!r}: {error.message}",
                hint=error.hint,
                **error.details | {"key": checked},
            ) from None

    def _find(self, scope: Scope, key: str) -> Entry | None:
        ref = (self._scope(scope), self._key(key))
        epoch = self._store.epoch()
        entry = self._cache.get(ref, epoch)
        if entry is not None:
            return entry
        row = self._store.read([ref])[0]  # type: ignore[list-item]
        if row is None:
            return None
        entry = _entry(row)
        with self._lock:
            # What was read is kept only if nothing can have been written meanwhile.
            if epoch != -1 and self._store.epoch() == epoch:
                if self._cache.epoch != epoch:
                    self._cache.clear()
                    self._cache.epoch = epoch
                self._cache.put(ref, entry.blob, entry.metadata)
        return entry

    def _write(self, batch: Sequence[Operation]) -> WriteResult:
        """Write a batch whose entries the cache need not learn, only forget."""
        with self._lock:
            result = self._store.write(batch)
            self._cache.keep_if(result.epoch_before)
            for operation in batch:
                if isinstance(operation, Clear):
                    self._cache.clear()
                else:
                    self._cache.discard((operation.scope, operation.key))
            self._cache.epoch = result.epoch_after
        return result


def _entry(row: Row) -> Entry:
    return Entry(row.blob, metadata_of(row))
