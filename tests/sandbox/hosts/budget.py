"""What an attack may use up here: little, so that each is soon over."""

from __future__ import annotations

from typing import Final

__all__ = ["CALLS", "MEMORY_BYTES", "PLENTY_S", "TIMEOUT_S"]

TIMEOUT_S: Final = 0.2
# For what ends in another way; a busy machine must not make it end by the clock.
PLENTY_S: Final = 15.0
MEMORY_BYTES: Final = 48 * 1024 * 1024
CALLS: Final = 2000
