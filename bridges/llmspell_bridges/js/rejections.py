"""Unhandled rejections of a quickjs context, which the binding itself passes over in silence.

The engine tells a "host promise rejection tracker" of every promise that is rejected without a
handler, and again when a handler comes late. The binding installs none and offers no way to, but
its extension module exports the engine's C functions. This file, and no other, reaches them with
``ctypes``; the prelude's own ``track`` function keeps the record.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final

__all__ = ["RejectionTracker"]

_TAG_BOOL: Final = 1
_TAG_UNDEFINED: Final = 3
# The binding's context object: the object header, then JSRuntime*, then JSContext*.
_CONTEXT_SIZE: Final = 80
_HEADER: Final = object.__basicsize__
_POINTER: Final = ctypes.sizeof(ctypes.c_void_p)


class _JSValue(ctypes.Structure):
    _fields_ = (("payload", ctypes.c_uint64), ("tag", ctypes.c_int64))


_Callback = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, _JSValue, _JSValue, ctypes.c_bool, ctypes.c_void_p
)
_UNDEFINED: Final = _JSValue(0, _TAG_UNDEFINED)


@cache
def _engine() -> ctypes.CDLL:
    # The extension module is loaded already: whoever hands over a context has imported it.
    library = ctypes.CDLL(sys.modules["_quickjs"].__file__ or "")
    pointer, value = ctypes.c_void_p, _JSValue
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "JS_SetHostPromiseRejectionTracker": (None, [pointer, _Callback, pointer]),
        "JS_GetRuntime": (pointer, [pointer]),
        "JS_GetGlobalObject": (value, [pointer]),
        "JS_GetPropertyStr": (value, [pointer, value, ctypes.c_char_p]),
        "JS_Call": (value, [pointer, value, value, ctypes.c_int, ctypes.POINTER(value)]),
        "JS_FreeValue": (None, [pointer, value]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _pointers(context: Any) -> tuple[int, int]:
    """Return the addresses of the engine's runtime and context behind a binding context."""
    if type(context).__basicsize__ != _CONTEXT_SIZE or _POINTER != 8:
        raise RuntimeError(
            "this build of quickjs-ng has another layout than the one llmspell knows; "
            "install quickjs-ng 0.17"
        )
    at = id(context) + _HEADER
    runtime = ctypes.c_void_p.from_address(at).value
    engine_context = ctypes.c_void_p.from_address(at + _POINTER).value
    if runtime is None or engine_context is None:
        raise RuntimeError("the quickjs context is not initialised")
    return runtime, engine_context


class RejectionTracker:
    """Calls a JavaScript function ``track(promise, reason, handled)`` for one context.

    The function is read from the global ``name`` once, and borrowed: the caller keeps it alive
    (through a handle of the binding) for as long as scripts may run. ``close`` must be called by
    the thread that owns the context.
    """

    def __init__(self, context: Any, name: str) -> None:
        engine = _engine()
        self._runtime, self._context = _pointers(context)
        top = engine.JS_GetGlobalObject(self._context)
        self._track = engine.JS_GetPropertyStr(self._context, top, name.encode())
        # A reference of our own would have to be given back before the context goes, and a
        # context nobody closed goes when the garbage collector likes.
        engine.JS_FreeValue(self._context, self._track)
        engine.JS_FreeValue(self._context, top)
        self._callback: Callable[..., None] | None = _Callback(self._rejected)
        engine.JS_SetHostPromiseRejectionTracker(self._runtime, self._callback, None)

    def _rejected(
        self, _: int, promise: _JSValue, reason: _JSValue, handled: bool, __: int | None
    ) -> None:
        engine = _engine()
        arguments = (_JSValue * 3)(promise, reason, _JSValue(int(handled), _TAG_BOOL))
        result = engine.JS_Call(self._context, self._track, _UNDEFINED, 3, arguments)
        engine.JS_FreeValue(self._context, result)

    def close(self) -> None:
        """Take the tracker off the engine; closing again does nothing."""
        if self._callback is not None:
            _engine().JS_SetHostPromiseRejectionTracker(self._runtime, _Callback(0), None)
            self._callback = None
