"""Packages that may be missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Unavailable", "imported"]


class Unavailable(Exception):
    """Something cannot be measured here; the message says why and, if it helps, what to install."""


def imported(module: str, package: str) -> Any:
    """Import a module; raise ``Unavailable`` with the command that installs its package."""
    try:
        return import_module(module)
    except ImportError as error:
        if error.name is None or not module.startswith(error.name.split(".")[0]):
            raise
        raise Unavailable(f"not installed: pip install {package}") from None
