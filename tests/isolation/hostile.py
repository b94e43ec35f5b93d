"""A worker whose script has taken it over: what it sends is whatever a test says."""

from __future__ import annotations

import socket
from typing import Any

from llmspell_bridges.api import Global, Param, Record
from llmspell_bridges.door import BoundGlobal
from llmspell_bridges.limits import Limits
from llmspell_bridges.process import WorkerPool
from llmspell_bridges.process.frames import Kind, framed
from llmspell_bridges.process.host_channel import HostChannel
from llmspell_bridges.sandbox import Sandbox, SandboxOptions

__all__ = ["NUMBERS", "READY", "TAKES", "Host", "HostilePool"]

#: The functions' numbers; in Lua a worker's own random seeds come before them.
NUMBERS = {
    engine: {"texts": first, "texts kept": first + 1, "value": first + 2, "number": first + 3}
    for engine, first in (("lua", 2), ("js", 1))
}
READY = framed(Kind.READY, payload=b"[]")
TAKES = Global("Takes", "Notes what its functions are called with.")
TAKES.records.append(Record("Options", "", (Param("depth", "integer"), Param("name", "text"))))


class Host:
    """What the host's functions were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []


@TAKES.function(Param("a", "text"), Param("b", "text"), result="value", keeps=True)
def texts(host: Host, a: str, b: str) -> str:
    """Take two texts."""
    host.calls.append((a, b))
    return a


@TAKES.function(Param("a", "value"), result="value")
def value(host: Host, a: Any) -> Any:
    """Take any value."""
    host.calls.append((a,))
    return a


@TAKES.function(Param("a", "integer"), Param("o", "Options", optional=True))
def number(host: Host, a: int, o: Any = None) -> None:
    """Take a number and options."""
    host.calls.append((a, o))


class HostilePool(WorkerPool):
    """A pool whose workers' sockets are held by the test; the processes behind them only end."""

    def __init__(self) -> None:
        super().__init__(size=1, spares=0)
        self.peer: socket.socket | None = None

    def _spawn(self, kind: Any) -> Any:
        worker = super()._spawn(kind)
        worker.channel.close()
        ours, self.peer = socket.socketpair()
        self.peer.sendall(READY)
        worker.channel = HostChannel(ours)
        return worker

    def hostile(self, engine: str, host: Host, **limits: Any) -> Sandbox:
        """Return a sandbox that is ready; ``peer`` is its worker from now on."""
        return self.sandbox(
            engine,
            SandboxOptions(
                globals=[BoundGlobal(TAKES, host)],
                limits=Limits(**({"timeout_s": 20.0, "call_bytes": 10_000} | limits)),
            ),
        )
