"""Backups: folders of checksummed chunks, what is made of a store and what it is made anew from.

``StateManager`` and ``Runtime.backups`` make and restore them; these are the names their
arguments and results have. They are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmspell.backup.health import HealthReport
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.model import BackupEvent, Manifest
    from llmspell.backup.restore_options import RestoreOptions
    from llmspell.backup.restore_result import RestoreResult
    from llmspell.backup.retention import (
        AllOf,
        AnyOf,
        CountBased,
        Custom,
        ImportanceBased,
        RetentionPolicy,
        RetentionResult,
        SizeBased,
        TimeBased,
    )
    from llmspell.backup.schedule import Schedule
    from llmspell.backup.usage import StorageUsage
    from llmspell.backup.verifying import Verification

__all__ = [
    "AllOf",
    "AnyOf",
    "BackupEvent",
    "BackupManager",
    "CountBased",
    "Custom",
    "HealthReport",
    "ImportanceBased",
    "Manifest",
    "RestoreOptions",
    "RestoreResult",
    "RetentionPolicy",
    "RetentionResult",
    "Schedule",
    "SizeBased",
    "StorageUsage",
    "TimeBased",
    "Verification",
]

_MODULES: Final = {
    "health": ("HealthReport",),
    "manager": ("BackupManager",),
    "model": ("BackupEvent", "Manifest"),
    "restore_options": ("RestoreOptions",),
    "restore_result": ("RestoreResult",),
    "retention": (
        "AllOf",
        "AnyOf",
        "CountBased",
        "Custom",
        "ImportanceBased",
        "RetentionPolicy",
        "RetentionResult",
        "SizeBased",
        "TimeBased",
    ),
    "schedule": ("Schedule",),
    "usage": ("StorageUsage",),
    "verifying": ("Verification",),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
