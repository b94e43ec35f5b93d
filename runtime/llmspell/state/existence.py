"""Whether a store is there before it is opened, which would make one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.config.models import State

__all__ = ["store_exists"]


def store_exists(state: State) -> bool:
    """Tell whether the configured store is there; of a server that is taken for granted."""
    return state.url is not None or (state.backend != "memory" and Path(state.path).exists())
