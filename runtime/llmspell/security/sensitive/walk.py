"""All texts of a value, names of members included, and the way back to where one of them is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from llmspell_bridges.values import Value, member_path

__all__ = ["Place", "Places", "Steps", "Texts", "collect", "path_of"]

Steps = tuple[str | int, ...]
"""The way to a part of a value: names of members and indexes of items."""

#: Smaller integers have too few digits to be a card number.
_LEAST_NUMBER: Final = 10**12


#: A list or map, the number of the one it is in, and how many texts, numbers and bytes before it.
_Met = tuple[Any, int, int, int, int]
_COLUMNS: Final[dict[type, Literal[2, 3, 4]]] = {str: 2, int: 3, bytes: 4}


class Place(NamedTuple):
    """Where a text is. ``is_name``: it is the name of the member, not what the member holds."""

    steps: Steps
    is_name: bool


class Texts(NamedTuple):
    """What can be searched: texts and names, large integers as their digits, bytes."""

    texts: list[str]
    numbers: list[str]
    binaries: list[bytes]
    met: list[_Met]


class Places:
    """Leads from the number of a text back to its place. All of them together take one walk."""

    def __init__(self, met: list[_Met]) -> None:
        self._met = met
        self._before: dict[type, list[int]] = {}
        self._texts_in: dict[tuple[type, int], list[str | int]] = {}
        self._steps_into: dict[int, dict[int, str | int]] = {}
        self._ways: dict[int, Steps] = {}

    def find(self, kind: type, number: int) -> Place:
        """Return where a text (``str``), a number (``int``) or bytes are."""
        before = self._before.get(kind)
        if before is None:
            column = _COLUMNS[kind]
            before = self._before[kind] = [met[column] for met in self._met]
        at = bisect_right(before, number) - 1
        steps = self._texts_in.get((kind, at))
        if steps is None:
            steps = self._texts_in[kind, at] = _texts_in(self._met[at][0], kind)
        number -= before[at]
        is_name = kind is str and type(self._met[at][0]) is dict and number < len(self._met[at][0])
        # The outermost list was put around the value: the way to the value has no steps.
        return Place((*self._way_to(at), steps[number]) if at else (), is_name)

    def _way_to(self, at: int) -> Steps:
        way = self._ways.get(at)
        if way is None:
            inner, parent = self._met[at][:2]
            if parent <= 0:
                way = ()
            else:
                steps = self._steps_into.get(parent)
                if steps is None:
                    outer = self._met[parent][0]
                    # A canonical value has each list and map in one place only.
                    steps = {id(member): step for step, member in _members(outer)}
                    self._steps_into[parent] = steps
                way = (*self._way_to(parent), steps[id(inner)])
            self._ways[at] = way
        return way


def _texts_in(container: Any, kind: type) -> list[str | int]:
    """Return the steps to the texts right in a container, in ``collect``'s order."""
    names = list(container) if kind is str and type(container) is dict else []
    return names + [
        step
        for step, member in _members(container)
        if type(member) is kind and (type(member) is not int or member >= _LEAST_NUMBER)
    ]


def _members(container: Any) -> Any:
    return container.items() if type(container) is dict else enumerate(container)


def collect(value: Value) -> Texts:
    """Return the texts of a canonical value, in an order that ``Places`` knows."""
    texts: list[str] = []
    numbers: list[str] = []
    binaries: list[bytes] = []
    met: list[_Met] = []
    waiting: list[tuple[Any, int]] = [([value], -1)]
    while waiting:
        container, parent = waiting.pop()
        number = len(met)
        met.append((container, parent, len(texts), len(numbers), len(binaries)))
        if type(container) is dict:
            texts += container
            container = container.values()
        for member in container:
            kind = type(member)
            if kind is str:
                texts.append(member)
            elif kind is dict or kind is list:
                waiting.append((member, number))
            elif kind is int:
                if member >= _LEAST_NUMBER:
                    numbers.append(str(member))
            elif kind is bytes:
                binaries.append(member)
    return Texts(texts, numbers, binaries, met)


def path_of(steps: Steps, hidden: Mapping[Steps, str]) -> str:
    """Return steps as a path such as ``$.user.tags[3]``; ``hidden`` names stand for members.

    The name of a member may itself be what must not be shown.
    """
    path = "$"
    for count, step in enumerate(steps, start=1):
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path = member_path(path, hidden.get(steps[:count], step))
    return path
