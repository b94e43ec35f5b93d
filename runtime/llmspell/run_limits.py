"""The limits of a run, from the configuration or by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.config import defaults
from llmspell_bridges.limits import Limits

if TYPE_CHECKING:
    from llmspell.config import Config

__all__ = ["configured_limits"]


def configured_limits(config: Config | None) -> Limits:
    """Return the limits of a run in a program that embeds a runtime."""
    if config is None:
        return Limits(
            timeout_s=defaults.EMBEDDED_TIMEOUT_S,
            memory_bytes=defaults.MEMORY_BYTES,
            stack_bytes=defaults.STACK_BYTES,
            calls=defaults.CALLS,
            call_bytes=defaults.CALL_BYTES,
        )
    limits = config.limits
    timeout_s = limits.timeout_s
    return Limits(
        timeout_s=(defaults.EMBEDDED_TIMEOUT_S if timeout_s is None else timeout_s) or None,
        memory_bytes=limits.memory_bytes,
        stack_bytes=limits.stack_bytes,
        calls=limits.calls or None,
        call_bytes=limits.call_bytes,
    )
