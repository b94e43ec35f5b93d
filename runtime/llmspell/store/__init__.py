"""Where state is kept: the ``Store`` protocol, its backends, and the codec of values.

Backends are imported when they are opened; SQLAlchemy alone takes longer than a script.
"""

from __future__ import annotations

from llmspell.store.base import (
    INTERNAL,
    Check,
    Clear,
    Delete,
    Operation,
    Put,
    Reader,
    Ref,
    Rewritten,
    Row,
    Store,
    WriteResult,
    Written,
)
from llmspell.store.changes import NOBODY, Change, Compacted, JournalSpan, Origin, Swept
from llmspell.store.clock import Clock, system_clock
from llmspell.store.opening import open_store

__all__ = [
    "INTERNAL",
    "NOBODY",
    "Change",
    "Check",
    "Clear",
    "Clock",
    "Compacted",
    "Delete",
    "JournalSpan",
    "Operation",
    "Origin",
    "Put",
    "Reader",
    "Ref",
    "Rewritten",
    "Row",
    "Store",
    "Swept",
    "WriteResult",
    "Written",
    "open_store",
    "system_clock",
]
