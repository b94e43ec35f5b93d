"""Canonical values as JSON has them, for what knows nothing but JSON."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from llmspell_bridges.values import Value, member_path

__all__ = ["json_form", "json_path"]

_SAME: Final = frozenset({str, int, float, bool, type(None)})


def json_form(value: Value) -> Any:
    """Return a value with its timestamps as ISO 8601 text and its bytes as base64 text.

    It is the value itself when there are none, and shares what does not change when there are.
    """
    kind = type(value)
    if kind is dict:
        return _changed(value, dict, value.items())
    if kind is list:
        return _changed(value, list, enumerate(value))
    if kind is bytes:
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value


def _changed(container: Any, copy: Any, members: Iterable[tuple[Any, Any]]) -> Any:
    result = container
    for at, member in members:
        if type(member) in _SAME:
            continue
        changed = json_form(member)
        if changed is not member:
            if result is container:
                result = copy(container)
            result[at] = changed
    return result


def json_path(steps: Iterable[str | int]) -> str:
    """Return the path of a part: ``$.tags[3]``."""
    path = "$"
    for step in steps:
        path = f"{path}[{step}]" if isinstance(step, int) else member_path(path, step)
    return path
