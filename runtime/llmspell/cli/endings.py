"""The error that stands for a child that did not end by itself."""

from __future__ import annotations

import signal

from llmspell.cli import exits
from llmspell.cli.failures import Crashed, Interrupted, Killed
from llmspell.cli.supervise import Ending
from llmspell.errors import LimitExceeded, LlmSpellError

__all__ = ["failure_of"]

_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")


def failure_of(ending: Ending) -> LlmSpellError | None:
    """Return the error to report for ``ending``; None when there is nothing to say."""
    if ending.kind == "timeout":
        return LimitExceeded(
            f"the script ran longer than {_duration(ending.timeout_s)} (time limit)",
            hint="allow more with --timeout, or with limits.timeout_s in the configuration",
            limit="timeout_s",
            maximum=ending.timeout_s,
        )
    if ending.kind == "memory":
        return LimitExceeded(
            f"the process of the script used more than {ending.memory_bytes:,} bytes of memory",
            hint="let it hold less at a time, or raise limits.process_memory_bytes",
            limit="process_memory_bytes",
            maximum=ending.memory_bytes,
        )
    if ending.signal == signal.SIGINT:
        return Interrupted("interrupted by Ctrl-C")
    if ending.kind != "died":
        return None
    name = _name(ending.signal)
    if name == "SIGKILL":
        return Killed(
            "the script was killed (SIGKILL), most likely because memory ran out",
            hint="let it hold less in memory at a time",
        )
    if name in _CRASHES:
        crashed = Crashed(
            f"the script's process crashed ({name}) inside the script engine",
            hint="stored data is intact; please report the script that does this",
        )
        crashed.exit_code = exits.SIGNALLED + ending.signal  # type: ignore[misc]  # this one's own
        return crashed
    return None


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
