"""Every subject of a run: llmspell's backends, bare databases, peers, and whole commands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from benchmarks import bare, commands, host, peers, redis_peer
from benchmarks.backends import BACKENDS, Backend, OpenBackend
from benchmarks.calls_python import STORE_OPERATIONS, fill, python_calls, store_calls
from benchmarks.calls_scripts import script_calls
from benchmarks.candidate import Candidate, Setting, Subject
from benchmarks.parallel import parallel_calls, parallel_names

__all__ = ["SUBJECTS"]


def _open(backend: Backend, setting: Setting) -> Iterator[Candidate]:
    opened = OpenBackend(backend, setting)
    fill(opened.state, setting.batch)
    yield from python_calls(backend, opened, setting.batch)
    yield from script_calls(backend, opened, setting)
    yield from store_calls(backend, opened)
    yield from parallel_calls(backend, opened, setting)


def _subject(backend: Backend) -> Subject:
    calls = tuple(
        f"{caller}/{operation}" for caller in backend.callers for operation in backend.operations
    )
    store = tuple(f"store/{operation}" for operation in STORE_OPERATIONS)
    return Subject(backend.name, calls + store + parallel_names(backend), partial(_open, backend))


SUBJECTS: Final[tuple[Subject, ...]] = (
    *map(_subject, BACKENDS),
    *bare.SUBJECTS,
    *peers.SUBJECTS,
    *redis_peer.SUBJECTS,
    *host.SUBJECTS,
    *commands.SUBJECTS,
)
