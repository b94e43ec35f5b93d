"""The part of a map that runs where its executor runs: in a thread, a process, a cluster."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakValueDictionary

from llmspell.errors import LlmSpellError
from llmspell.script import Script
from llmspell.shared_store import DatabaseFile, check_shareable, for_other_processes
from llmspell.state.origin import ADDRESS, originating
from llmspell.store.changes import Origin

if TYPE_CHECKING:
    from llmspell.result import RunResult, Runs

__all__ = ["Outcomes", "Parcel", "Task", "run_chunk"]

#: What became of a chunk's inputs, or why none of them could be tried. Errors are returned, not
#: raised: an executor that logs a failure would log what it was given.
Outcomes: TypeAlias = "list[RunResult | LlmSpellError] | LlmSpellError"


@dataclass(frozen=True, slots=True, repr=False)
class Parcel:
    """Data for another process. Its ``repr`` tells nothing: the configuration may hold secrets.

    Being bytes, it passes through executors that look for tasks and keys in what they are given.
    """

    data: bytes

    @classmethod
    def of(cls, value: Any) -> Parcel:
        """Pack a value."""
        return cls(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))

    def open(self) -> Any:
        """Return a fresh copy of the value."""
        return pickle.loads(self.data)


#: The runtimes of this process that maps were started on, by identity.
_callers: WeakValueDictionary[int, Runs] = WeakValueDictionary()
#: Tells this process from another one that happens to have its number, on another machine.
_PROCESS: Final = os.urandom(16)


@dataclass(frozen=True, slots=True, repr=False)
class Task:
    """What all chunks of a map share. ``go_on`` runs the rest of a chunk after an error.

    ``config`` holds the configuration, the permissions and the limits of the runtime.
    """

    script: Script
    args: tuple[str, ...]
    origin: Origin
    address: str | None
    make: Callable[..., Runs]
    config: Parcel
    database: DatabaseFile | None
    caller: tuple[bytes, int, int]
    go_on: bool

    @classmethod
    def of(
        cls,
        runtime: Runs,
        script: Script,
        args: tuple[str, ...],
        origin: Origin,
        *,
        go_on: bool,
        elsewhere: bool,
    ) -> Task:
        """Describe the runs of a script on ``runtime``, or ``elsewhere`` on others like it.

        Raises ``ConfigError`` when it is known that they will be elsewhere and that the store
        cannot be reached from there; otherwise the chunks find out.
        """
        if elsewhere:
            check_shareable(runtime.config)
        config, database = for_other_processes(runtime)
        _callers[id(runtime)] = runtime
        caller = (_PROCESS, os.getpid(), id(runtime))
        parcel = Parcel.of((config, runtime.permissions, runtime.limits.spelled_out()))
        return cls(
            script, args, origin, ADDRESS.get(), type(runtime), parcel, database, caller, go_on
        )


def run_chunk(task: Parcel, inputs: Parcel) -> Outcomes:
    """Run a task's script for each of some inputs."""
    try:
        opened: Task = _opened(task)
        runtime = _runtime(opened)
    except LlmSpellError as error:
        return error
    outcomes = list[Any]()
    for value in inputs.open():
        try:
            outcomes.append(_run(opened, runtime, value))
        except LlmSpellError as error:
            outcomes.append(error)
            if not opened.go_on:
                break
    return outcomes


def _run(task: Task, runtime: Runs, value: Any) -> RunResult:
    script, origin = task.script, task.origin
    with originating(
        actor=origin.actor, correlation_id=origin.correlation_id, address=task.address
    ):
        return runtime.execute(
            script.code,
            engine=script.engine,
            args=task.args,
            name=script.name,
            input=value,
            folder=script.folder,
        )


@lru_cache(maxsize=16)
def _opened(task: Parcel) -> Any:
    return task.open()


_lock = Lock()
#: The runtimes made for maps of other processes, by the process they were made in.
_runtimes: dict[tuple[int, Parcel], Runs] = {}


def _runtime(task: Task) -> Runs:
    """Return the caller's runtime where that is ours, else this process's own one like it."""
    *process, identity = task.caller
    if process == [_PROCESS, os.getpid()]:
        caller = _callers.get(identity)
        if caller is not None:
            return caller
    with _lock:
        key = (os.getpid(), task.config)
        runtime = _runtimes.get(key)
        if runtime is None:
            config, permissions, limits = task.config.open()
            check_shareable(config)
            if task.database is not None:
                task.database.check()
            if not any(process == key[0] for process, _ in _runtimes):
                _close_at_exit()
            runtime = _runtimes[key] = task.make(config, permissions=permissions, limits=limits)
        return runtime


def _close_at_exit() -> None:
    from multiprocessing.util import Finalize

    # Processes of multiprocessing end without the functions of atexit.
    Finalize(None, _close_all, exitpriority=1)


def _close_all() -> None:
    for (process, _), runtime in _runtimes.items():
        if process == os.getpid():
            runtime.close()
