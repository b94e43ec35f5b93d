"""Defaults as plain values, for code that runs before (or without) pydantic."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BACKEND",
    "BUSY_TIMEOUT_MS",
    "CACHE_BYTES",
    "DATABASE",
    "DEPTH",
    "DURABILITY",
    "KEY_BYTES",
    "OUTPUT_BYTES",
    "SCOPE_BYTES",
    "TIMEOUT_S",
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
TIMEOUT_S: Final = 0.0
