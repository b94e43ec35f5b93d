"""One entry at a time: save, load, delete, and reading, changing and writing as one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import time_ns
from typing import Any, Final, NamedTuple, TypeVar

from llmspell.errors import LlmSpellError, VersionConflict
from llmspell.state.cache import Entry
from llmspell.state.checks import check_integer, check_schema_version
from llmspell.state.contention import backoff
from llmspell.state.core import Present, Scope, entry_of
from llmspell.state.counter import add
from llmspell.state.entry import Metadata
from llmspell.state.rewriting import Rewriting
from llmspell.state.scope import scope_text
from llmspell.store.base import Delete, Ref
from llmspell.store.checks import conflict_error
from llmspell.store.codec import checksum, encode
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.values import Value, canonical

__all__ = ["NOTHING_SEEN", "UPDATE_ATTEMPTS", "Entries", "Seen"]

T = TypeVar("T")
UPDATE_ATTEMPTS: Final = 1000
_PLAIN: Final = ("standard", "trusted")  # what asks for nothing a quick save does not do

# Three times faster than calling the class; the order of fields is the class's own.
_new_metadata = partial(tuple.__new__, Metadata)


class Seen(NamedTuple):
    """What an entry was when it was read: enough to replace its value and nothing else."""

    version: int
    schema_version: int
    state_class: str
    expires_us: int | None


NOTHING_SEEN: Final = Seen(0, 1, "standard", None)


class Entries(Rewriting):
    """What is done to one entry."""

    def save(
        self,
        scope: Scope,
        key: str,
        value: Any,
        *,
        ttl: float | None = None,
        if_version: int | None = None,
        state_class: str = "standard",
        schema_version: int | None = None,
    ) -> Metadata:
        """Store a value and return its metadata; as durable when this returns as its class says.

        After ``ttl`` seconds the entry is gone by itself. ``if_version`` N demands that the
        current version is N (0: that there is none), else ``VersionConflict`` is raised and
        nothing changes. ``schema_version`` is that of the value's shape: unless given the latest
        of the schema that applies there, 1 where there is none. Raises ``InvalidValue`` with the
        path of what cannot be held exactly, and ``LimitExceeded`` for values too large or too deep.
        """
        return self.save_canonical(
            scope,
            key,
            canonical(value, max_depth=self._limits.depth),
            ttl=ttl,
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
        ttl: float | None = None,
        if_version: int | None = None,
        state_class: str = "standard",
        schema_version: int | None = None,
    ) -> Metadata:
        """Do what ``save`` does with a value that is canonical already (one from a script)."""
        if schema_version is not None:
            check_schema_version(schema_version)
        if if_version is not None:
            check_integer("if_version", if_version, least=0)
        ref = (self._writes(scope), self._key(key))
        if schema_version is None:
            schema_version = 1 if self._versioning is None else self._versioning.current(*ref)
        return self._save_at(ref, value, ttl, state_class, schema_version, if_version)

    def _save_at(
        self,
        ref: tuple[str, str],
        value: Value,
        ttl: float | None,
        state_class: str,
        schema_version: int,
        if_version: int | None,
    ) -> Metadata:
        if ttl is not None or self._looks or state_class not in _PLAIN:
            return self._save_as(ref, value, ttl, state_class, schema_version, if_version)
        blob, at, origin = (
            encode(value, max_bytes=self._value_bytes, confidential=self._encrypts_all),
            time_ns() // 1000,
            self._origin(),
        )
        if self._check_written is not None:
            self._check_written(ref[0], blob, state_class)
        try:
            version, created_at, before, after = self._store.put(
                *ref, blob, at, schema_version, state_class, if_version, origin
            )
        except LlmSpellError as error:
            if self._audit is not None:
                self._audit.saved(ref, None, error.code, origin)
            raise
        if self._audit is not None:
            self._audit.saved(ref, version, "ok", origin)
        metadata = _new_metadata(
            (
                version,
                created_at,
                at,
                len(blob),
                checksum(blob),
                schema_version,
                state_class,
                origin[2],
                None,
                self._encrypts_all,
                None,
            )
        )
        self._cache.finish(ref, blob, metadata, before, after)
        if at >= self._maintenance.due_at or self._listeners:
            self._written(at)
        return metadata

    def _save_as(
        self,
        ref: tuple[str, str],
        value: Value,
        ttl: float | None,
        state_class: str,
        schema_version: int,
        if_version: int | None,
    ) -> Metadata:
        policy = self._policy(state_class)

        def write(present: Present) -> Metadata:
            former, seen = present.get(ref, (None, if_version))
            if if_version not in (None, seen):
                raise conflict_error(*ref, expected=if_version, actual=seen or 0)
            put = self._operation(
                *ref,
                value,
                time_ns() // 1000,
                policy=policy,
                ttl=ttl,
                schema_version=schema_version,
                if_version=seen,
                is_canonical=True,
                former=former,
            )
            return self._save_all((put,), durability=policy.durability)[0]

        return self._with_present((ref,), state_class, write, once=if_version is not None)

    def _with_present(
        self,
        refs: Sequence[tuple[str, str]],
        state_class: str,
        write: Callable[[Present], T],
        *,
        once: bool = False,
    ) -> T:
        """Call ``write`` with the present of those entries whose rules look at it.

        Called again when somebody else has written in between, unless it is to be ``once``.
        """
        for attempt in range(UPDATE_ATTEMPTS):
            present = self._present(refs, state_class)
            try:
                return write(present)
            except VersionConflict:
                if once or not present:
                    raise
            backoff(attempt)
        raise self._too_contended(*refs[0])

    def load(self, scope: Scope, key: str, default: Any = None) -> Any:
        """Return a fresh copy of the stored value, or ``default`` when there is none."""
        entry = self.load_frozen(scope, key)
        return default if entry is None else entry.thaw()

    def load_frozen(self, scope: Scope, key: str) -> Entry | None:
        """Return the stored value as it is kept, with its metadata; ``None`` when there is none."""
        entry = self._find(scope, key)
        if entry is None or self._lifting is None:
            return entry
        return self._lifting.entry((self._reads(scope), key), entry)

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
        ref = Ref(self._deletes(scope), self._key(key))
        for attempt in range(UPDATE_ATTEMPTS):
            guarded = self._check_deletions([ref])
            version = guarded.get(ref, if_version) if if_version is None else if_version
            try:
                written = self._write((Delete(*ref, time_ns() // 1000, version),)).written
                return written[0].existed
            except VersionConflict:
                if not guarded or if_version is not None:
                    raise
            backoff(attempt)
        raise self._too_contended(*ref)

    # Read, change, write -------------------------------------------------------------------

    def load_versioned(self, scope: Scope, key: str) -> tuple[FrozenValue | None, Seen]:
        """Return the stored value and what ``compare_and_set`` must know of it, past the cache."""
        return self._load_seen(Ref(self._updates(scope), self._key(key)))

    def _load_seen(self, ref: Ref) -> tuple[FrozenValue | None, Seen]:
        row = self._store.read((ref,))[0]
        if self._audit is not None:
            self._audit.read_rows((row,))
        if row is None:
            return None, NOTHING_SEEN._replace(schema_version=self._current_version(*ref))
        if self._lifting is not None:
            row = self._lifting.row(row)
        seen = Seen(row.version, row.schema_version, row.state_class, row.expires_at)
        return entry_of(row), seen

    def update(self, scope: Scope, key: str, fn: Callable[[Any], Any], default: Any = None) -> Any:
        """Replace a value by ``fn(value)`` and return the new one; no update is ever lost.

        ``fn`` gets ``default`` when there is no entry, and is called again with the newer value
        when another thread or process wrote in between: it must have no other effects. The
        entry keeps its class, its schema version and the time it expires.
        """
        ref = Ref(self._updates(scope), self._key(key))
        for attempt in range(UPDATE_ATTEMPTS):
            current, seen = self._load_seen(ref)
            changed = fn(default if current is None else current.thaw())
            exact = canonical(changed, max_depth=self._limits.depth)
            with suppress(VersionConflict):
                self._replace(ref, exact, seen)
                return changed
            backoff(attempt)
        raise self._too_contended(scope, key)

    def compare_and_set(
        self,
        scope: Scope,
        key: str,
        value: Value,
        seen: Seen,
        attempt: int,
    ) -> bool:
        """Save a canonical value if the entry is still as it was read; else wait and say no.

        ``attempt`` counts from 0; the wait grows with it. Raises ``VersionConflict`` when the
        attempts are used up.
        """
        ref = Ref(self._writes(scope), self._key(key))
        check_integer("if_version", seen[0], least=0)
        check_schema_version(seen[1])
        try:
            self._replace(ref, value, seen)
        except VersionConflict:
            if attempt >= UPDATE_ATTEMPTS:
                raise self._too_contended(scope, key) from None
            backoff(attempt)
            return False
        return True

    def _replace(self, ref: Ref, value: Value, seen: Seen) -> None:
        """Save over the version that was read, keeping what the value does not tell."""
        version, schema_version, state_class, expires_at = seen
        if expires_at is None:
            self._save_at(ref, value, None, state_class, schema_version, version)
            return
        policy = self._policy(state_class)
        put = self._operation(
            *ref,
            value,
            time_ns() // 1000,
            policy=policy,
            schema_version=schema_version,
            if_version=version,
            is_canonical=True,
            former=self._present((ref,), state_class).get(ref, (None, version))[0],
        )
        self._write((put._replace(expires_at=expires_at),), durability=policy.durability)

    def increment(self, scope: Scope, key: str, by: float = 1) -> int | float:
        """Add ``by`` to a number, which counts as 0 when there is none, and return the sum."""
        return self.update(scope, key, lambda value: add(value, by), default=0)  # type: ignore[no-any-return]

    def _too_contended(self, scope: Scope, key: str) -> VersionConflict:
        return VersionConflict(
            f"gave up updating {key!r} in scope '{scope_text(scope)}': it was written in between "
            f"{UPDATE_ATTEMPTS} times",
            hint="write it from fewer places at once, not from the function itself, or spread it"
            " over several keys",
            scope=scope_text(scope),
            key=key,
        )
