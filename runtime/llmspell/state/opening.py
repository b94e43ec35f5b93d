"""From a configuration to an open StateManager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llmspell.config import defaults
from llmspell.state.manager import StateLimits, StateManager
from llmspell.store import open_store

if TYPE_CHECKING:
    from llmspell.config import Config

__all__ = ["open_default_state", "open_state"]


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
        busy_timeout_ms=state.busy_timeout_ms,
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
    )
