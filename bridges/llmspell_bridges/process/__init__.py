"""Sandboxes in processes of their own: a pool of warm workers behind the sandbox protocol.

The host starts one clean process, the *spawner*, which forks *workers*; each holds one VM. Between
a worker and the host there is one socket and only text crosses it. The host believes nothing that
a worker says: what it cannot decode strictly ends the worker with an error.

::

    host --- control socket --- spawner --- fork --> worker
      \\--------------- one socket per worker ---------/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmspell_bridges.process.pool import WorkerPool

__all__ = ["WorkerPool"]


def __getattr__(name: str) -> Any:
    # The worker's side must not load the pool's, nor the other way round.
    if name == "WorkerPool":
        from llmspell_bridges.process.pool import WorkerPool

        return WorkerPool
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
