"""The audit log: who did what, where, when, with which outcome; chained, so that changes show.

Importing this package is free; its parts are imported where they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmspell.security.audit.auditor import Auditor
    from llmspell.security.audit.compacting import compact
    from llmspell.security.audit.log import AuditLog
    from llmspell.security.audit.opening import open_auditor
    from llmspell.security.audit.record import AuditRecord
    from llmspell.security.audit.verifying import verify

__all__ = [
    "AuditLog",
    "AuditRecord",
    "Auditor",
    "compact",
    "open_auditor",
    "verify",
]

_HOMES = {
    "AuditLog": "log",
    "AuditRecord": "record",
    "Auditor": "auditor",
    "compact": "compacting",
    "open_auditor": "opening",
    "verify": "verifying",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
