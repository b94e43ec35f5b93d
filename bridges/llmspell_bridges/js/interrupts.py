"""Ending a script in the middle of whatever it does: its time is over, or somebody stops it.

The binding's own time limit counts the CPU time of the whole process and forbids host calls while
it is set. The engine asks an interrupt handler every 10,000 jumps and calls; the one set here
knows the run's own clock.

Being interrupted is an error no script can catch, but the engine itself does where it makes a
rejected promise of it, and the script then goes on until it is asked again. So the engine's
counter is written to as well: soon after the first interrupt it asks at every jump and call. Where
that counter lies is found out by trying.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from time import monotonic
from typing import Any, Final

import quickjs

from llmspell_bridges.asking import asking
from llmspell_bridges.js.engine import InterruptCallback, engine, pointers

__all__ = ["Interrupts"]

_ASKED_EVERY: Final = 10_000
_SEARCHED_BYTES: Final = 640
#: What the engine needs to describe where it was interrupted.
_WAY_OUT: Final = 100
#: Built-in functions on large data take long and count as one call: then ask more often.
_LONG_S: Final = 0.005
_SHORT_S: Final = 0.001
_FIRST: Final = 100
_OFTEN: Final = 10


class Interrupts:
    """Ends what runs in a context once ``has_to_end()`` says so.

    ``on_signal`` takes what a signal raised while a script ran, which ends it too. ``close`` must
    be called by the thread that owns the context.
    """

    def __init__(
        self,
        context: Any,
        has_to_end: Callable[[], bool],
        on_signal: Callable[[BaseException], None],
    ) -> None:
        self._runtime, address = pointers(context)
        counter = ctypes.c_int32.from_address(address + _counter_offset())
        # Kept, since the engine only borrows it.
        self._callback: Any = InterruptCallback(asking(_hastening(counter, has_to_end), on_signal))
        engine().JS_SetInterruptHandler(self._runtime, self._callback, None)

    def close(self) -> None:
        """Take the handler off the engine; closing again does nothing."""
        if self._callback is not None:
            engine().JS_SetInterruptHandler(self._runtime, InterruptCallback(0), None)
            self._callback = None


def _hastening(counter: ctypes.c_int32, has_to_end: Callable[[], bool]) -> Callable[[], bool]:
    """Return ``has_to_end`` that sets when it will be asked again, where that is to be soon."""
    was_told, asked_at, interval = False, monotonic(), _FIRST
    counter.value = interval

    def hastening() -> bool:
        nonlocal was_told, asked_at, interval
        ends, now = has_to_end(), monotonic()
        if ends:
            counter.value = 1 if was_told else _WAY_OUT
            was_told = True
            return True
        if now - asked_at > _LONG_S:
            interval = max(interval // 8, _OFTEN)
        elif now - asked_at < _SHORT_S:
            interval = min(interval * 4, _ASKED_EVERY)
        counter.value, asked_at = interval, now
        return False

    return hastening


@cache
def _counter_offset() -> int:
    """Return where in the engine's context the counter is that tells when to ask.

    It is the one number that the engine has set to its full count when it asks, and that has
    gone down by as much as was jumped since.
    """
    context = quickjs.Context()
    runtime, address = pointers(context)
    searched = (ctypes.c_int32 * (_SEARCHED_BYTES // 4)).from_address(address)
    full: set[int] = set()

    def look() -> bool:
        full.update(at for at, number in enumerate(searched) if number == _ASKED_EVERY)
        return False

    callback = InterruptCallback(look)
    engine().JS_SetInterruptHandler(runtime, callback, None)
    context.eval(f"for (let i = 0; i < {_ASKED_EVERY}; i++);")
    engine().JS_SetInterruptHandler(runtime, InterruptCallback(0), None)
    before = {at: searched[at] for at in full}
    context.eval("for (let i = 0; i < 100; i++);")
    found = [at for at, count in before.items() if 100 <= count - searched[at] < 400]
    if len(found) != 1:
        raise RuntimeError(
            "this build of quickjs-ng counts in another way than the one llmspell knows; "
            "install quickjs-ng 0.17"
        )
    return found[0] * 4
