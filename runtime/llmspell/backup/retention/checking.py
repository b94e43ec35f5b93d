"""What the numbers of a policy must be."""

from __future__ import annotations

from llmspell.errors import ConfigError

__all__ = ["check_count"]


def check_count(name: str, value: object, *, least: int = 0) -> None:
    """Raise ``ConfigError`` for what is no whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} must be a whole number of at least {least}", key=name)
