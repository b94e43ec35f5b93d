"""Default limits as plain numbers, for code that runs before (or without) pydantic."""

from __future__ import annotations

from typing import Final

__all__ = ["DEPTH", "KEY_BYTES", "OUTPUT_BYTES", "SCOPE_BYTES", "TIMEOUT_S", "VALUE_BYTES"]

VALUE_BYTES: Final = 8 * 1024 * 1024
DEPTH: Final = 128
KEY_BYTES: Final = 1024
SCOPE_BYTES: Final = 256
OUTPUT_BYTES: Final = 16 * 1024 * 1024
TIMEOUT_S: Final = 0.0
