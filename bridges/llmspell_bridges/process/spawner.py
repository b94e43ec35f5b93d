"""The spawner: one clean process with one thread, which forks workers when the host says so.

It runs no script and reads nothing from a worker. When the host is gone, however it ended, the
spawner ends, and every worker with it.
"""

from __future__ import annotations

import errno
import gc
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Final, NoReturn

from llmspell_bridges.process.control import ANSWER, NOT_FORKED, Order, receive_order
from llmspell_bridges.process.description import Description
from llmspell_bridges.process.hardening import Confinement, report
from llmspell_bridges.process.hardening.parents import die_with_parent
from llmspell_bridges.process.worker import work
from llmspell_bridges.process.worker_channel import WorkerChannel
from llmspell_bridges.sandbox import ENGINES, SandboxOptions, create_sandbox

__all__ = ["main"]

_IGNORED: Final = ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTSTP", "SIGPIPE", "SIGTERM")
# How often to look for what the system does not tell: that the host has ended, or a worker.
_LOOK_EVERY_MS: Final = 200


def main(descriptor: int, host: int) -> NoReturn:
    """Serve the host of that process id over the socket of that descriptor; never returns."""
    for name in _IGNORED:  # Ctrl-C on a terminal is for the host alone
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    watched = _watch_host(host)
    confinement = Confinement(keep=(descriptor, watched))
    _warm_up()
    # What is loaded by now stays: looking through it in a worker would only copy it.
    gc.freeze()
    confinement.complete()
    try:
        _Spawner(control, watched, confinement).serve()
    except (EOFError, ConnectionError):
        pass
    finally:
        os._exit(0)


def _watch_host(host: int) -> int:
    """Return a descriptor that becomes readable when the host ends, or -1."""
    try:
        watched = os.pidfd_open(host)
    except (AttributeError, OSError):
        watched = -1
    if os.getppid() != host:
        os._exit(0)
    return watched


def _warm_up() -> None:
    """Load what every worker needs, files included: later there is no file to be read."""
    for language in ENGINES:
        create_sandbox(language, SandboxOptions()).close()


def _rehearse(description: Description) -> None:
    """Build such a sandbox for nothing: what is worked out once for all, every worker then has.

    It gets as far as the first call of the host, which nobody answers here.
    """
    with suppress(Exception):
        create_sandbox(description.language, description.options()).close()


class _Spawner:
    def __init__(self, control: socket.socket, watched: int, confinement: Confinement) -> None:
        self._control = control
        self._watched = watched
        # The host, or, in a world of our own, the process that waits outside: 0.
        self._parent = os.getppid()
        self._confinement = confinement
        self._descriptions: dict[int, Description] = {}
        self._workers: dict[int, int] = {}
        self._failures: dict[int, int] = {}
        self._dying: list[int] = []

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if self._watched >= 0:
            poll.register(self._watched, select.POLLIN)
        while True:
            looks = self._watched < 0 or self._dying
            ready = dict(poll.poll(_LOOK_EVERY_MS if looks else None))
            self._reap()
            if self._watched in ready or os.getppid() != self._parent:
                break
            if ready:
                received = receive_order(self._control)
                if received is None:
                    break
                self._obey(*received)
        for number in list(self._workers):
            self._end(number)

    def _obey(
        self, order: Order, number: int, second: int, payload: bytes, descriptor: int
    ) -> None:
        if order is Order.DESCRIBE:
            self._descriptions[number] = description = Description.unpack(payload)
            _rehearse(description)
        elif order is Order.FORGET:
            self._descriptions.pop(number, None)
        elif order is Order.SPAWN:
            self._spawn(number, self._descriptions[second], descriptor)
        elif order is Order.ASK:
            self._control.sendall(ANSWER.pack(number, self._end(number)))
        else:
            self._let_die(number)

    def _spawn(self, number: int, description: Description, descriptor: int) -> None:
        parent = os.getpid()
        try:
            child = os.fork()
        except OSError as error:
            self._failures[number] = error.errno or errno.EAGAIN
            os.close(descriptor)
            return
        if child == 0:
            _become_worker(description, descriptor, parent, self._confinement)
        os.close(descriptor)
        self._workers[number] = child

    def _let_die(self, number: int) -> None:
        """End a worker without waiting: taking its memory apart takes longer than making it."""
        child = self._workers.pop(number, None)
        self._failures.pop(number, None)
        if child is not None:
            os.kill(child, signal.SIGKILL)
            self._dying.append(child)

    def _reap(self) -> None:
        self._dying = [child for child in self._dying if os.waitpid(child, os.WNOHANG)[0] == 0]

    def _end(self, number: int) -> int:
        """End a worker, if it has not ended by itself; return its exit code, as subprocess does."""
        child = self._workers.pop(number, None)
        if child is None:
            return NOT_FORKED + self._failures.pop(number, 0)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)


def _become_worker(
    description: Description, descriptor: int, parent: int, confinement: Confinement
) -> NoReturn:
    try:
        die_with_parent(parent)
        channel = WorkerChannel(socket.socket(fileno=descriptor))
        measures = confinement.of_worker(descriptor, description.limits)
        work(channel, description, report(measures))
    except BaseException:
        # Whatever it is: an exception must not run on in what is a copy of the spawner.
        os._exit(70)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
