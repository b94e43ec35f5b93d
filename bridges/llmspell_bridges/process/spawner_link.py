"""The host's side of its spawner: starting it, giving it orders, ending it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import weakref
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import llmspell_bridges
from llmspell_bridges.errors import SandboxUnavailable
from llmspell_bridges.process.control import ANSWER, MESSAGE, Order, read_exactly

__all__ = ["SpawnerLink", "SpawnerLost", "check_platform"]

# The path is the host's own: what the host can import the spawner finds, and nothing of the
# working folder, of the user's site or of the environment comes before it.
_PROGRAM: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from llmspell_bridges.process.spawner import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]))"
)
#: What the interpreter itself may need in order to start, and the time zone.
_PASSED_ON: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ")
_END_S: Final = 5.0


class SpawnerLost(Exception):
    """The spawner has ended; its last words say why, if there were any."""


def check_platform() -> None:
    """Raise ``SandboxUnavailable`` where there can be no worker processes."""
    if not hasattr(os, "fork") or not hasattr(socket, "SCM_RIGHTS"):
        raise SandboxUnavailable(
            "process isolation needs a POSIX system (Linux or macOS)",
            hint='set sandbox.isolation = "inline"',
        )
    if not sys.executable:
        raise SandboxUnavailable(
            "process isolation needs a Python interpreter to start, and sys.executable names none"
        )


class SpawnerLink:
    """A running spawner. Any thread may use it; raises ``SpawnerLost`` once it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        own = str(Path(llmspell_bridges.__file__).parents[1])
        path = [own, *(entry for entry in sys.path if os.path.isabs(entry) and entry != own)]
        with theirs, ExitStack() as undo:
            undo.callback(self._control.close)
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _PROGRAM),
                    *(json.dumps(path), str(theirs.fileno()), str(os.getpid())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                pass_fds=(theirs.fileno(),),
                cwd="/",
                start_new_session=True,
            )
            undo.pop_all()
        # Also when nobody closes it, and at the end of the program.
        self._end = weakref.finalize(self, _end, self._control, self._process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def describe(self, number: int, description: bytes) -> None:
        """Have the spawner keep a description under a number."""
        self._order(Order.DESCRIBE, number, payload=description)

    def forget(self, number: int) -> None:
        """Have the spawner drop a description."""
        self._order(Order.FORGET, number)

    def spawn(self, worker: int, description: int) -> socket.socket:
        """Have a worker forked; return our end of its socket. Does not wait for it."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._order(Order.SPAWN, worker, description, carried=theirs)
            except BaseException:
                ours.close()
                raise
        return ours

    def end(self, worker: int) -> None:
        """Have a worker killed, if it has not ended by itself. Does not wait for it."""
        self._order(Order.END, worker)

    def ask(self, worker: int) -> int:
        """Have a worker killed, if it has not ended by itself; return the code it ended with."""
        with self._lock:
            try:
                self._control.sendall(MESSAGE.pack(Order.ASK, worker, 0, 0))
                _, status = ANSWER.unpack(read_exactly(self._control, ANSWER.size))
            except (OSError, EOFError) as error:
                raise SpawnerLost(self._last_words()) from error
        return int(status)

    def _order(
        self,
        order: Order,
        number: int,
        second: int = 0,
        payload: bytes = b"",
        carried: socket.socket | None = None,
    ) -> None:
        header = MESSAGE.pack(order, number, second, len(payload))
        with self._lock:
            try:
                if carried is None:
                    self._control.sendall(header + payload)
                else:
                    socket.send_fds(self._control, [header], [carried.fileno()])
            except OSError as error:
                raise SpawnerLost(self._last_words()) from error

    def _last_words(self) -> str:
        """Return the last line it wrote, which for a spawner that could not start says why."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        if self._process.returncode is None or self._process.stderr is None:
            return "it does not answer"
        with suppress(OSError, ValueError):
            lines = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            return lines[-1] if lines else f"it ended with code {self._process.returncode}"
        return "it has ended"

    def close(self) -> None:
        """End the spawner and every worker, and wait until they are gone."""
        self._end()

    def abandon(self) -> None:
        """Let go of it in the child of a fork: it is the parent's."""
        self._end.detach()
        self._control.close()
        if self._process.stderr is not None:
            self._process.stderr.close()
        # Not ours to wait for, so not ours to warn about.
        self._process.returncode = 0


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """Close the control socket, which ends the spawner, and wait for that."""
    control.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()
