"""The ready-made configurations behind ``-p``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from llmspell.config.problems import Problem, closest, config_error

__all__ = ["PROFILES", "Profile", "profile_named"]

_MIB = 1024 * 1024


class Profile(NamedTuple):
    """A sentence for the user and the settings, nested like the TOML."""

    description: str
    settings: Mapping[str, Any]


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "minimal": Profile(
            "State in memory, forgotten when the run ends: for trying things and for tests.",
            {"state": {"backend": "memory", "performance": {"cache_size": 0}}},
        ),
        "development": Profile(
            "A database of its own, so that trying things leaves the real one alone.",
            {"state": {"path": ".llmspell/development.db"}},
        ),
        "production": Profile(
            "Every save is on the disk before it returns and survives a power loss.",
            {"state": {"durability": "fsync"}},
        ),
        "secure": Profile(
            "Stored values encrypted and every access checked, on the disk before save returns.",
            {
                "state": {
                    "durability": "fsync",
                    "security": {"encryption_enabled": True, "access_control_enabled": True},
                },
                "audit": {"enabled": True},
            },
        ),
        "high-performance": Profile(
            "A large cache for many values; a save survives a killed process, not a power loss.",
            {"state": {"durability": "commit", "performance": {"cache_size": 512 * _MIB}}},
        ),
        "untrusted": Profile(
            "Scripts nobody has read: a process and a database of their own, little of everything.",
            {
                "state": {"path": ".llmspell/untrusted.db"},
                "modules": {"own_folder": False},
                "sandbox": {"isolation": "process"},
                "limits": {
                    "timeout_s": 30.0,
                    "memory_bytes": 128 * _MIB,
                    "calls": 100_000,
                    "call_bytes": 16 * _MIB,
                    "output_bytes": _MIB,
                },
            },
        ),
        "full": Profile(
            "Everything switched on: migrations, backups, encryption and access control.",
            {
                "state": {
                    "durability": "fsync",
                    "migration": {"enabled": True, "auto_migrate": True},
                    "backup": {"enabled": True},
                    "security": {"encryption_enabled": True, "access_control_enabled": True},
                    "performance": {"async_hooks": True},
                },
                "audit": {"enabled": True},
            },
        ),
    }
)


def profile_named(name: str, *, origin: str | None = None) -> Profile:
    """Return a profile; an unknown name raises ``ConfigError`` naming the known ones."""
    if name in PROFILES:
        return PROFILES[name]
    guess = closest(name, list(PROFILES))
    meant = f'did you mean "{guess}"?\n' if guess else ""
    hint = f"{meant}profiles: {', '.join(PROFILES)}"
    raise config_error([Problem(f'unknown profile "{name}"', "profile", hint, origin)])
