"""Keep requests of scripts out of the logs: the libraries write whole addresses and headers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["unlogged"]

_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11")
_is_unlogged: ContextVar[bool] = ContextVar("llmspell_unlogged", default=False)


@contextmanager
def unlogged() -> Iterator[None]:
    """Drop what the libraries log within the block; what the host itself requests is logged."""
    token = _is_unlogged.set(True)
    try:
        yield
    finally:
        _is_unlogged.reset(token)


def _is_logged(_: logging.LogRecord) -> bool:
    return not _is_unlogged.get()


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_is_logged)
