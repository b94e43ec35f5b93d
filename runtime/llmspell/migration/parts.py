"""Reaching the parts of a value: every path, at any depth, with its failures in words.

A value is handed around in a *box*, a list of one element, so that the whole value is a part
like any other. What is fast and common is in ``shortcuts``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from llmspell.migration.paths import PathStep, Wildcard
from llmspell.migration.refusal import Place, Refused, kind_of

__all__ = ["MISSING", "Box", "copied", "delete", "drop_empty", "find", "matches", "missing", "put"]

Box: TypeAlias = list[Any]

MISSING: Final = object()
_CONTAINERS: Final = {Wildcard.ELEMENTS: (list, "a list"), Wildcard.MEMBERS: (dict, "a map")}


def copied(value: Any) -> Any:
    """Return a copy of a canonical value that shares nothing that can change."""
    kind = type(value)
    if kind is dict:
        return {name: copied(member) for name, member in value.items()}
    return [copied(element) for element in value] if kind is list else value


def find(box: Box, place: Sequence[str | int]) -> Any:
    """Return the part at a place, or ``MISSING``."""
    at: Any = box
    for step in place:
        if type(at) is dict:
            at = at.get(step, MISSING)
        elif type(at) is list and isinstance(step, int) and step < len(at):
            at = at[step]
        else:
            return MISSING
    return at


def missing(box: Box, place: Place) -> Refused:
    """Return the refusal of a part that is not there, saying what is in its stead."""
    for end in range(len(place) - 1, 0, -1):
        above = find(box, place[:end])
        if above is not MISSING:
            wanted = dict if isinstance(place[end], str) else list
            if type(above) is not wanted:
                needed = "a map" if wanted is dict else "a list"
                return Refused(f"is {kind_of(above)}, not {needed}", place[:end])
            break
    return Refused("is missing", place)


def matches(
    box: Box, steps: Sequence[PathStep], on_missing: Callable[[Refused], None]
) -> list[Place]:
    """Return the places that steps with wildcards stand for, in their order.

    ``on_missing`` is told of each place where there is no such part, and may raise.
    """
    found: list[Place] = [(0,)]
    for step in steps:
        below: list[Place] = []
        for place in found:
            at = find(box, place)
            if isinstance(step, Wildcard):
                kind, named = _CONTAINERS[step]
                if type(at) is kind:
                    below.extend((*place, key) for key in (at if kind is dict else range(len(at))))
                else:
                    on_missing(Refused(f"is {kind_of(at)}, not {named}", place))
            elif find([at], (0, step)) is not MISSING:
                below.append((*place, step))
            else:
                on_missing(missing(box, (*place, step)))
        found = below
    return found


def put(box: Box, place: Place, value: Any, *, overwrite: bool) -> None:
    """Set the part at a place and make the maps on the way there.

    Just behind the last element of a list is a place as well. Raises ``Refused`` for a part that
    is there already, unless ``overwrite``, and for a way through what is no map.
    """
    at: Any = box
    for depth, step in enumerate(place[:-1]):
        inner = find([at], (0, step))
        if inner is MISSING:
            _check_room(at, place, depth)
            if isinstance(place[depth + 1], int):
                raise Refused("is missing, and only maps are made", place[: depth + 1])
            inner = {}
            _set(at, step, inner)
        at = inner
    last = place[-1]
    _check_room(at, place, len(place) - 1)
    there = find([at], (0, last))
    # A whole value from which the last field was moved away holds nothing that could be lost.
    if there is not MISSING and not overwrite and not (len(place) == 1 and there == {}):
        raise Refused("is there already", place, hint="overwrite = true replaces what is there")
    _set(at, last, value)


def _check_room(at: Any, place: Place, depth: int) -> None:
    """Raise ``Refused`` unless the step at ``depth`` of a place can be set in ``at``."""
    step = place[depth]
    if isinstance(step, str):
        if type(at) is not dict:
            raise Refused(f"is {kind_of(at)}, not a map", place[:depth])
    elif type(at) is not list:
        raise Refused(f"is {kind_of(at)}, not a list", place[:depth])
    elif step > len(at):
        raise Refused("lies beyond the end of the list", place[: depth + 1])


def _set(at: Any, step: str | int, value: Any) -> None:
    if isinstance(step, int) and step == len(at):
        at.append(value)
    else:
        at[step] = value


def delete(box: Box, place: Place) -> None:
    """Remove the part at a place, where there is one."""
    del find(box, place[:-1])[place[-1]]


def drop_empty(box: Box, place: Place, floor: int) -> None:
    """Remove the maps above a place that are empty, as long as they are deeper than ``floor``."""
    for end in range(len(place) - 1, floor, -1):
        if find(box, place[:end]) != {} or not isinstance(place[end - 1], str):
            return
        delete(box, place[:end])
