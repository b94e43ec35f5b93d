"""Many entries at a time, and the store as a whole."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import time_ns
from typing import Any, Final

from llmspell.errors import InvalidArgument, StateError, StorageError, VersionConflict
from llmspell.state.checks import check_integer, check_map, check_seconds, check_text
from llmspell.state.contention import backoff
from llmspell.state.core import Scope
from llmspell.state.entries import UPDATE_ATTEMPTS, Entries
from llmspell.state.entry import Metadata
from llmspell.state.maintenance import Retention, Tidied
from llmspell.state.transfer import ExportedEntry, exported
from llmspell.state.verified import Verified
from llmspell.store.base import Clear, Put
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
        found = self._find_many(self._scope(scope), keys)
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
        text, now, policy = self._scope(scope), time_ns() // 1000, self._policy(state_class)
        with collector_paused(len(values)):
            puts = [
                self._named_operation(text, key, value, now, policy=policy, ttl=ttl)
                for key, value in values.items()
            ]
            saved = self._save_all(puts, durability=policy.durability) if puts else []
            return dict(zip(values, saved, strict=True))

    def warm(self, scope: Scope, keys: Iterable[str] | None = None) -> int:
        """Read entries into the cache and return how many there are; all keys if none are named."""
        text = self._scope(scope)
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
        """Return facts about the store, its journal and the cache.

        With failover, those of the journal are left out while the primary is away.
        """
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
        retention = None
        if max_changes is not None:
            check_integer("max_changes", max_changes, least=0)
        age_us = None if max_age_s is None else check_seconds("max_age_s", max_age_s)
        if max_age_s is not None or max_changes is not None:
            retention = Retention(age_us, max_changes)
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
        from llmspell.state.verifying import verify

        return verify(self._store, journal=self._journal)

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
            put = self._named_operation(self._scope(scope), key, value, now)
            puts[put.scope, put.key] = put
        if replace:
            return self._import(list(puts.values()))
        for attempt in range(UPDATE_ATTEMPTS):
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
