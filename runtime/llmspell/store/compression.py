"""zstd for large values; imported when there is the first one."""

from __future__ import annotations

import threading
from typing import Any, Final

from llmspell.store.problems import corrupt

__all__ = ["MAX_UNPACKED_BYTES", "compress", "decompress", "frame_size"]

_LEVEL: Final = 3
_BEST_LEVEL: Final = 19
#: No honest blob unpacks to more: SQLite's own limit for one value is a little lower.
MAX_UNPACKED_BYTES: Final = 1 << 30
_HEAD_BYTES: Final = 32
_local = threading.local()


def compress(data: bytes, *, best: bool) -> bytes:
    """Return data compressed, with ``best`` as far as it goes."""
    return bytes(_compressor(_BEST_LEVEL if best else _LEVEL).compress(data))


def decompress(data: bytes) -> bytes:
    """Return what was compressed. Raises StorageError for what cannot have been."""
    import zstandard

    try:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= MAX_UNPACKED_BYTES:
            raise corrupt("its compressed size is unknown or absurd")
        # The frame states its size, and no more than that is ever allocated.
        return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise corrupt("it does not decompress") from error


def frame_size(data: bytes, otherwise: int) -> int:
    """Return what compressed data say they take; ``otherwise`` if they do not make sense."""
    import zstandard

    try:
        return max(0, zstandard.frame_content_size(data[:_HEAD_BYTES]))
    except zstandard.ZstdError:
        return otherwise


def _compressor(level: int) -> Any:
    # zstd contexts serve one thread at a time.
    try:
        return _local.compressors[level]
    except (AttributeError, KeyError):
        import zstandard

        if not hasattr(_local, "compressors"):
            _local.compressors = {}
        made = _local.compressors[level] = zstandard.ZstdCompressor(level=level)
        return made
