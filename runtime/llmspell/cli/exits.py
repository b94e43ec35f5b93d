"""Exit codes of the command line, and which code an error ends it with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "BROKEN_PIPE",
    "INTERNAL",
    "INTERRUPTED",
    "MEMORY",
    "OK",
    "SCRIPT",
    "SIGNALLED",
    "TIMEOUT",
    "USAGE",
    "code_for",
]

OK = 0
SCRIPT = 1
USAGE = 2
INTERNAL = 70
TIMEOUT = 124
SIGNALLED = 128
INTERRUPTED = 130
MEMORY = 137
BROKEN_PIPE = 141

# A limit's name, as ``details["limit"]`` gives it, to the exit code that tells it apart. Every
# other limit (size of a value, of a key, of the output) is an ordinary failure of the script.
_LIMITS = {
    "timeout_s": TIMEOUT,
    "memory_bytes": MEMORY,
    "process_memory_bytes": MEMORY,
}


def code_for(error: Exception) -> int:
    """Return the exit code for ``error``: its class's own, or that of the limit it names."""
    details: Mapping[str, Any] = getattr(error, "details", {})
    if getattr(error, "code", None) == "limit_exceeded":
        return _LIMITS.get(str(details.get("limit")), SCRIPT)
    code: int = getattr(error, "exit_code", SCRIPT)
    return code
