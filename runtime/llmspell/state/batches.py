"""Many entries at a time, and the store as a whole."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from time import time_ns
from typing import Any, Final

from llmspell.errors import InvalidArgument, StateError, StorageError, VersionConflict
from llmspell.state.checks import check_integer, check_map, check_seconds, check_text
from llmspell.state.contention import backoff
from llmspell.state.core import Present, Scope
from llmspell.state.entries import UPDATE_ATTEMPTS, Entries
from llmspell.state.entry import Metadata
from llmspell.state.maintenance import Retention, Tidied
from llmspell.state.scope import scope_text
from llmspell.state.transfer import ExportedEntry, exported
from llmspell.state.verified import Verified
from llmspell.store.base import Clear, Delete, Ref
from llmspell.store.codec import unpacked_size
from llmspell.store.failover.breaker import is_outage
from llmspell_bridges.limits import check_answer

__all__ = ["Batches"]

_LARGE_BATCH: Final = 1000


@contextmanager
def collector_paused(objects: int) -> Iterator[None]:
    """Let no cyclic garbage be collected while a large batch is worked on.

    It makes tens of thousands of tuples, none of them garbage, and looking through them again
    and again takes a quarter of its time.
    """
    if objects < _LARGE_BATCH or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Batches(Entries):
    """What is done to several entries or to all of them."""

    def load_many(self, scope: Scope, keys: Iterable[str]) -> dict[str, Any]:
        """Return fresh copies of the values there are, by key, read in one round trip."""
        if isinstance(keys, str):
            raise InvalidArgument(
                "argument 'keys' must be a list of text, not text", parameter="keys"
            )
        text = self._reads(scope)
        found = self._find_many(text, keys)
        if self._lifting is not None:
            lift = self._lifting.entry
            found = {key: lift((text, key), entry) for key, entry in found.items()}
        check_answer(sum(unpacked_size(entry.blob) for entry in found.values()))
        return {key: entry.thaw() for key, entry in found.items()}

    def save_many(
        self,
        scope: Scope,
        values: Mapping[str, Any],
        *,
        ttl: float | None = None,
        state_class: str = "standard",
    ) -> dict[str, Metadata]:
        """Store several values in one transaction, all or none; return their metadata by key."""
        check_map("values", values)
        text, policy = self._writes(scope), self._policy(state_class)

        def write(present: Present) -> dict[str, Metadata]:
            now = time_ns() // 1000
            puts = [
                self._named_operation(
                    text, key, value, now, policy=policy, ttl=ttl, present=present
                )
                for key, value in values.items()
            ]
            saved = self._save_all(puts, durability=policy.durability)
            return dict(zip(values, saved, strict=True))

        with collector_paused(len(values)):
            refs = [Ref(text, self._key(key)) for key in values] if self._looks else ()
            return self._with_present(refs, state_class, write) if values else {}

    def warm(self, scope: Scope, keys: Iterable[str] | None = None) -> int:
        """Read entries into the cache and return how many there are; all keys if none are named."""
        text = self._reads(scope)
        if keys is None:
            keys = [row.key for row in self._store.scan(text, values=False)]
        return len(self._find_many(text, keys))

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
        text = self._reads(scope)
        rows = self._store.scan(text, prefix=prefix, after=after, limit=limit, values=False)
        self._record("list", text)
        return [row.key for row in rows]

    def list_scopes(self, prefix: str = "") -> list[str]:
        """Return the scopes that hold entries, sorted; only those the caller may read."""
        check_text("prefix", prefix)
        self._takes_part()
        self._record("list")
        return self._readable([scope for scope, _ in self._store.scopes(prefix)])

    def scope_exists(self, scope: Scope) -> bool:
        """Return whether a scope holds any entry."""
        return bool(self._store.scan(self._reads(scope), limit=1, values=False))

    def clear(self, scope: Scope) -> int:
        """Remove every entry of a scope and return how many there were."""
        text = self._deletes(scope)
        validator = self._safeguards.validator
        if validator is None or not validator.guards_deletion(text):
            return self._write((Clear(text, time_ns() // 1000),)).written[0].count
        for attempt in range(UPDATE_ATTEMPTS):
            refs = [Ref(text, row.key) for row in self._store.scan(text, values=False)]
            guarded, now = self._check_deletions(refs), time_ns() // 1000
            batch = [Delete(*ref, now, guarded.get(ref)) for ref in refs]
            with suppress(VersionConflict):
                return sum(done.count for done in self._write(batch).written)
            backoff(attempt)
        raise StateError("clearing lost against other writers too often", hint="try again")

    # The whole store -----------------------------------------------------------------------

    def get_stats(self) -> dict[str, Any]:
        """Return facts about the store, its journal and the cache.

        With failover, those of the journal are left out while the primary is away.
        """
        self._takes_part()
        self._record("stats")
        facts = self._store.stats() | {"cache": self._cache.stats()}
        if self._journal:
            try:
                facts["journal"] = self._store.span()._asdict()
            except StorageError as error:
                if "failover" not in facts or not is_outage(error):
                    raise
        return facts

    def compact(
        self, *, max_age_s: float | None = None, max_changes: int | None = None
    ) -> Iterator[Tidied]:
        """Bring the store to its size now, step by step; each step tells what it did.

        The bounds are the configured ones unless given. Between two steps other writers have
        their turn.
        """
        self._administers()
        retention = None
        if max_changes is not None:
            check_integer("max_changes", max_changes, least=0)
        age_us = None if max_age_s is None else check_seconds("max_age_s", max_age_s)
        if max_age_s is not None or max_changes is not None:
            retention = Retention(age_us, max_changes)
        self._record("compact")
        return self._compact(retention)

    def _compact(self, retention: Retention | None) -> Iterator[Tidied]:
        done = False
        while not done:
            step = self._maintenance.step(limit=1000, retention=retention)
            done = step.done
            yield step

    def verify(self) -> Iterator[Verified]:
        """Check every value, the journal, and whether the two agree, step by step.

        Each step tells what it found wrong. Others may read and write meanwhile.
        """
        self._administers()
        from llmspell.state.verifying import verify

        return verify(self._store, journal=self._journal)

    def export_entries(self, scope: Scope | None = None) -> Iterator[ExportedEntry]:
        """Yield every entry, or those of one scope, as they were at one moment."""
        if scope is None:
            self._administers()
            text = None
        else:
            text = self._reads(scope)
        self._record("export", text)
        return self._export(text)

    def _export(self, scope: str | None) -> Iterator[ExportedEntry]:
        audit = self._audit
        with self._store.snapshot() as reader:
            yield from exported(reader, scope, met=None if audit is None else audit.read_rows)

    def import_entries(
        self,
        entries: Iterable[tuple[Scope, str, Any] | tuple[Scope, str, Any, int | None]],
        *,
        replace: bool = True,
    ) -> int:
        """Store (scope, key, value) triples in one transaction; return how many were written.

        A fourth member is the schema version of the value, as in ``save``. Without ``replace``
        entries that exist are left as they are. Any bad entry refuses all.
        """
        allowed = cache(self._writes)  # each scope is asked about once
        wanted = {
            (allowed(scope_text(scope)), self._key(key)): (value, version[0] if version else None)
            for scope, key, value, *version in entries
        }
        if replace:
            return self._with_present(
                list(wanted), "standard", lambda present: self._import(wanted, present)
            )
        for attempt in range(UPDATE_ATTEMPTS):
            rows = self._store.read([Ref(*ref) for ref in wanted])
            absent = {
                ref: value
                for (ref, value), row in zip(wanted.items(), rows, strict=True)
                if row is None
            }
            with suppress(VersionConflict):
                return self._import(absent, dict.fromkeys(absent, (None, 0)))
            backoff(attempt)
        raise StateError("the import lost against other writers too often", hint="try again")

    def _import(
        self, values: Mapping[tuple[str, str], tuple[Any, int | None]], present: Present
    ) -> int:
        now = time_ns() // 1000
        puts = [
            self._named_operation(*ref, value, now, present=present, schema_version=version)
            for ref, (value, version) in values.items()
        ]
        if puts:
            self._record("import", entries=len(puts))
            self._write(puts)
        return len(puts)
