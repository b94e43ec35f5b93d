"""What every part of the manager stands on: checks, the cache, the one way to the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from llmspell.errors import FeatureUnavailable, InvalidValue, LimitExceeded, LlmSpellError
from llmspell.state.cache import Cache, Entry
from llmspell.state.checks import check_ttl
from llmspell.state.classes import ClassPolicy, class_policy
from llmspell.state.entry import Metadata
from llmspell.state.maintenance import Maintenance, Retention
from llmspell.state.origin import origin_of
from llmspell.state.safeguards import NO_SAFEGUARDS, Safeguards
from llmspell.state.scope import (
    MAX_KEY_BYTES,
    MAX_SCOPE_BYTES,
    StateScope,
    key_checker,
    scope_reader,
)
from llmspell.state.transfer import metadata_of, written_metadata
from llmspell.state.validating import Present, Validating
from llmspell.store.base import Clear, Delete, Operation, Put, Ref, Row, Store, WriteResult
from llmspell.store.changes import Origin
from llmspell.store.forking import hold_over_fork
from llmspell.store.opening import add_layers
from llmspell_bridges.values import MAX_DEPTH, Value, canonical

if TYPE_CHECKING:
    from llmspell.errors import AccessDenied
    from llmspell.migration.versioning import Versioning
    from llmspell.security.access import AccessControl

__all__ = ["STANDARD", "Present", "Scope", "StateCore", "StateLimits"]

Scope: TypeAlias = str | StateScope
_Kept: TypeAlias = dict[tuple[str, str], tuple[bytes, Metadata] | None]

_new_ref: Any = partial(tuple.__new__, Ref)
STANDARD: Final = class_policy("standard")


@dataclass(frozen=True, slots=True)
class StateLimits:
    """Bounds on what is stored: ``value_bytes`` before compression, ``depth`` of nesting."""

    value_bytes: int = 8 * 1024 * 1024
    depth: int = MAX_DEPTH
    key_bytes: int = MAX_KEY_BYTES
    scope_bytes: int = MAX_SCOPE_BYTES


class StateCore(Validating):
    """Owns the store and the cache; the parts of the manager build on it."""

    def __init__(
        self,
        store: Store,
        *,
        limits: StateLimits | None = None,
        cache_bytes: int = 64 * 1024 * 1024,
        journal: bool = True,
        retention: Retention | None = None,
        flush_ms: int = 100,
        safeguards: Safeguards = NO_SAFEGUARDS,
        actor: str | None = None,
        access: Callable[..., AccessControl] | None = None,
        versioning: Versioning | None = None,
    ) -> None:
        self._store = store
        self._versioning = versioning
        self._origin = origin_of(actor)
        self._safeguards = safeguards
        self._audit = safeguards.audit
        if self._audit is not None:
            self._audit.origin = self._origin
        self._encrypts_all = safeguards.encrypts_all
        self._looks = safeguards.look_at_values
        self._flush_ms = flush_ms
        self._layering = threading.Lock()
        self._layered = False
        self._limits = limits or StateLimits()
        self._value_bytes = self._limits.value_bytes
        self._guard(scope_reader(self._limits.scope_bytes), self._opened(access), self._encrypts)
        self._key = key_checker(self._limits.key_bytes)
        self._cache = Cache(cache_bytes, self._store_epoch, may_keep=self._may_keep)
        self._journal = journal
        self._maintenance = Maintenance(lambda: self._store, retention or Retention())
        self._listeners: list[Any] = []
        hold_over_fork(self)

    @property
    def store(self) -> Store:
        """The store beneath, for what is not about entries: its health, its conflicts."""
        return self._store

    def _opened(self, access: Callable[..., AccessControl] | None) -> AccessControl | None:
        if access is None:
            return None
        from llmspell.state.access_grants import StoredGrants

        return access(
            source=StoredGrants(lambda: self._store),
            is_audited=lambda: self._audit is not None,
            on_denied=self._record_denied,
        )

    def _record_denied(self, error: AccessDenied) -> None:
        if self._audit is not None:
            wanted = {name: error.details[name] for name in ("actor", "permission")}
            self._audit.did(
                "access",
                error.details["scope"],
                outcome=error.code,
                details=wanted,
                actor=error.details["actor"],
            )

    def _encrypts(self, state_class: str) -> bool:
        return self._safeguards.encrypts(class_policy(state_class))

    @property
    def stores_encrypted(self) -> bool:
        """Whether there is a master key, so that values may be stored encrypted."""
        return self._safeguards.has_key

    def _store_epoch(self) -> int:
        # The store may get a layer more, so nothing keeps the method of the one there is now.
        return self._store.epoch()

    def before_fork(self) -> None:
        """Let no fork happen while a thread changes the cache: the child would never get it."""
        self._cache.lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Go on, in the parent and in the child."""
        self._cache.lock.release()
        if in_child:
            self._maintenance.restart()
            if self._access is not None:
                self._access.after_fork()

    def close(self) -> None:
        """Write what is waiting and close the store. What was saved stays; may be called again."""
        self._maintenance.finish()
        try:
            self._store.close()
        finally:
            if self._audit is not None:
                self._audit.auditor.close()

    # Values in ------------------------------------------------------------------------------

    def _operation(
        self,
        scope: str,
        key: str,
        value: Any,
        at: int,
        *,
        policy: ClassPolicy = STANDARD,
        ttl: float | None = None,
        schema_version: int | None = None,
        if_version: int | None = None,
        is_canonical: bool = False,
        former: Value = None,
    ) -> Put:
        """Return the write of a value under checked addresses. Raises what ``save`` raises.

        ``former`` is the present value, where validation needs it (see ``_present``).
        """
        if schema_version is None:
            schema_version = self._current_version(scope, key)
        depth, max_bytes = self._limits.depth, self._value_bytes
        if policy is not STANDARD:
            depth = min(depth, policy.depth or depth)
            max_bytes = min(max_bytes, policy.value_bytes or max_bytes)
            is_canonical = is_canonical and policy.depth is None
        if not is_canonical:
            value = canonical(value, max_depth=depth)
        if self._looks or policy.strict:
            self._validate(scope, key, value, former, policy.name, schema_version)
        blob = self._safeguards.encoded(scope, key, value, policy, max_bytes)
        if self._check_written is not None:
            self._check_written(scope, blob, policy.name)
        expires_at = None if ttl is None else at + check_ttl(ttl)
        return Put(scope, key, blob, at, schema_version, policy.name, expires_at, if_version)

    def _current_version(self, scope: str, key: str) -> int:
        """Return the schema version that a value has if none is named."""
        return 1 if self._versioning is None else self._versioning.current(scope, key)

    def _named_operation(
        self, scope: str, key: str, value: Any, at: int, *, present: Present, **options: Any
    ) -> Put:
        """Return the write of one of many entries; errors about its value name the key."""
        checked = self._key(key)
        former, version = present.get((scope, checked), (None, None))
        try:
            return self._operation(
                scope, checked, value, at, former=former, if_version=version, **options
            )
        except (InvalidValue, LimitExceeded) as error:
            raise type(error)(
                f"key {checked!r}: {error.message}",
                hint=error.hint,
                **error.details | {"key": checked},
            ) from None

    # Entries out ----------------------------------------------------------------------------

    def _find(self, scope: Scope, key: str) -> Entry | None:
        ref = _new_ref((self._reads(scope), self._key(key)))
        epoch = self._store.epoch()
        entry = self._cache.get(ref, epoch)
        if entry is None:
            row = self._store.read((ref,))[0]
            if row is not None:
                entry = entry_of(row)
                # What was read is kept only if nothing can have been written meanwhile.
                if epoch != -1 and self._store.epoch() == epoch:
                    self._cache.learn(((ref, entry.blob, entry.metadata),), epoch)
        elif (expires_at := entry.metadata[8]) is not None and expires_at <= time_ns() // 1000:
            entry = None
        if self._audit is not None:
            self._audit.read(ref, entry)
        return entry

    def _find_many(self, scope: str, keys: Iterable[str]) -> dict[str, Entry]:
        """Return the entries there are, by key; those not cached are read in one round trip."""
        refs = list(dict.fromkeys(Ref(scope, self._key(key)) for key in keys))
        epoch, now = self._store.epoch(), time_ns() // 1000
        found: dict[tuple[str, str], Entry] = self._cache.get_all(refs, epoch)
        missing = [ref for ref in refs if ref not in found]
        if missing:
            rows = self._store.read(missing if len(missing) < len(refs) else refs)
            read = {(row.scope, row.key): entry_of(row) for row in rows if row is not None}
            if epoch != -1 and self._store.epoch() == epoch:
                learned = [(ref, entry.blob, entry.metadata) for ref, entry in read.items()]
                self._cache.learn(learned, epoch)
                found |= read
            elif len(missing) < len(refs):  # what was cached is of another moment
                rows = self._store.read(refs)
                found = {(row.scope, row.key): entry_of(row) for row in rows if row is not None}
            else:
                found = dict(read)
        alive = {
            ref.key: entry
            for ref in refs
            if (entry := found.get(ref)) is not None
            and (entry.metadata.expires_us is None or entry.metadata.expires_us > now)
        }
        if self._audit is not None:
            for ref in refs:
                self._audit.read(ref, alive.get(ref.key))
        return alive

    # The store ------------------------------------------------------------------------------

    def _write(self, batch: Sequence[Operation], *, durability: str | None = None) -> WriteResult:
        """Write a batch, keep what it stores in the cache, and tell who listens."""
        return self._write_and_keep(batch, durability)[0]

    def _write_and_keep(
        self, batch: Sequence[Operation], durability: str | None
    ) -> tuple[WriteResult, _Kept]:
        origin, audit = self._origin(), self._audit
        removed = () if audit is None else audit.removals(batch, self._store)
        try:
            result = self._store.write(batch, durability=durability, origin=origin)
        except LlmSpellError as error:
            if audit is not None:
                audit.wrote(batch, None, error.code, origin, removed)
            raise
        clears = any(type(operation) is Clear for operation in batch)
        kept = _kept(batch, result, origin)
        self._cache.finish_all(kept, result.epoch_before, result.epoch_after, clears=clears)
        # After the cache: what was written is written, whether it can be recorded or not.
        if audit is not None:
            audit.wrote(batch, result.written, "ok", origin, removed)
        self._written(batch[0].at if batch else 0)
        return result, kept

    def _write_internal(self, batch: Sequence[Operation]) -> WriteResult:
        """Write entries of llmspell's own, which nobody loads and the journal does not have."""
        result = self._store.write(batch)
        # Nothing of it is cached, but the cache must follow to stay valid.
        self._cache.finish_all({}, result.epoch_before, result.epoch_after)
        return result

    def _save_all(self, puts: Sequence[Put], *, durability: str | None) -> list[Metadata]:
        """Write entries in one transaction and return their metadata, in order."""
        _, kept = self._write_and_keep(puts, durability)
        return [kept[put.scope, put.key][1] for put in puts]  # type: ignore[index]

    def _record(
        self, action: str, scope: str | None = None, key: str | None = None, **details: Any
    ) -> None:
        if self._audit is not None:
            self._audit.did(action, scope, key, details=details)

    def _written(self, at: int) -> None:
        """Do what is due after a write: tell listeners, and keep the store to its size."""
        if at >= self._maintenance.due_at:
            self._maintenance.start(at)
        for listener in self._listeners:
            listener()

    def _policy(self, state_class: str) -> ClassPolicy:
        """Return a class's policy. What it asks of the store is put over it at first use."""
        if state_class == "standard":
            return STANDARD
        policy = class_policy(state_class)
        if not self._layered and (not policy.stored or policy.durability == "relaxed"):
            with self._layering:
                if not self._layered:
                    self._store = add_layers(self._store, flush_ms=self._flush_ms)
                    self._layered = True
        return policy

    def _need_journal(self, what: str) -> None:
        if not self._journal:
            raise FeatureUnavailable(
                f"{what} needs the journal, which is switched off",
                hint="set state.journal.enabled = true",
                key="state.journal.enabled",
            )


def entry_of(row: Row) -> Entry:
    """Return what the cache and the readers hold of a stored row."""
    return Entry(row.blob, metadata_of(row))


def _kept(batch: Sequence[Operation], result: WriteResult, origin: Origin) -> _Kept:
    """Return what is stored for each address after a batch: None where that is nothing."""
    kept: _Kept = {}
    for operation, written in zip(batch, result.written, strict=True):
        if type(operation) is Put:
            metadata = written_metadata(operation, written, origin.correlation_id)
            kept[operation.scope, operation.key] = (operation.blob, metadata)
        elif type(operation) is Delete:
            kept[operation.scope, operation.key] = None
        elif type(operation) is Clear:
            kept = {ref: found for ref, found in kept.items() if ref[0] != operation.scope}
    return kept
