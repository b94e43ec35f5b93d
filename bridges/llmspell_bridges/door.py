"""The one door between a VM and the host: ``door(index, text)`` in, reply text out.

It never raises into the VM (the bindings cannot carry a Python exception safely): a reply that
starts with ``!`` is an error, which the prelude raises in the script's own terms. What happens
behind an index is in ``entries``; here is what holds for all calls: limits, interrupts, errors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from time import monotonic
from typing import Any, Generic

from llmspell_bridges.api import Function
from llmspell_bridges.entries import (
    BoundGlobal,
    InternalError,
    Replies,
    Text,
    indexed,
    keeping_entry,
    plain_entry,
)
from llmspell_bridges.errors import LlmSpellError
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.limits import (
    UNLIMITED,
    Deadline,
    Limits,
    current_deadline,
    current_limits,
)
from llmspell_bridges.values import MAX_DEPTH

__all__ = ["BoundGlobal", "Door", "InternalError", "Replies", "Text", "indexed"]


class Interrupted(LlmSpellError):
    """The host was interrupted while a script ran; the script gets no further answers."""

    code = "interrupted"


class Door(Generic[Text]):
    """Calls declared functions for one sandbox.

    ``error`` is the last error given to the script, so that a script failure can be chained to
    it. A ``KeyboardInterrupt`` or ``SystemExit`` is kept for ``take_interrupt``, which the sandbox
    asks once the VM returned. Of ``limits`` the door holds those of time, calls and size: a run
    that hit one is ``spent`` (its name), and from then on every call is answered with nothing.
    """

    def __init__(
        self,
        replies: Replies[Text],
        *,
        max_depth: int = MAX_DEPTH,
        limits: Limits = UNLIMITED,
    ) -> None:
        self._replies: Replies[Text] = replies
        self._max_depth = max_depth
        self._limits = limits.over(UNLIMITED)
        self._restart: Callable[[int, float], None] = lambda _calls, _at: None
        self.deadline = Deadline(None)
        self.spent: str | None = None
        # What the VM keeps, by the text of the call it came from. The first entry tells whether
        # one of these is current.
        self._kept: dict[Text, FrozenValue] = {}
        self._entries: list[Callable[[Text], Text | bool | None]] = [self._is_current]
        self._names: list[str | tuple[BoundGlobal, Function]] = [""]
        self.error: LlmSpellError | None = None
        self._interrupt: BaseException | None = None
        self._answering: list[Callable[[Text], Text | bool | None]] = []

    def add(self, bound: BoundGlobal, function: Function) -> int:
        """Bind ``function`` to the service and return the index scripts reach it by.

        What a VM keeps it asks for under the index after that, and nobody else does: what the
        host says is current must be what the VM has.
        """
        index = len(self._entries)
        self._put(index, bound, function, plain_entry)
        if function.keeps:
            self._put(index + 1, bound, function, partial(keeping_entry, kept=self._kept))
        return index

    def _put(
        self, index: int, bound: BoundGlobal, function: Function, make: Callable[..., Any]
    ) -> None:
        """Add an entry that is made when it is first called: few scripts call everything."""

        def first_call(text: Text) -> Text:
            entry: Callable[[Text], Text] = make(
                bound, self.called(function), replies=self._replies, max_depth=self._max_depth
            )
            self._entries[index] = entry
            return entry(text)

        self._entries.append(first_call)
        self._names.append((bound, function))

    def called(self, function: Function) -> Function:
        """Return what is called for a declared function: itself, with its handler."""
        return function

    def _is_current(self, text: Text) -> bool:
        """Tell whether what the VM keeps from that call is what the call would give now."""
        value = self._kept.get(text)
        return value is not None and value.is_current()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the clock and the count of calls of one run; its end is the end of the block."""
        limits = self._limits
        calls = sys.maxsize if limits.calls is None else limits.calls
        self.deadline = Deadline(limits.timeout_s)
        self._restart(calls, inf if self.deadline.at is None else self.deadline.at)
        deadline, outer = current_deadline.set(self.deadline), current_limits.set(limits)
        try:
            yield
        finally:
            current_limits.reset(outer)
            current_deadline.reset(deadline)

    def has_to_end(self) -> bool:
        """Tell whether the run must not go on; the first time notes that its time was over."""
        if self.spent is None and self.deadline.passed():
            self.spend("timeout_s")
        return self.spent is not None or self._interrupt is not None

    def weigh(self, outcome: Text) -> None:
        """Note when a run says or returns more at its end than it may hand over."""
        if len(outcome) > (self._limits.call_bytes or sys.maxsize):
            self.spend("call_bytes")

    def spend(self, limit: str) -> None:
        """Note which limit was hit, the first one only, and answer nothing any more."""
        if self.spent is None:
            self.spent = limit
            self._entries[:] = [_nothing] * len(self._entries)

    def opened(
        self, has_room: Callable[[int], bool] | None = None
    ) -> Callable[[int, Text], Text | bool | None]:
        """Return the function the VM calls; it never raises.

        ``has_room`` tells whether the VM has memory for a reply of so many bytes, where handing
        one over that it has no room for would do harm.
        """
        if self._limits == UNLIMITED and has_room is None:
            return self._unlimited()
        return self._limited(has_room or (lambda _: True))

    def _limited(
        self, has_room: Callable[[int], bool]
    ) -> Callable[[int, Text], Text | bool | None]:
        entries, failed, spend = self._entries, self._failed, self.spend
        longest = self._limits.call_bytes or sys.maxsize
        calls_left, ends_at = sys.maxsize, inf

        def restart(calls: int, at: float) -> None:
            nonlocal calls_left, ends_at
            calls_left, ends_at = calls, at

        def limited(index: int, text: Text) -> Text | bool | None:
            nonlocal calls_left
            calls_left -= 1
            if calls_left < 0:
                spend("calls")
            elif len(text) > longest:
                spend("call_bytes")
            try:
                reply = entries[index](text)
            except BaseException as error:
                reply = failed(index, error)
            if reply is True:
                return True  # what the VM has kept is current, which takes no time to tell
            if monotonic() >= ends_at:
                spend("timeout_s")
            elif reply and not has_room(len(reply)):
                spend("memory_bytes")
            return reply if self.spent is None else None

        self._restart = restart
        return limited

    def _unlimited(self) -> Callable[[int, Text], Text | bool | None]:
        entries, failed = self._entries, self._failed

        def door(index: int, text: Text) -> Text | bool | None:
            try:
                return entries[index](text)
            except BaseException as error:
                return failed(index, error)

        return door

    def _failed(self, index: int, error: BaseException) -> Text:
        if isinstance(error, LlmSpellError):
            self.error = _naming(self._call_name(index), error)
        elif isinstance(error, Exception):
            self.error = InternalError(
                f"{self._call_name(index)}: the host failed ({type(error).__name__})"
            )
            self.error.__cause__ = error
        else:
            self.interrupt(error)
            self.error = Interrupted("the run was interrupted")
        return self._replies.error(self.error)

    def _call_name(self, index: int) -> str:
        name = self._names[index]
        return name if isinstance(name, str) else name[1].call_name(name[0].declaration)

    def interrupt(self, error: BaseException) -> None:
        """Keep what a signal raised; until the host has taken it the script gets no answers."""
        if isinstance(error, SystemError) and error.__cause__ is not None:
            error = error.__cause__  # the interpreter found it pending after a call of C
        if self._interrupt is None:
            self._answering = list(self._entries)
            self._entries[:] = [self._refuse] * len(self._entries)
        self._interrupt = error

    def take_interrupt(self) -> BaseException | None:
        """Return the interrupt that struck while a script ran, if any, and answer again."""
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None and self.spent is None:
            self._entries[:] = self._answering
        return interrupt

    def _refuse(self, _: Text) -> Text:
        return self._replies.error(Interrupted("the run was interrupted"))

    def close(self) -> None:
        """Forget every handler, so that nothing of the host is reachable from a dead VM."""
        self._entries.clear()
        self._kept.clear()


def _nothing(_: object) -> None:
    """Answer a run that is spent."""


def _naming(call: str, error: LlmSpellError) -> LlmSpellError:
    """Put the function a script called before what a service below it had to say."""
    if not error.message.startswith(call):
        error.message = f"{call}: {error.message}"
        error.args = (error.message,)
    return error
