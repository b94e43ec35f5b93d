"""How an answer crosses: values as wire text, errors as plain data that the host builds anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmspell_bridges.door import InternalError
from llmspell_bridges.errors import (
    Frame,
    InvalidArgument,
    InvalidValue,
    LimitExceeded,
    LlmSpellError,
    SandboxClosed,
    ScriptError,
    ScriptLimitExceeded,
    ScriptSyntaxError,
    error_code,
)
from llmspell_bridges.values import MAX_DEPTH, Value, canonical
from llmspell_bridges.wire import decode, encode_js

__all__ = ["Malformed", "error_from", "error_text", "value_from", "value_text"]

_KINDS: Final[dict[str, type[LlmSpellError]]] = {
    kind.__name__: kind
    for kind in (
        InternalError,
        InvalidArgument,
        InvalidValue,
        LimitExceeded,
        SandboxClosed,
        ScriptError,
        ScriptLimitExceeded,
        ScriptSyntaxError,
    )
}
#: The members an error crosses with, and what each may be.
_MEMBERS: Final[Mapping[str, tuple[type, ...]]] = {
    "kind": (str,),
    "message": (str,),
    "code": (str, type(None)),
    "hint": (str, type(None)),
    "details": (dict,),
}
_PLACE: Final[Mapping[str, tuple[type, ...]]] = {
    "language": (str,),
    "file": (str, type(None)),
    "line": (int, type(None)),
    "column": (int, type(None)),
    "source_line": (str, type(None)),
    "frames": (list,),
}
_FRAME: Final = ((str,), (int, type(None)), (int, type(None)), (str, type(None)))
_MOST_FRAMES: Final = 1000
#: More of a message than anybody reads; it will be logged and shown.
_LONGEST_TEXT: Final = 1 << 16
# An error's own data, and the details that a script gave it, may each be as deep as a value.
_ERROR_LEVELS: Final = 4


class Malformed(Exception):
    """Text that no worker of ours sends."""


def value_text(value: Value) -> bytes:
    """Encode a value for the other side."""
    return encode_js(value).encode(errors="replace")


def value_from(text: bytes, max_depth: int = MAX_DEPTH) -> Value:
    """Decode a value, exactly as canonical as every other one. Raises ``Malformed``.

    Also raises ``LimitExceeded`` and ``InvalidValue``, as any value from a script may.
    """
    try:
        return canonical(decode(text, max_depth=max_depth), max_depth=max_depth)
    except LlmSpellError:
        raise
    except (ValueError, LookupError, TypeError, RecursionError, AttributeError) as error:
        raise Malformed(f"a value that does not decode ({type(error).__name__})") from error


def error_text(error: LlmSpellError) -> bytes:
    """Encode an error with its place in the script."""
    data = {
        "kind": type(error).__name__ if type(error).__name__ in _KINDS else "InternalError",
        "message": error.message,
        "code": error.code,
        "hint": error.hint,
        "details": error.details,
        "language": getattr(error, "language", ""),
        "file": getattr(error, "file", None),
        "line": getattr(error, "line", None),
        "column": getattr(error, "column", None),
        "source_line": getattr(error, "source_line", None),
        "frames": [
            [frame.file, frame.line, frame.column, frame.function]
            for frame in getattr(error, "frames", ())
        ],
    }
    return encode_js(data).encode(errors="replace")


def error_from(text: bytes, max_depth: int = MAX_DEPTH) -> LlmSpellError:
    """Build the error a worker told of. Raises ``Malformed``."""
    try:
        data = value_from(text, max_depth + _ERROR_LEVELS)
    except LlmSpellError as problem:
        raise Malformed("an error that does not decode") from problem
    if type(data) is not dict or data.keys() != _MEMBERS.keys() | _PLACE.keys():
        raise Malformed("an error without its members")
    for name, kinds in (*_MEMBERS.items(), *_PLACE.items()):
        if type(data[name]) not in kinds:
            raise Malformed(f"an error whose {name} is something else")
        if str in kinds and data[name]:
            data[name] = data[name][:_LONGEST_TEXT]
    kind = _KINDS.get(data["kind"])
    if kind is None:
        raise Malformed("an error of an unknown kind")
    if issubclass(kind, ScriptError):
        return _script_error(kind, data)
    error = kind(data["message"], hint=data["hint"])
    error.details = data["details"]
    return error


def _script_error(kind: type[ScriptError], data: dict[str, Any]) -> ScriptError:
    return kind(
        data["message"],
        language=data["language"],
        code=error_code(data["code"]),
        file=data["file"],
        line=data["line"],
        column=data["column"],
        source_line=data["source_line"],
        frames=tuple(map(_frame, data["frames"][:_MOST_FRAMES])),
        hint=data["hint"],
        details=data["details"],
    )


def _frame(row: Any) -> Frame:
    if type(row) is not list or len(row) != len(_FRAME):
        raise Malformed("a frame without its members")
    if any(type(member) not in kinds for member, kinds in zip(row, _FRAME, strict=True)):
        raise Malformed("a frame whose members are something else")
    return Frame(*row)
