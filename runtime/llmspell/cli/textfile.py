"""Read a file or the standard input as text or bytes, with errors fit for a user."""

from __future__ import annotations

import sys
from pathlib import Path

from llmspell.cli.failures import UsageFailure

__all__ = ["read_bytes", "read_text"]


def read_bytes(name: str, *, what: str) -> bytes:
    """Return the content of the file ``name``, or of the standard input when it is ``-``."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageFailure(f"cannot read the {what} {name!r}: {reason}") from error


def read_text(name: str, *, what: str) -> str:
    """Return the content of a file, or of the standard input, which must be UTF-8."""
    try:
        return read_bytes(name, what=what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        shown = "the standard input" if name == "-" else repr(name)
        raise UsageFailure(
            f"the {what} from {shown} is not UTF-8 text (byte {error.start})",
            hint="save it as UTF-8",
        ) from error
