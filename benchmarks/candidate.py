"""What is measured: candidates, the subjects they belong to, and why one may be missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Candidate", "Missing", "Setting", "Subject"]


class Missing(NamedTuple):
    """A candidate, or a whole subject, that is not measured, and why; ``failed`` by an error."""

    name: str
    reason: str
    failed: bool = False


def _nothing(*_: int) -> None:
    pass


class Candidate(NamedTuple):
    """One thing to time. Its name is ``subject/caller/operation``.

    ``run(n)`` makes n calls; each does ``step`` operations, and times are told for one
    operation. ``prepare(n)`` comes before and ``settle`` after each round, both untimed.
    ``lost`` counts, at the end, how many updates got lost.
    """

    name: str
    run: Callable[[int], object]
    prepare: Callable[[int], object] = _nothing
    settle: Callable[[], object] = _nothing
    step: int = 1
    lost: Callable[[], int] | None = None


@dataclass
class Setting:
    """Where subjects are opened: a folder, what closes them, and how large a batch is."""

    folder: Path
    stack: ExitStack
    batch: int

    @cached_property
    def postgres(self) -> Any:
        """The PostgreSQL server of this run, started when first asked for."""
        from benchmarks.postgres import started

        return started(self.folder / "postgres", self.stack)


Opened: TypeAlias = Iterator[Candidate]


class Subject(NamedTuple):
    """A store, a library or a program to measure.

    ``operations`` names what it can do as ``caller/operation``, before anything is opened.
    ``open`` raises ``Unavailable`` when none of it can be measured.
    """

    name: str
    operations: tuple[str, ...]
    open: Callable[[Setting], Opened]

    def names(self) -> list[str]:
        """Return the names its candidates can have."""
        return [f"{self.name}/{operation}" for operation in self.operations]
