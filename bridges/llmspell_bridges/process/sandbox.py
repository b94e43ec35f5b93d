"""The host's side of a sandbox in a worker: it serves the worker's calls until it has an answer."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from orjson import JSONDecodeError, dumps, loads

from llmspell_bridges.errors import (
    InvalidArgument,
    LlmSpellError,
    SandboxClosed,
    SandboxUnavailable,
    ScriptLimitExceeded,
)
from llmspell_bridges.limits import exceeded
from llmspell_bridges.process.endings import violation
from llmspell_bridges.process.frames import MAX_PAYLOAD_BYTES, Frame, Kind
from llmspell_bridges.process.guarded_door import REPLIES, guarded_door
from llmspell_bridges.process.host_channel import TimedOut, Violation, WorkerLost
from llmspell_bridges.process.measures import Measure
from llmspell_bridges.process.outcomes import Malformed, error_from, value_from
from llmspell_bridges.sandbox import Owner, SandboxOptions, check_text
from llmspell_bridges.values import Value, canonical
from llmspell_bridges.wire import encode_js

if TYPE_CHECKING:
    from llmspell_bridges.process.workers import Lender, Worker

__all__ = ["ProcessSandbox"]

_ATTEMPTS: Final = 3
# How long a worker may take to build its sandbox, which no script has any part in.
_START_S: Final = 60.0
_MOST_WARNINGS: Final = 1000
_LONGEST_WARNING: Final = 10_000
# Beside the limit on the text of a call: what an error, or the tags of a value, add to it.
_FRAME_SLACK: Final = 1 << 20


class ProcessSandbox:
    """Runs scripts in a worker; see ``Sandbox`` for what each method promises.

    The handlers run here, in the thread that called, exactly as they do for a sandbox in this
    process. Whatever ends a worker (a limit, a crash, an interrupt) leaves the sandbox closed.
    """

    def __init__(self, language: str, options: SandboxOptions, pool: Lender) -> None:
        if language not in REPLIES:
            raise InvalidArgument(
                f"unknown engine {language!r}",
                hint=f"engines: {', '.join(REPLIES)}",
                engine=language,
            )
        self.language = language
        self._owner = Owner()
        self._process = os.getpid()
        self._options = options
        self._pool = pool
        self._ended: str | None = None
        self._file: str | None = None
        self.measures: tuple[Measure, ...] = ()
        self._warnings = 0
        self._begin()

    def _begin(self) -> None:
        """Take a worker and wait until its sandbox is built; no script has run until then."""
        for attempt in range(_ATTEMPTS):
            self._door = guarded_door(self.language, self._options)
            self._call = self._door.opened(self._has_room)
            worker = self._pool.lease(self.language, self._options)
            self._take(worker)
            try:
                ready = self._serve(Kind.READY)
                self._check(loads(ready.payload), worker)
                return
            except WorkerLost:
                error = self._pool.why_lost(worker, had_begun=False)
                self._give_back(reusable=False)
                if attempt == _ATTEMPTS - 1:
                    raise error from None
            except (TimedOut, Violation, JSONDecodeError) as problem:
                self._give_back(reusable=False)
                raise SandboxUnavailable(
                    f"a sandbox process did not get ready ({type(problem).__name__})"
                ) from problem
            except BaseException:
                self._give_back(reusable=False)
                raise

    def _take(self, worker: Worker) -> None:
        longest = self._options.limits.call_bytes
        self._worker = worker
        self._channel = worker.channel
        self._channel.deadline = monotonic() + _START_S
        self._channel.max_payload_bytes = (
            MAX_PAYLOAD_BYTES if longest is None else 2 * longest + _FRAME_SLACK
        )
        # A sandbox that nobody closes must not keep its worker, nor its turn, for ever.
        self._let_go = weakref.finalize(self, self._pool.abandon, worker)
        self._let_go.atexit = False

    def _has_room(self, size: int) -> bool:
        """Tell whether the worker's VM could hold that much at all."""
        memory_bytes = self._options.limits.memory_bytes
        return not memory_bytes or size < memory_bytes

    def _check(self, measures: Iterable[dict[str, Any]], worker: Worker) -> None:
        """Refuse a worker that lacks a measure which is required. Asked before its first script."""
        if worker.runs > 1:
            return
        self.measures = tuple(Measure(**each) for each in measures)
        for measure in self.measures:
            if measure.name in self._pool.required and not measure.active:
                raise SandboxUnavailable(
                    "sandbox processes cannot be protected as required: "
                    f"{measure.name}: {measure.detail}",
                    hint="see `llmspell doctor`, or set sandbox.require_hardening = false",
                    measure=measure.name,
                )

    def run(self, source: str, *, name: str) -> Value:
        with self._owner:
            check_text(source)
            check_text(name)
            self._file = name
            if not self._has_room(2 * len(source)):
                raise self._exceeded("memory_bytes")
            return self._answer("run", source, name)

    def call(self, function: str, *arguments: Value) -> Value:
        check_text(function)
        depth = self._options.max_depth
        exact = [canonical(argument, max_depth=depth) for argument in arguments]
        if self._owner.is_within():
            return self._nested("call", function, encode_js(exact))
        with self._owner:
            return self._answer("call", function, encode_js(exact))

    def _nested(self, *asked: str) -> Value:
        """Ask for something while the worker waits for an answer, on behalf of its own script."""
        self._check_usable()
        try:
            self._channel.send(Kind.ASK, payload=dumps(asked))
            return self._value(self._serve(Kind.VALUE))
        except (Violation, Malformed) as problem:
            # Nothing that this worker says is of use any more: the call around this one will see
            # that it is gone.
            error = violation(problem)
            self._end(error.message)
            raise error from None

    def evaluate(self, source: str, *, name: str) -> str | None:
        with self._owner:
            check_text(source)
            check_text(name)
            self._file = name
            text: str | None = self._answer("evaluate", source, name)
            return text

    def is_complete(self, source: str) -> bool:
        with self._owner:
            check_text(source)
            return bool(self._answer("is_complete", source))

    def probe(self) -> dict[str, str | None]:
        """Have the worker try what it should not be able to do; return why each was refused."""
        with self._owner:
            refused: dict[str, str | None] = self._answer("probe")
            return refused

    @property
    def has_ended(self) -> bool:
        """Whether the worker is gone, so that nothing more can be run."""
        return self._ended is not None

    def close(self) -> None:
        if self._owner.close():
            self._door.close()
            self._give_back(reusable=self._ended is None)

    def _give_back(self, *, reusable: bool) -> None:
        if self._let_go.detach() is not None:
            self._pool.release(self._worker, reusable=reusable)

    def _answer(self, *asked: str) -> Value:
        """Ask the worker for something and serve it until it has an answer."""
        self._check_usable()
        door, channel = self._door, self._channel
        self._warnings = 0
        try:
            with door.running():
                channel.deadline = door.deadline.at
                channel.send(Kind.ASK, payload=dumps(asked))
                frame = self._serve(Kind.VALUE)
            return self._value(frame)
        except WorkerLost:
            error = self._pool.why_lost(self._worker, had_begun=True)
        except TimedOut:
            error = self._exceeded("timeout_s")
        except (Violation, Malformed) as problem:
            error = violation(problem)
        except ScriptLimitExceeded as failure:
            error = failure
        except LlmSpellError:
            raise
        except BaseException:
            self._end("the run was interrupted")
            raise
        self._end(error.message)
        raise error

    def _serve(self, wanted: Kind) -> Frame:
        """Answer calls until the frame that is wanted comes, or an error."""
        channel, call = self._channel, self._call
        frame = channel.receive()
        while True:
            kind, index, text = frame
            if kind == Kind.CALL:
                self._reply(call, index, text)
                frame = channel.receive_soon()
                continue
            if kind == wanted:
                return frame
            if kind == Kind.ERROR:
                raise self._failure(text)
            if kind != Kind.WARNING:
                raise Violation(f"a frame of kind {kind} instead of {wanted.name}")
            self._warn(text)
            frame = channel.receive()

    def _reply(self, call: Any, index: int, text: bytes) -> None:
        """Call a function for the worker and send what it replies."""
        if index >= self._door.size or not text:
            raise Violation(f"a call of function {index}")
        try:
            reply = call(index, text if self.language == "lua" else text.decode())
        except UnicodeDecodeError:
            raise Violation("a call that is no text") from None
        interrupt = self._door.take_interrupt()
        if interrupt is not None:
            raise interrupt
        if self._door.spent is not None:
            raise self._exceeded(self._door.spent)
        if isinstance(reply, bool):
            self._channel.send(Kind.YES if reply else Kind.NO)
        else:
            encoded = reply if isinstance(reply, bytes) else reply.encode()
            self._channel.send(Kind.REPLY, payload=encoded)

    def _warn(self, text: bytes) -> None:
        self._warnings += 1
        if self._warnings > _MOST_WARNINGS:
            raise Violation("too many warnings")
        self._options.warn(text[:_LONGEST_WARNING].decode(errors="replace"))

    def _value(self, frame: Frame) -> Value:
        longest = self._options.limits.call_bytes
        if longest is not None and len(frame.payload) > longest:
            raise self._exceeded("call_bytes")
        return value_from(frame.payload, self._options.max_depth)

    def _failure(self, text: bytes) -> LlmSpellError:
        """Return the error a worker told of, with the host's own error as its cause."""
        error = error_from(text, self._options.max_depth)
        cause = self._door.error
        if cause is not None and error.message.endswith(cause.message):
            error.__cause__ = cause
        return error

    def _exceeded(self, limit: str) -> LlmSpellError:
        maximum = getattr(self._options.limits, limit)
        return exceeded(limit, maximum, language=self.language, file=self._file)

    def _check_usable(self) -> None:
        if self._process != os.getpid():
            raise SandboxClosed(
                "the sandbox belongs to another process", hint="create one after the fork"
            )
        if self._ended is not None:
            raise SandboxClosed(
                f"the sandbox has ended: {self._ended}", hint="create a new one", reason=self._ended
            )

    def _end(self, reason: str) -> None:
        """Give up the worker; the sandbox is of no use from now on."""
        self._ended = reason
        self._give_back(reusable=False)
