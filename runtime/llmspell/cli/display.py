"""Show a canonical value to a person: text as it is, everything else like JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from llmspell.cli.jsontext import iso_text

__all__ = ["display"]

_LINE_WIDTH = 80
_BYTES_SHOWN = 16


def display(value: Any) -> str:
    """Return ``value`` for reading; short lists and maps on one line, long ones indented.

    Text at the top level stands without quotes, so that a shell can use it. Bytes and
    timestamps are marked as such: this form is for people, ``--json`` is for programs.
    """
    if isinstance(value, str):
        return value
    return _show(value, "")


def _show(value: Any, indent: str) -> str:
    if isinstance(value, dict):
        members = [f"{_quoted(str(name))}: " for name in value]
        return _join("{", "}", members, list(value.values()), indent)
    if isinstance(value, list | tuple):
        return _join("[", "]", [""] * len(value), list(value), indent)
    return _scalar(value)


def _join(opening: str, closing: str, labels: list[str], values: list[Any], indent: str) -> str:
    if not values:
        return opening + closing
    inner = indent + "  "
    parts = [label + _show(value, inner) for label, value in zip(labels, values, strict=True)]
    line = f"{opening}{', '.join(parts)}{closing}"
    if "\n" not in line and len(indent) + len(line) <= _LINE_WIDTH:
        return line
    body = ",\n".join(inner + part for part in parts)
    return f"{opening}\n{body}\n{indent}{closing}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bytes):
        shown = value[:_BYTES_SHOWN].hex(" ")
        more = " ..." if len(value) > _BYTES_SHOWN else ""
        return f"<{len(value)} bytes{':' if value else ''} {shown}{more}>".replace(" >", ">")
    if isinstance(value, datetime):
        return f"<{iso_text(value)}>"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
