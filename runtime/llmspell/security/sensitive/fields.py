"""Parts of a value named in advance: ``password``, ``user.api_key``, ``items[].token``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from llmspell.security.sensitive.walk import Steps
from llmspell_bridges.values import Value

__all__ = ["FieldPath", "Fields", "parse_field"]

_PART: Final = re.compile(
    r"""\.?(?P<name>[^\s.*\[\]"'$]+) | \.?(?P<any>\*) | (?P<items>\[\]) | \[(?P<index>[0-9]{1,9})\]
      | \["(?P<quoted>(?:[^"\\]|\\.)*)"\]""",
    re.VERBOSE,
)


class _Any(NamedTuple):
    """Any member of a map, or any item of a list."""

    of: type


_MEMBER: Final = _Any(dict)
_ITEM: Final = _Any(list)
_Part = str | int | _Any


class FieldPath(NamedTuple):
    """A parsed path. ``anywhere``: a single name, which is meant at any depth."""

    parts: tuple[_Part, ...]
    anywhere: bool


def parse_field(path: str) -> FieldPath:
    """Parse the path of a field. Raises ``ValueError`` saying what is wrong with it.

    A single name means members of that name at any depth; everything else starts at the value
    itself, and so does a name with ``$.`` before it. ``*`` is any one member, ``[]`` any item,
    ``[2]`` the third one, ``["a b"]`` a name with other characters.
    """
    body = path.removeprefix("$")
    is_rooted = body != path
    if is_rooted and body[:1] not in (".", "["):
        raise ValueError(f"{path!r} is no path of a field: after $ comes .name or [")
    if not is_rooted and body.startswith("."):
        raise ValueError(f"{path!r} is no path of a field: it begins with a dot")
    parts: list[_Part] = []
    at = 0
    while at < len(body):
        match = _PART.match(body, at)
        is_glued = match is not None and bool(parts) and body[at] not in ".["
        if match is None or is_glued:
            raise ValueError(
                f"{path!r} is no path of a field, from {body[at:]!r} on: write user.name,"
                ' items[].token, user.* or user["a b"]'
            )
        parts.append(_part(match))
        at = match.end()
    if not parts:
        raise ValueError("the path of a field must not be empty")
    anywhere = not is_rooted and len(parts) == 1 and isinstance(parts[0], str)
    return FieldPath(tuple(parts), anywhere)


def _part(match: re.Match[str]) -> _Part:
    if match["any"]:
        return _MEMBER
    if match["items"]:
        return _ITEM
    if match["index"]:
        return int(match["index"])
    if match["quoted"] is not None:
        escaped = match["quoted"].replace('\\"', '"').encode("latin-1", "backslashreplace")
        return escaped.decode("unicode_escape")
    return match["name"]


class Fields:
    """Finds the parts of values that paths name; each path has a mark, the strongest wins."""

    def __init__(self, marks: Mapping[FieldPath, int]) -> None:
        self._names = {path.parts[0]: mark for path, mark in marks.items() if path.anywhere}
        self._paths = [(path.parts, mark) for path, mark in marks.items() if not path.anywhere]
        self._words = [
            tuple(part.encode() for part in path.parts if isinstance(part, str)) for path in marks
        ]

    def __bool__(self) -> bool:
        return bool(self._names or self._paths)

    def find(self, value: Value, packed: bytes) -> dict[Steps, int]:
        """Return the marks of the parts there are; null is nothing to protect."""
        if not any(all(word in packed for word in words) for words in self._words):
            return {}
        found: dict[Steps, int] = {}
        for steps, mark in self._found(value):
            found[steps] = max(mark, found.get(steps, mark))
        return found

    def _found(self, value: Value) -> Iterator[tuple[Steps, int]]:
        if self._names:
            yield from _by_name(value, self._names)
        for parts, mark in self._paths:
            for steps, member in _matching(value, parts, ()):
                if member is not None:
                    yield steps, mark


def _by_name(value: Value, names: Mapping[Any, int]) -> Iterator[tuple[Steps, int]]:
    waiting: list[tuple[Steps, Any]] = [((), value)]
    while waiting:
        steps, container = waiting.pop()
        if type(container) is dict:
            for name, member in container.items():
                if name in names and member is not None:
                    yield (*steps, name), names[name]
                if type(member) is dict or type(member) is list:
                    waiting.append(((*steps, name), member))
        elif type(container) is list:
            for index, member in enumerate(container):
                if type(member) is dict or type(member) is list:
                    waiting.append(((*steps, index), member))


def _matching(
    value: Value, parts: tuple[_Part, ...], steps: Steps
) -> Iterator[tuple[Steps, Value]]:
    if not parts:
        yield steps, value
        return
    for step, member in _members(value, parts[0]):
        yield from _matching(member, parts[1:], (*steps, step))


def _members(value: Value, part: _Part) -> Iterator[tuple[str | int, Value]]:
    kind = type(value)
    if isinstance(part, _Any):
        if kind is part.of:
            yield from value.items() if kind is dict else enumerate(value)
    elif kind is (dict if isinstance(part, str) else list):
        if isinstance(part, str):
            if part in value:
                yield part, value[part]
        elif part < len(value):
            yield part, value[part]
