"""From a configuration to an open StateManager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmspell.config import defaults
from llmspell.state.maintenance import Retention
from llmspell.state.manager import StateLimits, StateManager
from llmspell.store import open_store

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell.config.state_sections import Failover, Journal

__all__ = ["open_default_state", "open_state"]

_DAY_US: Final = 24 * 3600 * 1_000_000


def open_default_state() -> StateManager:
    """Open what an empty configuration names, without the cost of reading one."""
    store = open_store(
        defaults.BACKEND,
        path=Path(defaults.DATABASE),
        durability=defaults.DURABILITY,
        busy_timeout_ms=defaults.BUSY_TIMEOUT_MS,
    )
    return StateManager(store, cache_bytes=defaults.CACHE_BYTES)


def open_state(config: Config) -> StateManager:
    """Open the store a configuration names. Raises ``StorageError`` or ``ConfigError``."""
    state, limits = config.state, config.limits
    store = open_store(
        state.backend,
        path=state.path,
        url=state.url,
        durability=state.durability,
        flush_ms=state.flush_ms,
        busy_timeout_ms=state.busy_timeout_ms,
        journal=state.journal.enabled,
        max_stale_ms=state.performance.max_stale_ms,
        rocksdb=state.rocksdb.model_dump(),
        failover=_failover(state.failover),
    )
    return StateManager(
        store,
        limits=StateLimits(
            value_bytes=limits.value_bytes,
            depth=limits.depth,
            key_bytes=limits.key_bytes,
            scope_bytes=limits.scope_bytes,
        ),
        cache_bytes=state.performance.cache_size,
        journal=state.journal.enabled,
        retention=_retention(state.journal),
        flush_ms=state.flush_ms,
    )


def _failover(section: Failover) -> dict[str, Any] | None:
    if not section.enabled:
        return None
    return {
        "local": section.path,
        "failures": section.failures,
        "retry_s": section.retry_s,
        "cache_bytes": section.cache_bytes,
    }


def _retention(section: Journal) -> Retention:
    """Return the bounds of the journal; 0 in the configuration sets none."""
    age_us = round(section.retention_days * _DAY_US) or None
    return Retention(age_us, section.max_changes or None)
