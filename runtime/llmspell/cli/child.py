"""The child's end of a supervised run: signals, its line to the parent, and how it leaves."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import NoReturn

from llmspell.cli import exits

__all__ = ["Link", "run_child"]

_PR_SET_PDEATHSIG = 1


class Link:
    """Tell the supervising parent when a script starts and ends."""

    def __init__(self, fd: int | None, *, timeout_s: float | None = None) -> None:
        self._fd = fd
        self._timeout_s = timeout_s
        self.on_stop: Callable[[], object] = _nothing

    @property
    def is_watched(self) -> bool:
        """Whether a parent holds this process to its limits."""
        return self._fd is not None

    def timeout_s(self, configured_s: float | None) -> float | None:
        """Return the command line's limit of time, else the configured one; None is none."""
        return (configured_s if self._timeout_s is None else self._timeout_s) or None

    def script_starts(
        self, configured_timeout_s: float | None = None, memory_bytes: int = 0
    ) -> None:
        """Start the clock, and the watch over the memory of this process; 0 sets no limit."""
        self._send(f"start {self.timeout_s(configured_timeout_s) or 0.0} {memory_bytes}\n")

    def script_ended(self) -> None:
        """Stop the clock; the script can no longer be what keeps this process busy."""
        self._send("done\n")

    def _send(self, line: str) -> None:
        if self._fd is not None:
            os.write(self._fd, line.encode())


def run_child(
    work: Callable[[Link], int], link: Link, *, parent: int, signals: Iterable[int]
) -> NoReturn:
    """Do ``work`` and leave with its exit code, without unwinding into the parent's frames."""
    _die_with(parent)

    def stop(number: int, _frame: FrameType | None) -> None:
        link.on_stop()
        os._exit(exits.SIGNALLED + number)

    for number in signals:
        signal.signal(number, stop)
    code = exits.INTERNAL
    try:
        code = work(link)
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = exits.BROKEN_PIPE
    except BaseException as error:
        # ``work`` guards itself; whatever still arrives here must not run the parent's code.
        sys.stderr.write(f"internal error: {type(error).__name__}\n")
    finally:
        os._exit(code)


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when the parent ends, however it ends (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel knew
        os._exit(exits.SIGNALLED + signal.SIGKILL)


def _nothing() -> None:
    return None
