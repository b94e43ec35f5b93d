"""A pool of workers: some run, some wait ready, and each is used up and replaced."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from contextlib import suppress
from itertools import count
from typing import Any, Final, Self
from weakref import WeakSet

from llmspell_bridges.errors import InvalidArgument, LimitExceeded, LlmSpellError, SandboxClosed
from llmspell_bridges.process.description import Description, worker_limits
from llmspell_bridges.process.endings import crash, lost_with_spawner, not_started
from llmspell_bridges.process.frames import Kind as FrameKind
from llmspell_bridges.process.host_channel import HostChannel, WorkerLost
from llmspell_bridges.process.sandbox import ProcessSandbox
from llmspell_bridges.process.spawner_link import SpawnerLink, SpawnerLost, check_platform
from llmspell_bridges.process.turns import Turns
from llmspell_bridges.process.workers import Kind, Worker
from llmspell_bridges.sandbox import Sandbox, SandboxOptions

__all__ = ["WorkerPool"]

# Kinds of sandboxes for which workers wait ready; of what was used longest ago none do.
_MOST_KINDS: Final = 4
_BOUNDS: Final = {
    "size": (1, 1024),
    "spares": (0, 1024),
    "runs_per_worker": (1, 1_000_000),
    "wait_s": (0.0, 1e9),
}


_ATTEMPTS: Final = 3
#: The pools of this process, which are not those of a child.
_pools: WeakSet[WorkerPool] = WeakSet()


class WorkerPool:
    """Makes sandboxes in processes of their own. Usable from any number of threads.

    ``size`` (default: the processors) is how many scripts run at a time; more wait their turn, at
    most ``wait_s`` seconds, then they fail with ``LimitExceeded``. A thread that is within a
    script already gets a worker at once. ``spares`` workers wait ready, with the sandbox built
    that was last asked for. A worker serves ``runs_per_worker`` sandboxes, by default one, so that
    a script that took over its process has nobody's data but its own. ``required`` names measures
    (``hardening.MEASURES``) without which no script is run. The child of a fork gets a pool of
    its own. Raises ``SandboxUnavailable`` where there can be no worker processes.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        spares: int = 2,
        runs_per_worker: int = 1,
        wait_s: float = 60.0,
        required: frozenset[str] = frozenset(),
    ) -> None:
        check_platform()
        self.size = (os.cpu_count() or 1) if size is None else size
        self.required = required
        self._spares = spares
        self._runs_per_worker = runs_per_worker
        self._wait_s = wait_s
        for name, given in (
            ("size", self.size),
            ("spares", spares),
            ("runs_per_worker", runs_per_worker),
            ("wait_s", wait_s),
        ):
            _check(name, given)
        self._closed = False
        self._begin()
        _pools.add(self)

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._turns = Turns(self.size)
        self._link: SpawnerLink | None = None
        self._kinds: OrderedDict[Any, Kind] = OrderedDict()
        self._numbers = count(1)
        self._abandoned: deque[Worker] = deque()

    def sandbox(self, language: str, options: SandboxOptions) -> Sandbox:
        """Make a sandbox in a worker; it behaves as one of ``create_sandbox`` does.

        Raises ``LimitExceeded`` (``workers``) when all workers stay busy, and
        ``SandboxUnavailable`` when none can be made.
        """
        return ProcessSandbox(language, options, self)

    def lease(self, language: str, options: SandboxOptions) -> Worker:
        """Return a worker that has built, or is about to build, such a sandbox."""
        self.check_open()
        self._sweep()
        if not self._turns.take(self._wait_s):
            raise LimitExceeded(
                f"all {self.size} sandbox processes were busy for {self._wait_s:g} s",
                hint="raise sandbox.workers, or run fewer scripts at a time",
                limit="workers",
                maximum=self.size,
            )
        try:
            worker = self._worker(language, options)
        except BaseException:
            self._turns.give(threading.get_ident())
            raise
        worker.thread = threading.get_ident()
        worker.runs += 1
        return worker

    def _worker(self, language: str, options: SandboxOptions) -> Worker:
        with self._lock:
            for attempt in range(_ATTEMPTS):
                self.check_open()
                try:
                    kind = self._kind(language, options)
                    worker = kind.spares.popleft() if kind.spares else self._spawn(kind)
                    if not kind.spares:
                        self._top_up(kind)
                    return worker
                except SpawnerLost as error:
                    self._drop_link()
                    if attempt == _ATTEMPTS - 1:
                        raise not_started(str(error)) from error
                except OSError as error:
                    raise not_started(error.strerror or str(error)) from error
        raise AssertionError("the last attempt returns or raises")

    def release(self, worker: Worker, *, reusable: bool) -> None:
        """Take back a worker; unless it is reusable, and may be reused, it is ended."""
        if worker.process != os.getpid():
            return  # the parent's
        with self._lock:
            if self._closed or worker.link is not self._link:
                worker.channel.close()
            else:
                with suppress(SpawnerLost):
                    if not (reusable and self._put_back(worker)):
                        self._end(worker)
                    self._top_up(worker.kind)
        self._turns.give(worker.thread)

    @property
    def spawner_pid(self) -> int | None:
        """The process that workers are forked from, ``None`` before the first one."""
        return None if self._link is None else self._link.pid

    def abandon(self, worker: Worker) -> None:
        """Note a worker of a sandbox that nobody closed. Takes no lock: called at any moment."""
        worker.channel.close()
        self._abandoned.append(worker)

    def why_lost(self, worker: Worker, *, had_begun: bool) -> LlmSpellError:
        """Return the error for a worker that closed its end, before or after a script began."""
        if self._closed:
            return SandboxClosed("the pool of sandboxes was closed while the script ran")
        try:
            return crash(worker.link.ask(worker.number))
        except SpawnerLost as error:
            with self._lock:
                if worker.link is self._link:
                    self._drop_link()
            return lost_with_spawner() if had_begun else not_started(str(error))

    def close(self) -> None:
        """End every worker, whatever it does; closing again does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._drop_link()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check_open(self) -> None:
        """Raise ``SandboxClosed`` after ``close``."""
        if self._closed:
            raise SandboxClosed("the pool of sandboxes is closed", hint="create a new one")

    def _kind(self, language: str, options: SandboxOptions) -> Kind:
        declarations = tuple(each.declaration for each in options.globals)
        key = (
            language,
            options.max_depth,
            worker_limits(options.limits),
            *((id(each.declaration), each.features) for each in options.globals),
        )
        kind = self._kinds.get(key)
        if kind is None:
            if self._link is None:
                self._link = SpawnerLink()
            kind = Kind(next(self._numbers), declarations)
            self._link.describe(kind.number, Description.of(language, options).pack())
            self._kinds[key] = kind
            if len(self._kinds) > _MOST_KINDS:
                self._forget(self._kinds.popitem(last=False)[1])
        self._kinds.move_to_end(key)
        return kind

    def _forget(self, kind: Kind) -> None:
        for spare in kind.spares:
            self._end(spare)
        if self._link is not None:
            self._link.forget(kind.number)

    def _spawn(self, kind: Kind) -> Worker:
        if self._link is None:
            raise SpawnerLost("it has ended")
        number = next(self._numbers)
        channel = HostChannel(self._link.spawn(number, kind.number))
        return Worker(number, channel, kind, self._link, self._process)

    def _is_latest(self, kind: Kind) -> bool:
        return bool(self._kinds) and next(reversed(self._kinds.values())) is kind

    def _top_up(self, kind: Kind) -> None:
        """Have as many workers wait as are wanted; that there is one more is never vital."""
        if self._is_latest(kind):
            with suppress(OSError, SpawnerLost):
                while len(kind.spares) < self._spares:
                    kind.spares.append(self._spawn(kind))

    def _put_back(self, worker: Worker) -> bool:
        """Let a worker build a fresh sandbox and wait with it, if one more is wanted."""
        kind = worker.kind
        wanted = self._is_latest(kind) and len(kind.spares) < self._spares + self.size
        if not wanted or worker.runs >= self._runs_per_worker or not worker.channel.is_idle:
            return False
        try:
            worker.channel.deadline = None
            worker.channel.send(FrameKind.ASK, payload=b'["reset"]')
        except WorkerLost:
            return False
        kind.spares.append(worker)
        return True

    def _end(self, worker: Worker) -> None:
        worker.channel.close()
        worker.link.end(worker.number)

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        for kind in self._kinds.values():
            for spare in kind.spares:
                spare.channel.close()
        self._kinds.clear()
        if link is not None:
            link.close()

    def _sweep(self) -> None:
        """End the workers of sandboxes that nobody closed."""
        with suppress(IndexError):
            while True:
                self.release(self._abandoned.popleft(), reusable=False)

    def begin_in_child(self) -> None:
        """Leave everything to the parent of which this process is a fork, and begin anew."""
        link, kinds = self._link, self._kinds
        self._begin()
        if link is not None:
            link.abandon()
        for kind in kinds.values():
            for spare in kind.spares:
                spare.channel.close()


def _begin_all_in_child() -> None:
    for pool in list(_pools):
        pool.begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_in_child)


def _check(name: str, given: float) -> None:
    low, high = _BOUNDS[name]
    kinds = (int, float) if name == "wait_s" else (int,)
    if type(given) not in kinds or not low <= given <= high:
        raise InvalidArgument(
            f"{name} must be a number from {low:g} to {high:g}", parameter=name, minimum=low
        )
