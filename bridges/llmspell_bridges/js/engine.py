"""The engine behind a quickjs context, where the binding offers no way to it.

The binding's extension module exports the engine's C functions. This file, and no other, reaches
them with ``ctypes``.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any, Final

__all__ = [
    "FALSE",
    "TRUE",
    "UNDEFINED",
    "InterruptCallback",
    "JSValue",
    "RejectionCallback",
    "engine",
    "pointers",
]

# The binding's context object: the object header, then JSRuntime*, then JSContext*.
_CONTEXT_SIZE: Final = 80
_HEADER: Final = object.__basicsize__
_POINTER: Final = ctypes.sizeof(ctypes.c_void_p)


class JSValue(ctypes.Structure):
    """A value of the engine, as its functions take and return it."""

    _fields_ = (("payload", ctypes.c_uint64), ("tag", ctypes.c_int64))


FALSE: Final = JSValue(0, 1)
TRUE: Final = JSValue(1, 1)
UNDEFINED: Final = JSValue(0, 3)

RejectionCallback = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, JSValue, JSValue, ctypes.c_bool, ctypes.c_void_p
)
# What the engine passes is not needed, and a function of C may take less than it is given.
InterruptCallback = ctypes.CFUNCTYPE(ctypes.c_int)


@cache
def engine() -> ctypes.CDLL:
    """Return the engine's functions that are used here, with their signatures."""
    # The extension module is loaded already: whoever hands over a context has imported it.
    library = ctypes.CDLL(sys.modules["_quickjs"].__file__ or "")
    pointer, value, integer = ctypes.c_void_p, JSValue, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "JS_SetHostPromiseRejectionTracker": (None, [pointer, RejectionCallback, pointer]),
        "JS_SetInterruptHandler": (None, [pointer, InterruptCallback, pointer]),
        "JS_GetGlobalObject": (value, [pointer]),
        "JS_GetPropertyStr": (value, [pointer, value, ctypes.c_char_p]),
        "JS_Call": (value, [pointer, value, value, ctypes.c_int, ctypes.POINTER(value)]),
        "JS_FreeValue": (None, [pointer, value]),
        "JS_Eval": (value, [pointer, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, integer]),
        "JS_WriteObject": (pointer, [pointer, pointer, value, integer]),
        "JS_ReadObject": (value, [pointer, ctypes.c_char_p, ctypes.c_size_t, integer]),
        "JS_EvalFunction": (value, [pointer, value]),
        "js_free": (None, [pointer, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def pointers(context: Any) -> tuple[int, int]:
    """Return the addresses of the engine's runtime and context behind a binding context.

    Raises ``RuntimeError`` for a build of the binding whose layout is not the one known here.
    """
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
