"""Unhandled rejections of a quickjs context, which the binding itself passes over in silence.

The engine tells a "host promise rejection tracker" of every promise that is rejected without a
handler, and again when a handler comes late. The binding installs none; the prelude's own
``track`` function keeps the record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmspell_bridges.js.engine import (
    FALSE,
    TRUE,
    UNDEFINED,
    JSValue,
    RejectionCallback,
    engine,
    pointers,
)

__all__ = ["RejectionTracker"]


class RejectionTracker:
    """Calls a JavaScript function ``track(promise, reason, handled)`` for one context.

    The function is read from the global ``name`` once, and borrowed: the caller keeps it alive
    (through a handle of the binding) for as long as scripts may run. ``close`` must be called by
    the thread that owns the context.
    """

    def __init__(self, context: Any, name: str) -> None:
        calls = engine()
        self._runtime, self._context = pointers(context)
        top = calls.JS_GetGlobalObject(self._context)
        self._track = calls.JS_GetPropertyStr(self._context, top, name.encode())
        # A reference of our own would have to be given back before the context goes, and a
        # context nobody closed goes when the garbage collector likes.
        calls.JS_FreeValue(self._context, self._track)
        calls.JS_FreeValue(self._context, top)
        self._callback: Callable[..., None] | None = RejectionCallback(self._rejected)
        calls.JS_SetHostPromiseRejectionTracker(self._runtime, self._callback, None)

    def _rejected(
        self, _: int, promise: JSValue, reason: JSValue, handled: bool, __: int | None
    ) -> None:
        calls = engine()
        arguments = (JSValue * 3)(promise, reason, TRUE if handled else FALSE)
        result = calls.JS_Call(self._context, self._track, UNDEFINED, 3, arguments)
        calls.JS_FreeValue(self._context, result)

    def close(self) -> None:
        """Take the tracker off the engine; closing again does nothing."""
        if self._callback is not None:
            engine().JS_SetHostPromiseRejectionTracker(self._runtime, RejectionCallback(0), None)
            self._callback = None
