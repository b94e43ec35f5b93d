"""Migrations: steps from one version of a schema to another, and the plans made of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmspell.migration.conditions import (
        FieldAbsent,
        FieldEquals,
        FieldExists,
        FieldType,
        FieldValid,
    )
    from llmspell.migration.plan import Plan
    from llmspell.migration.planner import Planner
    from llmspell.migration.step import MigrationStep
    from llmspell.migration.transforms import Copy, Custom, Default, Move, Remove, Validation

__all__ = [
    "Copy",
    "Custom",
    "Default",
    "FieldAbsent",
    "FieldEquals",
    "FieldExists",
    "FieldType",
    "FieldValid",
    "MigrationStep",
    "Move",
    "Plan",
    "Planner",
    "Remove",
    "Validation",
]

_MODULES: Final = {
    "conditions": ("FieldAbsent", "FieldEquals", "FieldExists", "FieldType", "FieldValid"),
    "plan": ("Plan",),
    "planner": ("Planner",),
    "step": ("MigrationStep",),
    "transforms": ("Copy", "Custom", "Default", "Move", "Remove", "Validation"),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
