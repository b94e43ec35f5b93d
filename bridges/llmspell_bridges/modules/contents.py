"""What is in a module's file: source text, or JSON."""

from __future__ import annotations

import json
import re
from typing import Final

from orjson import JSONDecodeError, loads

from llmspell_bridges.errors import InvalidValue, LimitExceeded, ModuleError
from llmspell_bridges.values import Value, canonical
from llmspell_bridges.wire import check_depth

__all__ = ["MOST_BYTES", "source_text", "value_of_json"]

MOST_BYTES: Final = 8 * 1024 * 1024
"""Largest file that is loaded as a module."""

_BOM: Final = "\ufeff"
_LONG_DIGITS: Final = re.compile(r"[0-9]{19}")
_COMMENTS: Final = {"lua": "--", "js": "//"}


def source_text(data: bytes, shown: str, kind: str) -> str:
    """Return a module's text, without what is for editors (BOM) and shells (``#!``).

    Raises ``ModuleError`` for a file that is no text and ``LimitExceeded`` for one too large.
    """
    if len(data) > MOST_BYTES:
        raise LimitExceeded(
            f"{shown} is larger than a module may be ({MOST_BYTES} bytes)",
            hint="keep large data in State, or split the module",
            limit="module_bytes",
            maximum=MOST_BYTES,
        )
    if b"\0" in data:
        raise ModuleError(f"{shown} is not a module: it holds NUL bytes, as binary files do")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModuleError(
            f"{shown} is not UTF-8 text (line {line})",
            hint="save it with UTF-8 encoding",
            file=shown,
            line=line,
        ) from None
    text = text.removeprefix(_BOM)
    if text.startswith("#") and kind in _COMMENTS and (kind == "lua" or text.startswith("#!")):
        # The line keeps its place, so that lines still count.
        text = _COMMENTS[kind] + text
    return text


def value_of_json(text: str, shown: str, *, max_depth: int) -> Value:
    """Return the value of a JSON file. Raises ``ModuleError``, ``LimitExceeded``."""
    try:
        value = loads(text)
        check_depth(text, value, max_depth)
        # The fast decoder makes floats of integers beyond 64 bits; only long digits can be any.
        return canonical(json.loads(text)) if _LONG_DIGITS.search(text) else value
    except JSONDecodeError as error:
        raise ModuleError(
            f"{shown} is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})",
            file=shown,
            line=error.lineno,
            column=error.colno,
        ) from None
    except InvalidValue as error:
        raise ModuleError(f"{shown}: {error.message}", hint=error.hint, file=shown) from None
    except LimitExceeded as error:
        error.message = f"{shown}: {error.message}"
        raise
