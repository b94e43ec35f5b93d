"""Which limits of a command the supervising parent keeps, and which the script's sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmspell.cli.child import Link
from llmspell.config import defaults

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell_bridges.limits import Limits

__all__ = ["start_watch", "watched_limits"]

#: So long that it never ends a session, and yet an end that the sandbox looks out for.
_ENDLESS_S: Final = 1e9


def watched_limits(config: Config | None, link: Link, *, interactive: bool = False) -> Limits:
    """Return the limits the sandbox has to keep itself.

    The parent keeps the time, which costs the script nothing; where there is none to do so, the
    sandbox must. ``interactive`` sessions look out for Ctrl-C in the middle of a script.
    """
    from llmspell.run_limits import configured_limits

    timeout_s = None if link.is_watched else link.timeout_s(_configured_s(config))
    if interactive:
        timeout_s = timeout_s or _ENDLESS_S
    return configured_limits(config).but(timeout_s=timeout_s)


def start_watch(config: Config | None, link: Link) -> None:
    """Have the parent watch time and memory from now on."""
    memory_bytes = config.limits.process_memory_bytes if config else defaults.PROCESS_MEMORY_BYTES
    link.script_starts(_configured_s(config), memory_bytes)


def _configured_s(config: Config | None) -> float | None:
    return config.limits.timeout_s if config else None
