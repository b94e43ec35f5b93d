"""Where the key of the audit log comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.config import Config

__all__ = ["audit_key"]


def audit_key(config: Config) -> bytes | None:
    """Return the key that the audit log of a configuration is made with; None: it has none."""
    from llmspell.state.opening import configured_audit_key

    return configured_audit_key(config)
