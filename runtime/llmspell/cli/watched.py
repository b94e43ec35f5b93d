"""Which limits of a command the supervising parent keeps, and which the script's sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmspell.cli.child import Link
from llmspell.config import defaults

if TYPE_CHECKING:
    from llmspell.config import Config
    from llmspell_bridges.limits import Limits

__all__ = ["session_limits", "start_watch", "watched_limits"]

#: So long that it never ends a session, and yet an end that the sandbox looks out for.
_ENDLESS_S: Final = 1e9


def watched_limits(config: Config | None, link: Link) -> Limits:
    """Return the limits the sandbox of a script has to keep itself.

    The parent keeps the time, which costs the script nothing; where there is none to do so, the
    sandbox must.
    """
    from llmspell_bridges.limits import Limits

    timeout_s = None if link.is_watched else link.timeout_s(_configured_s(config))
    return Limits(timeout_s=timeout_s or 0)


def session_limits(config: Config | None, *, interactive: bool) -> Limits:
    """Return the limits of a session, which keeps the time itself: it goes on after that.

    ``interactive`` ones look out for Ctrl-C too, in the middle of a script.
    """
    from llmspell_bridges.limits import Limits

    return Limits(timeout_s=_configured_s(config) or (_ENDLESS_S if interactive else 0))


def start_watch(config: Config | None, link: Link) -> None:
    """Have the parent watch time and memory from now on."""
    memory_bytes = config.limits.process_memory_bytes if config else defaults.PROCESS_MEMORY_BYTES
    link.script_starts(_configured_s(config), memory_bytes)


def _configured_s(config: Config | None) -> float | None:
    return config.limits.timeout_s if config else None
