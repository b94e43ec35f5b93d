"""The quick ways of transforms between members of maps, by the depth of their paths.

Each does the usual case of a value that is a map and hands everything else, failures above all,
to the complete operation: so that there is one place that knows what has to happen then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from llmspell.migration.calling import Check, Convert
from llmspell.migration.operations import Operation, Warn
from llmspell.migration.parts import copied
from llmspell.migration.paths import Path
from llmspell.migration.refusal import Place, Refused

__all__ = [
    "Blame",
    "Shortcut",
    "converter",
    "defaulter",
    "mover",
    "presence",
    "remover",
    "validator",
]

Shortcut: TypeAlias = Callable[[dict[str, Any], "Warn | None"], None]
"""Changes a map in place; the complete operation behind it may raise ``MigrationFailed``."""

Blame: TypeAlias = Callable[[Refused], Exception]
"""Returns the error that names step and transform."""

_Enter: TypeAlias = Callable[[dict[str, Any]], "dict[str, Any] | None"]
_IMMUTABLE = frozenset({str, int, float, bool, bytes, type(None)})


def _entering(names: tuple[str, ...]) -> _Enter:
    """Return what finds the map that the names above a field lead to, or ``None``."""
    if len(names) == 1:
        (only,) = names

        def one(value: dict[str, Any]) -> dict[str, Any] | None:
            inner = value.get(only)
            return inner if type(inner) is dict else None

        return one

    def many(value: dict[str, Any]) -> dict[str, Any] | None:
        for name in names:
            inner = value.get(name)
            if type(inner) is not dict:
                return None
            value = inner
        return value

    return many if names else lambda value: value


def _making(names: tuple[str, ...]) -> _Enter:
    """Return what finds that map and makes what is missing of it; ``None`` where one is no map."""

    def make(value: dict[str, Any]) -> dict[str, Any] | None:
        for name in names:
            inner = value.get(name)
            if type(inner) is not dict:
                if name in value:
                    return None
                inner = value[name] = {}
            value = inner
        return value

    return make if names else lambda value: value


def mover(source: Path, target: Path, slow: Operation) -> Shortcut:
    """Return the move of one member to another; neither lies within the other."""
    *from_above, from_name = source.names
    *to_above, to_name = target.names
    if not from_above and len(to_above) == 1:
        return _move_down(from_name, to_above[0], to_name, slow)
    enter, make = _entering(tuple(from_above)), _making(tuple(to_above))

    def run(value: dict[str, Any], warn: Warn | None) -> None:
        there = enter(value)
        if there is not None and from_name in there:
            here = make(value)
            if here is not None and to_name not in here:
                here[to_name] = there.pop(from_name)
                return
        slow([value], warn)

    return run


def _move_down(source: str, above: str, name: str, slow: Operation) -> Shortcut:
    """Return the commonest move of all: a field of the value into a map of the value."""

    def run(value: dict[str, Any], warn: Warn | None) -> None:
        if source in value:
            if above not in value:
                value[above] = {name: value.pop(source)}
                return
            inner = value[above]
            if type(inner) is dict and name not in inner:
                inner[name] = value.pop(source)
                return
        slow([value], warn)

    return run


def remover(path: Path, slow: Operation, *, may_be_missing: bool) -> Shortcut:
    """Return the removal of a member."""
    *above, name = path.names
    enter = _entering(tuple(above))

    def top(value: dict[str, Any], warn: Warn | None) -> None:
        if name in value:
            del value[name]
        elif not may_be_missing:
            slow([value], warn)

    def run(value: dict[str, Any], warn: Warn | None) -> None:
        inner = enter(value)
        if inner is not None and name in inner:
            del inner[name]
        elif not may_be_missing:
            slow([value], warn)

    return run if above else top


def defaulter(path: Path, default: Any, slow: Operation, *, when_null: bool) -> Shortcut:
    """Return what sets a member that is missing."""
    *above, name = path.names
    make = _making(tuple(above))
    is_plain = type(default) in _IMMUTABLE
    outer = above[0] if len(above) == 1 else None

    def second(value: dict[str, Any], warn: Warn | None) -> None:
        inner = value.get(outer)  # type: ignore[arg-type]  # used only when there is one
        if type(inner) is dict and name not in inner:
            inner[name] = default if is_plain else copied(default)
        else:
            run(value, warn)

    def run(value: dict[str, Any], warn: Warn | None) -> None:
        inner = make(value)
        if inner is None:
            slow([value], warn)
        elif name not in inner or (when_null and inner[name] is None):
            inner[name] = default if is_plain else copied(default)

    return run if outer is None else second


def converter(
    source: Path, target: Path, convert: Convert, slow: Operation, blame: Blame, *, remove: bool
) -> Shortcut:
    """Return what makes one member of another; it calls the transformer once, come what may."""
    *from_above, from_name = source.names
    *to_above, to_name = target.names
    enter, make = _entering(tuple(from_above)), _making(tuple(to_above))
    place: Place = (0, *source.names)
    is_top = not from_above and not to_above

    def top(value: dict[str, Any], warn: Warn | None) -> None:
        if from_name not in value:
            slow([value], warn)
            return
        try:
            value[to_name] = convert(value[from_name])
        except Refused as refused:
            raise blame(Refused(refused.why, place, hint=refused.hint)) from None
        if remove:
            del value[from_name]

    def run(value: dict[str, Any], warn: Warn | None) -> None:
        there = enter(value)
        here = make(value) if there is not None and from_name in there else None
        if there is None or here is None:
            slow([value], warn)
            return
        try:
            here[to_name] = convert(there[from_name])
        except Refused as refused:
            raise blame(Refused(refused.why, place, hint=refused.hint)) from None
        if remove:
            del there[from_name]

    return top if is_top else run


def validator(path: Path, check: Check, slow: Operation, *, may_be_missing: bool) -> Shortcut:
    """Return what checks a member; what is refused is asked about again by the operation."""
    *above, name = path.names
    enter = _entering(tuple(above))

    def run(value: dict[str, Any], warn: Warn | None) -> None:
        inner = enter(value)
        if inner is not None and name in inner:
            try:
                if check(inner[name]) is None:
                    return
            except Refused:
                pass
        elif may_be_missing:
            return
        slow([value], warn)

    return run


def presence(path: Path, slow: Operation) -> Shortcut:
    """Return what asks whether a member is there."""
    *above, name = path.names
    enter = _entering(tuple(above))

    def top(value: dict[str, Any], warn: Warn | None) -> None:
        if name not in value:
            slow([value], warn)

    def run(value: dict[str, Any], warn: Warn | None) -> None:
        inner = enter(value)
        if inner is None or name not in inner:
            slow([value], warn)

    return run if above else top
