"""Configuration: TOML files, profiles and environment variables, read into checked models.

Importing this package is free: pydantic is loaded when one of its names is first used.
``nothing_configured()`` tells, without pydantic, that the defaults apply.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmspell.config.environment import nothing_configured
    from llmspell.config.loader import default_config, load_config
    from llmspell.config.models import Config
    from llmspell.config.profiles import PROFILES

__all__ = ["PROFILES", "Config", "default_config", "load_config", "nothing_configured"]

_HOMES = {
    "Config": "models",
    "PROFILES": "profiles",
    "default_config": "loader",
    "load_config": "loader",
    "nothing_configured": "environment",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
