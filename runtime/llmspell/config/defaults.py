"""Defaults as plain values, for code that runs before (or without) pydantic."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BACKEND",
    "BUSY_TIMEOUT_MS",
    "CACHE_BYTES",
    "CALLS",
    "CALL_BYTES",
    "DATABASE",
    "DEPTH",
    "DURABILITY",
    "EMBEDDED_TIMEOUT_S",
    "KEY_BYTES",
    "MEMORY_BYTES",
    "OUTPUT_BYTES",
    "PROCESS_MEMORY_BYTES",
    "SCOPE_BYTES",
    "STACK_BYTES",
    "VALUE_BYTES",
]

BACKEND: Final = "sqlite"
DATABASE: Final = ".llmspell/state.db"
DURABILITY: Final = "commit"
BUSY_TIMEOUT_MS: Final = 30_000
CACHE_BYTES: Final = 64 * 1024 * 1024

VALUE_BYTES: Final = 8 * 1024 * 1024
DEPTH: Final = 128
KEY_BYTES: Final = 1024
SCOPE_BYTES: Final = 256
OUTPUT_BYTES: Final = 16 * 1024 * 1024
MEMORY_BYTES: Final = 256 * 1024 * 1024
PROCESS_MEMORY_BYTES: Final = 2 * 1024 * 1024 * 1024
STACK_BYTES: Final = 2 * 1024 * 1024
CALLS: Final = 10_000_000
CALL_BYTES: Final = 64 * 1024 * 1024
#: On the command line there is somebody who can press Ctrl-C, so there no time is set.
EMBEDDED_TIMEOUT_S: Final = 300.0
