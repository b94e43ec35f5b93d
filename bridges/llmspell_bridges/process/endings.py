"""What to say of a worker that ended before its work was done."""

from __future__ import annotations

import os
import signal
from typing import Final

from llmspell_bridges.errors import LlmSpellError, SandboxCrashed, SandboxUnavailable
from llmspell_bridges.process.control import NOT_FORKED

__all__ = ["crash", "lost_with_spawner", "not_started", "violation"]

_HINTS: Final = {
    "SIGKILL": "somebody killed it, or the system ran out of memory",
    "SIGSYS": "it used a system call that does not exist for it",
}
_DEFECT: Final = "the script met a defect of its engine; the host and its state are untouched"


def crash(status: int) -> LlmSpellError:
    """Return the error for a worker that ended with this exit code, as subprocess tells it."""
    if status >= NOT_FORKED:
        return not_started(os.strerror(status - NOT_FORKED))
    if status < 0:
        name = _signal_name(-status)
        return SandboxCrashed(
            f"the sandbox process died ({name})", hint=_HINTS.get(name, _DEFECT), signal=name
        )
    return SandboxCrashed(
        f"the sandbox process ended by itself, with exit code {status}",
        hint=_DEFECT,
        exit_code=status,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def violation(problem: object) -> SandboxCrashed:
    """Return the error for a worker that sent what no worker of ours sends."""
    return SandboxCrashed(
        f"the sandbox process broke the protocol ({problem}) and was ended",
        hint="the script took over its process; the host and its state are untouched",
    )


def lost_with_spawner() -> SandboxCrashed:
    """Return the error for a worker that ended because the process that made it did."""
    return SandboxCrashed(
        "the sandbox process ended together with the process that made it",
        hint="somebody killed that one, or the system ran out of memory",
    )


def not_started(reason: str) -> SandboxUnavailable:
    """Return the error for workers that cannot be made at all."""
    return SandboxUnavailable(
        f"no sandbox process could be started: {reason}",
        hint="see `llmspell doctor`; limits on processes, memory and open files count too",
    )
