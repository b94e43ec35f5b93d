"""A progress bar for long work, on a terminal only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

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
    bar = _Bar(verb)
    timer = threading.Timer(_PATIENCE_S, bar.start)
    timer.start()
    try:
        yield bar.show
    finally:
        timer.cancel()
        timer.join()
        bar.stop()


class _Bar:
    """A bar that another thread starts, whatever the work is at then."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._progress: Progress | None = None

    def start(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        progress = Progress(console=Console(stderr=True), transient=True)
        self._task = progress.add_task(self._verb, total=None)
        progress.start()
        self._progress = progress

    def show(self, share: float | None) -> None:
        if self._progress is not None:
            self._progress.update(self._task, completed=share, total=share and 1.0)

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
