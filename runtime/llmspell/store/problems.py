"""What can be wrong with a stored value, worded once; and errors that wait to be raised."""

from __future__ import annotations

from typing import Final

import msgpack

from llmspell import errors
from llmspell.errors import KeyMissing, LimitExceeded, LlmSpellError, StorageError

__all__ = ["UNOPENED", "corrupt", "no_key", "too_large", "unknown_format", "unopened", "why_not"]

#: The first byte of a blob that stands for one which could not be opened.
UNOPENED: Final = 0xE4


def unopened(error: LlmSpellError) -> bytes:
    """Return a blob that raises this error when it is decoded."""
    told = (type(error).__name__, error.message, error.hint, error.details)
    packed: bytes = msgpack.packb(told)
    return bytes([UNOPENED]) + packed


def why_not(blob: bytes) -> LlmSpellError:
    """Return the error that ``unopened`` was given."""
    try:
        name, message, hint, details = msgpack.unpackb(blob[1:])
        made: LlmSpellError = getattr(errors, name)(message, hint=hint, **details)
    except (ValueError, TypeError, AttributeError):  # it comes from a store, not from `unopened`
        return unknown_format(blob[0])
    return made


def no_key() -> KeyMissing:
    """Make the error of a sealed value that nobody here can open."""
    return KeyMissing(
        "a stored value is encrypted, and no master key is configured",
        hint="set LLMSPELL_MASTER_KEY, LLMSPELL_PASSPHRASE or state.security.key_file",
    )


def corrupt(why: str) -> StorageError:
    """Make the error of damaged bytes."""
    return StorageError(
        f"a stored value is damaged: {why}",
        hint="restore it from a backup, or overwrite or delete the entry",
        reason="corrupt",
    )


def too_large(size: int, max_bytes: int) -> LimitExceeded:
    """Make the error of a value beyond its limit."""
    return LimitExceeded(
        f"the value is {size} bytes; the limit is {max_bytes}",
        hint="split it over several keys, or raise limits.value_bytes; values of class external"
        " have a limit of their own",
        limit="value_bytes",
        maximum=max_bytes,
        size=size,
    )


def unknown_format(header: int) -> StorageError:
    """Make the error of a form that a later version brought."""
    return StorageError(
        f"a stored value has format 0x{header:02x}, which this version does not read",
        hint="a newer llmspell wrote it: upgrade llmspell",
        reason="newer_version",
    )
