"""Run work in a forked child and watch it from here: time, memory, Ctrl-C, crashes.

A VM can hold its thread inside a C loop that no hook reaches, and then neither a deadline nor a
signal handler of its own process gets a turn. So the process splits before anything heavy is
loaded: the child does all the work at full speed, this one waits and can always end it. Where
there is no ``os.fork`` the work runs here, unwatched.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple

from llmspell.cli.child import Link, run_child
from llmspell.cli.exits import MEMORY, SIGNALLED

__all__ = ["Ending", "Supervisor", "can_supervise", "supervise"]

# How long a child that is told to stop may take to write its output before it is killed.
_STOP_GRACE_S = 0.5
_TIMEOUT_GRACE_S = 0.15
# How often the memory of a child that runs a script is looked at.
_LOOK_S = 0.1

_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP")


class Ending(NamedTuple):
    """How the child ended.

    ``kind`` is ``exited``, ``timeout``, ``memory`` (it used more than ``memory_bytes``),
    ``stopped`` (by a signal to us) or ``died`` (by a signal of its own); ``signal`` is its number.
    A child that was told to stop and yet came to its own end just then has ``exited``: it has
    reported itself.
    """

    kind: str
    code: int = 0
    signal: int = 0
    timeout_s: float = 0.0
    memory_bytes: int = 0


def can_supervise() -> bool:
    """Whether this system can fork."""
    return hasattr(os, "fork")


def supervise(
    work: Callable[[Link], int], *, timeout_s: float | None = None, interactive: bool = False
) -> Ending:
    """Run ``work`` in a watched child, and return how it ended.

    ``work`` tells through its :class:`Link` when the script starts; ``timeout_s`` counts from
    there, and ``None`` means the limit the child names. ``interactive``: see ``Supervisor``.
    """
    if not can_supervise():
        return Ending("exited", work(Link(None, timeout_s=timeout_s)))
    with Supervisor(interactive=interactive) as supervisor:
        supervisor.start(work, timeout_s=timeout_s)
        while supervisor.ending is None:
            supervisor.wait()
        return supervisor.ending


class Supervisor:
    """Watch one child at a time. Owns the signal handlers of the process while it is open.

    ``interactive`` leaves Ctrl-C to the child, which goes on after it; the child is ended only if
    the script that it is running does not let go. ``stop_request`` is the first signal to us that
    asked for an end, whatever became of the child.
    """

    def __init__(self, *, interactive: bool = False) -> None:
        self._interactive = interactive
        self._running = False
        self.ending: Ending | None = None
        self.stop_request: Ending | None = None
        self._pid = 0
        self._link_fd = -1
        self._received = b""
        self._deadline: float | None = None
        self._kill_at: float | None = None
        self._timeout_s = 0.0
        self._memory_bytes = 0
        self._reason: Ending | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Supervisor:
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        for name in _PASSED_ON:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, background jobs
                self._previous[number] = signal.signal(number, _note)
        self._previous_wake = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        signal.set_wakeup_fd(self._previous_wake)
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._wake_read)
        os.close(self._wake_write)

    def start(self, work: Callable[[Link], int], *, timeout_s: float | None = None) -> None:
        """Fork a child that does ``work``."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.ending = self._reason = self._deadline = self._kill_at = None
        self._received = b""
        self._running = False
        read_fd, write_fd = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            signal.set_wakeup_fd(-1)
            for fd in (read_fd, self._wake_read, self._wake_write):
                os.close(fd)
            link = Link(write_fd, timeout_s=timeout_s)
            run_child(work, link, parent=parent, signals=list(self._previous))
        os.close(write_fd)
        self._link_fd = read_fd

    def wait(self, *others: int) -> list[int]:
        """Wait for the child or for one of ``others`` to become readable; return the readable.

        Look at ``ending`` afterwards: it is set once the child has ended.
        """
        watched = [self._wake_read, *others]
        if self._link_fd >= 0:
            watched.append(self._link_fd)
        readable, _, _ = select.select(watched, [], [], self._patience_s())
        if self._wake_read in readable:
            for number in os.read(self._wake_read, 64):
                self._stop(Ending("stopped", SIGNALLED + number, number), number)
        if self._link_fd in readable:
            self._receive()
        self._enforce()
        return [fd for fd in others if fd in readable]

    def kill(self) -> None:
        """End the child at once, if there is one, and wait for it."""
        if self._link_fd >= 0:
            os.kill(self._pid, signal.SIGKILL)
            self._reap()

    def _patience_s(self) -> float | None:
        moments = [moment for moment in (self._deadline, self._kill_at) if moment is not None]
        patience_s = max(0.0, min(moments) - time.monotonic()) if moments else None
        if not (self._running and self._memory_bytes):
            return patience_s
        return _LOOK_S if patience_s is None else min(patience_s, _LOOK_S)

    def _enforce(self) -> None:
        if self._link_fd < 0:
            return
        now = time.monotonic()
        if self._kill_at is not None and now >= self._kill_at:
            self.kill()
        elif self._deadline is not None and now >= self._deadline:
            self._deadline = None
            reason = Ending("timeout", signal=signal.SIGTERM, timeout_s=self._timeout_s)
            self._stop(reason, signal.SIGTERM, _TIMEOUT_GRACE_S)
        elif (
            self._running
            and self._memory_bytes
            and self._reason is None
            and memory_used(self._pid) > self._memory_bytes
        ):
            self._stop(Ending("memory", MEMORY, memory_bytes=self._memory_bytes), signal.SIGKILL)

    def _stop(self, reason: Ending, number: int, grace_s: float = _STOP_GRACE_S) -> None:
        if reason.kind == "stopped":
            self.stop_request = self.stop_request or reason
        if self._link_fd < 0:
            self.ending = reason
            return
        if self._interactive and number == signal.SIGINT and not self._running:
            return
        self._reason = self._reason or reason
        self._kill_at = self._kill_at or time.monotonic() + grace_s
        if not (self._interactive and number == signal.SIGINT):  # the terminal told it already
            os.kill(self._pid, number)

    def _receive(self) -> None:
        """Read what the child says: ``start SECONDS BYTES`` (0: no limit) and ``done``."""
        data = os.read(self._link_fd, 4096)
        if not data:
            self._reap()
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            word, _, argument = line.partition(b" ")
            if word == b"start":
                self._running = True
                seconds, memory_bytes = argument.split()
                self._timeout_s, self._memory_bytes = float(seconds), int(memory_bytes)
                if self._timeout_s:
                    self._deadline = time.monotonic() + self._timeout_s
            elif word == b"done":
                self._running = False
                self._deadline = None
                if self._interactive and self._reason and self._reason.signal == signal.SIGINT:
                    self._reason = self._kill_at = None

    def _reap(self) -> None:
        _, status = os.waitpid(self._pid, 0)
        os.close(self._link_fd)
        self._link_fd = -1
        code = os.waitstatus_to_exitcode(status)
        reason = self._reason
        if reason is not None and (code < 0 or code == SIGNALLED + reason.signal):
            self.ending = reason
        elif code < 0:
            self.ending = Ending("died", SIGNALLED - code, -code)
        else:
            self.ending = Ending("exited", code)


def memory_used(pid: int) -> int:
    """Return the resident memory of a process in bytes, 0 where that is not to be known."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _note(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number arrives through the wake-up descriptor."""
