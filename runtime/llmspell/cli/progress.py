"""A progress bar for long work, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

__all__ = ["advancing", "tracked"]

_Item = TypeVar("_Item")

# Fewer items than this are done before a bar could be read.
_WORTH_SHOWING = 5000
# Work that is done sooner shows no bar.
_PATIENCE_S = 0.5


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


@contextmanager
def advancing(verb: str) -> Iterator[Callable[[float | None], None]]:
    """Yield a function that is told how much is done, from 0 to 1; None if nobody knows."""
    if not sys.stderr.isatty():
        yield lambda _share: None
        return
    begin = time.monotonic()
    update: Callable[[float | None], None] | None = None
    with ExitStack() as stack:

        def show(share: float | None) -> None:
            nonlocal update
            if update is None and time.monotonic() - begin >= _PATIENCE_S:
                update = stack.enter_context(_bar(verb))
            if update is not None:
                update(share)

        yield show


@contextmanager
def _bar(verb: str) -> Iterator[Callable[[float | None], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(verb, total=None)
        yield lambda share: progress.update(task, completed=share, total=share and 1.0)
