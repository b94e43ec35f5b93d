"""What confines workers on this system, told by a worker that tried."""

from __future__ import annotations

from dataclasses import dataclass

from llmspell_bridges.process.measures import Measure
from llmspell_bridges.process.pool import WorkerPool
from llmspell_bridges.process.sandbox import ProcessSandbox
from llmspell_bridges.sandbox import SandboxOptions

__all__ = ["Inspection", "inspect_worker"]


@dataclass(frozen=True, slots=True)
class Inspection:
    """The measures, and for each thing that was tried why it was refused (``None``: it was not)."""

    measures: tuple[Measure, ...]
    probes: dict[str, str | None]


def inspect_worker(options: SandboxOptions) -> Inspection:
    """Start a worker, have it try what it should not be able to do, and end it.

    Raises ``SandboxUnavailable`` where there can be no workers.
    """
    with WorkerPool(size=1, spares=0) as pool:
        sandbox = ProcessSandbox("lua", options, pool)
        try:
            return Inspection(sandbox.measures, sandbox.probe())
        finally:
            sandbox.close()
