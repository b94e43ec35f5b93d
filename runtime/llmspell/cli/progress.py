"""A progress bar for long work, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["tracked"]

_Item = TypeVar("_Item")

# Fewer items than this are done before a bar could be read.
_WORTH_SHOWING = 5000


def tracked(items: Iterable[_Item], verb: str, total: int) -> Iterator[_Item]:
    """Yield ``items``, showing how far along ``total`` they are on the standard error."""
    if total < _WORTH_SHOWING or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(
        items, description=verb, total=total, console=Console(stderr=True), transient=True
    )
