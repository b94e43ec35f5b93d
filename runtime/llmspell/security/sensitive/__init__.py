"""Sensitive data: finding it, protecting what is stored, keeping it out of reports.

Names are imported when they are first used: most runs never need them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmspell.security.sensitive.confidential import Confidential
    from llmspell.security.sensitive.detectors import DETECTORS, Detector
    from llmspell.security.sensitive.protection import Action, Protected, Protection
    from llmspell.security.sensitive.redactor import Redactor
    from llmspell.security.sensitive.scanner import Finding, scan

__all__ = [
    "DETECTORS",
    "Action",
    "Confidential",
    "Detector",
    "Finding",
    "Protected",
    "Protection",
    "Redactor",
    "scan",
]

_MODULES: Final = {
    "Action": "protection",
    "Confidential": "confidential",
    "DETECTORS": "detectors",
    "Detector": "detectors",
    "Finding": "scanner",
    "Protected": "protection",
    "Protection": "protection",
    "Redactor": "redactor",
    "scan": "scanner",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
