"""Compiling our own JavaScript once, for every context: parsing it takes longer than running it."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, Final

import quickjs

from llmspell_bridges.js.engine import engine, pointers

__all__ = ["compiled", "run_compiled"]

_COMPILE_ONLY: Final = 1 << 5
_BYTECODE: Final = 1
_TAG_EXCEPTION: Final = 6


@cache
def compiled(source: str) -> bytes:
    """Return the bytecode of a script of ours. Raises ``SyntaxError`` if it is not one."""
    context = quickjs.Context()
    _, address = pointers(context)
    calls, text = engine(), source.encode()
    function = calls.JS_Eval(address, text, len(text), b"<input>", _COMPILE_ONLY)
    if function.tag == _TAG_EXCEPTION:
        raise SyntaxError("a prelude does not parse")
    size = ctypes.c_size_t()
    code = calls.JS_WriteObject(address, ctypes.byref(size), function, _BYTECODE)
    try:
        return ctypes.string_at(code, size.value)
    finally:
        calls.js_free(address, code)
        calls.JS_FreeValue(address, function)


def run_compiled(context: Any, code: bytes) -> None:
    """Run bytecode of ours in a context, by the thread that owns it.

    It must call no host function: the binding does not know that the engine runs. Raises
    ``RuntimeError`` when it fails.
    """
    calls, (_, address) = engine(), pointers(context)
    function = calls.JS_ReadObject(address, code, len(code), _BYTECODE)
    result = calls.JS_EvalFunction(address, function)
    if result.tag == _TAG_EXCEPTION:
        raise RuntimeError("a prelude failed")
    calls.JS_FreeValue(address, result)
