"""What a pool knows of its workers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from llmspell_bridges.api import Global
from llmspell_bridges.errors import LlmSpellError
from llmspell_bridges.process.host_channel import HostChannel
from llmspell_bridges.process.spawner_link import SpawnerLink
from llmspell_bridges.sandbox import SandboxOptions

__all__ = ["Kind", "Lender", "Worker"]


@dataclass(slots=True, eq=False)
class Kind:
    """Sandboxes that are built alike: their number, and the workers that wait with one.

    It holds the declarations: while it does, nothing else has their identities.
    """

    number: int
    declarations: tuple[Global, ...]
    spares: deque[Worker] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class Worker:
    """A worker's number, the host's end of its socket, and how many sandboxes it has had."""

    number: int
    channel: HostChannel
    kind: Kind
    link: SpawnerLink
    process: int
    thread: int = 0
    runs: int = 0


class Lender(Protocol):
    """A pool, as far as a sandbox needs one: it lends workers and takes them back."""

    @property
    def required(self) -> frozenset[str]: ...
    def lease(self, language: str, options: SandboxOptions) -> Worker: ...
    def release(self, worker: Worker, *, reusable: bool) -> None: ...
    def abandon(self, worker: Worker) -> None: ...
    def why_lost(self, worker: Worker, *, had_begun: bool) -> LlmSpellError: ...
