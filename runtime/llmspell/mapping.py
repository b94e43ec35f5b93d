"""One script over many inputs, in whatever ``concurrent.futures.Executor`` there is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from llmspell.errors import InvalidArgument, InvalidValue, LimitExceeded, LlmSpellError
from llmspell.script import Script
from llmspell.state.origin import originating
from llmspell_bridges.values import canonical

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from llmspell.map_worker import Outcomes, Parcel
    from llmspell.result import RunResult, Runs

__all__ = ["ExecutorFailed", "map_script"]


class ExecutorFailed(LlmSpellError, RuntimeError):
    """The executor of a map broke, was shut down, or lost the process that ran a script.

    ``details`` hold its ``executor`` class, the ``failure``'s class, which is the ``__cause__``,
    and the ``first`` and ``last`` input it was about, counted from 0.
    """

    code = "executor_failed"


_HINTS: Final = {
    "BrokenProcessPool": 'a process ended early: keep what the program does under `if __name__ == "'
    '__main__":`, and look for a script that used up the memory',
    "CancelledError": "somebody cancelled it, or the executor was shut down",
    "RuntimeError": "was the executor shut down before all results were taken?",
    "ModuleNotFoundError": "install the same llmspell where the executor runs",
}


@overload
def map_script(
    runtime: Runs,
    script: str | Path | Script,
    inputs: Iterable[Any],
    *,
    executor: Executor | None = None,
    args: Sequence[str] = (),
    engine: str | None = None,
    chunksize: int = 1,
    buffersize: int | None = None,
    correlation_id: str | None = None,
    actor: str | None = None,
    return_exceptions: Literal[False] = False,
) -> Iterator[RunResult]: ...


@overload
def map_script(
    runtime: Runs,
    script: str | Path | Script,
    inputs: Iterable[Any],
    *,
    executor: Executor | None = None,
    args: Sequence[str] = (),
    engine: str | None = None,
    chunksize: int = 1,
    buffersize: int | None = None,
    correlation_id: str | None = None,
    actor: str | None = None,
    return_exceptions: bool,
) -> Iterator[RunResult | LlmSpellError]: ...


def map_script(
    runtime: Runs,
    script: str | Path | Script,
    inputs: Iterable[Any],
    *,
    executor: Executor | None = None,
    args: Sequence[str] = (),
    engine: str | None = None,
    chunksize: int = 1,
    buffersize: int | None = None,
    correlation_id: str | None = None,
    actor: str | None = None,
    return_exceptions: bool = False,
) -> Iterator[RunResult | LlmSpellError]:
    """Run one script for each input and yield the results in the order of the inputs.

    The script, a path or a ``Script``, finds its input in the global ``INPUT``. ``executor`` is
    any ``concurrent.futures.Executor``; by default the runs go to as many new processes as there
    are processors. In another process a runtime is made of this one's configuration and kept for
    later runs; output is in ``RunResult.output`` there, whatever ``stdout`` this runtime has.
    The ids of ``originating`` blocks around the call go along; ``actor`` is as whom the runs act.

    Work starts at once. ``chunksize`` inputs travel together; ``buffersize`` bounds the chunks
    sent before the first of their results is taken, and lets ``inputs`` be endless. The first
    error is raised in its place, and what has not started by then never does; with
    ``return_exceptions`` errors of runs are yielded instead.

    Raises ``InvalidArgument``, ``InvalidValue`` for an input no script could hold,
    ``ScriptNotFound``, ``ConfigError`` for a store other processes cannot reach, and
    ``ExecutorFailed``.
    """
    runtime.check_open()
    _check_options(inputs, args, chunksize, buffersize)
    _check_executor(executor)
    from llmspell.map_worker import Parcel, Task, run_chunk

    if not isinstance(script, Script):
        script = Script.read(script, engine=engine)
    elsewhere = _leaves_the_process(executor)
    with originating(correlation_id=correlation_id, **runtime.acting.as_whom(actor)) as origin:
        described = Task.of(
            runtime, script, tuple(args), origin, go_on=return_exceptions, elsewhere=elsewhere
        )
    task = Parcel.of(described)
    chunks = _chunks(inputs, chunksize, runtime.config.limits.depth)
    if buffersize is None:
        # All are checked before the first one runs.
        chunks = iter(list(chunks))
    pool = _default_pool() if executor is None else executor
    work = _Work(pool, lambda chunk: pool.submit(run_chunk, task, chunk), chunks, chunksize)
    work.start(buffersize)
    return _outcomes(work, owned=executor is None, go_on=return_exceptions, runtime=runtime)


class _Work:
    """The chunks under way, in order."""

    def __init__(
        self,
        pool: Executor,
        submit: Callable[[Parcel], Future[Outcomes]],
        chunks: Iterator[Parcel],
        chunksize: int,
    ) -> None:
        self.pool = pool
        self._submit = submit
        self._chunks = chunks
        self._chunksize = chunksize
        self._futures: deque[Future[Outcomes]] = deque()
        self._done = 0

    def start(self, count: int | None) -> None:
        """Send the next chunks: ``count`` of them, or all."""
        try:
            for chunk in islice(self._chunks, count):
                self._futures.append(self._submit(chunk))
        except LlmSpellError:
            self.cancel()
            raise
        except Exception as error:
            self.cancel()
            raise self._failed(error) from error

    def __iter__(self) -> Iterator[Outcomes]:
        while self._futures:
            try:
                outcomes = self._futures.popleft().result()
            except Exception as error:
                raise self._failed(error) from error
            self._done += 1
            self.start(1)
            yield outcomes

    def cancel(self) -> None:
        """Keep what has not begun from beginning."""
        for future in self._futures:
            future.cancel()

    def _failed(self, error: Exception) -> ExecutorFailed:
        failure, executor = type(error).__name__, type(self.pool).__name__
        first = self._done * self._chunksize
        return ExecutorFailed(
            f"the executor ({executor}) failed with {failure} at inputs[{first}]",
            hint=_HINTS.get(failure),
            executor=executor,
            failure=failure,
            first=first,
            last=first + self._chunksize - 1,
        )


def _outcomes(
    work: _Work, *, owned: bool, go_on: bool, runtime: Runs
) -> Iterator[RunResult | LlmSpellError]:
    """Yield the outcomes one by one; ``runtime`` is held, lest it ends while others use it."""
    complete = False
    try:
        for outcomes in work:
            if isinstance(outcomes, LlmSpellError):
                raise outcomes
            for outcome in outcomes:
                if isinstance(outcome, LlmSpellError) and not go_on:
                    raise outcome
                yield outcome
        complete = True
    finally:
        work.cancel()
        if owned:
            # A script that runs needlessly on is not worth waiting for.
            work.pool.shutdown(wait=complete, cancel_futures=True)
        del runtime


def _chunks(inputs: Iterable[Any], chunksize: int, max_depth: int) -> Iterator[Parcel]:
    from llmspell.map_worker import Parcel

    exact = (_exact(value, index, max_depth) for index, value in enumerate(inputs))
    while chunk := list(islice(exact, chunksize)):
        yield Parcel.of(chunk)


def _exact(value: Any, index: int, max_depth: int) -> Any:
    try:
        return canonical(value, max_depth=max_depth)
    except (InvalidValue, LimitExceeded) as error:
        raise type(error)(
            f"inputs[{index}]: {error.message}", hint=error.hint, **error.details, index=index
        ) from None


def _default_pool() -> Executor:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # A forked process would inherit locks that threads of this one hold.
    return ProcessPoolExecutor(mp_context=get_context("spawn"))


def _leaves_the_process(executor: Executor | None) -> bool:
    from concurrent.futures import ProcessPoolExecutor

    return executor is None or isinstance(executor, ProcessPoolExecutor)


def _check_executor(executor: Any) -> None:
    if hasattr(executor, "get_executor"):
        hint = "pass client.get_executor()"
    elif executor is None or (hasattr(executor, "submit") and not isinstance(executor, type)):
        return
    else:
        hint = "pass one of concurrent.futures, Dask's client.get_executor(), or nothing"
    shown = executor.__name__ if isinstance(executor, type) else type(executor).__name__
    raise InvalidArgument(
        f"executor must be a concurrent.futures.Executor, not {shown}",
        hint=hint,
        parameter="executor",
    )


def _check_options(inputs: Any, args: Any, chunksize: Any, buffersize: Any) -> None:
    if isinstance(inputs, str | bytes) or not isinstance(inputs, Iterable):
        raise InvalidArgument(
            f"inputs must be a series of values, not {type(inputs).__name__}",
            hint="put a single input in a list: [value]",
            parameter="inputs",
        )
    if isinstance(args, str):
        raise InvalidArgument(
            "args must be a series of texts, not one text", hint="write [text]", parameter="args"
        )
    _check_count("chunksize", chunksize)
    if buffersize is not None:
        _check_count("buffersize", buffersize)


def _check_count(name: str, number: Any) -> None:
    if type(number) is not int or number < 1:
        raise InvalidArgument(f"{name} must be an integer from 1", parameter=name)
