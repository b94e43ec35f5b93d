"""What each transform does, for every path. Slow and complete; ``shortcuts`` has the quick ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from llmspell.migration.calling import Check, Convert
from llmspell.migration.parts import (
    MISSING,
    Box,
    copied,
    delete,
    drop_empty,
    find,
    matches,
    missing,
    put,
)
from llmspell.migration.paths import Path
from llmspell.migration.refusal import Place, Refused
from llmspell.migration.transforms import Copy, Custom, Default, Move, Remove, Validation

__all__ = ["Operation", "Warn", "copying", "custom", "default", "moving", "removing", "validating"]

Warn: TypeAlias = Callable[[str], None]

Operation: TypeAlias = Callable[[Box, "Warn | None"], None]
"""Changes the value in a box in place, or raises ``Refused``."""

_SKIP_HINT = 'if_missing = "skip" leaves out what is not there'


def _policy(if_missing: str) -> Callable[[Refused], None]:
    """Return what is done about a part that is not there."""

    def fail(refused: Refused) -> None:
        refused.hint = _SKIP_HINT
        raise refused

    return fail if if_missing == "fail" else lambda refused: None


def copying(copy: Copy) -> Operation:
    """Return what copies a field, within each part or to each of them."""
    source, target = Path.parse(copy.from_field), Path.parse(copy.to_field)
    around, to_rest = target.split
    is_spread = bool(around) and not source.wildcards
    from_rest = source.split[1]
    on_missing = _policy(copy.if_missing)

    def run(box: Box, warn: Warn | None) -> None:
        for part in matches(box, around, on_missing):
            place = (0, *from_rest) if is_spread else (*part, *from_rest)
            value = find(box, place)
            if value is MISSING:
                on_missing(missing(box, place))
            else:
                put(box, (*part, *to_rest), copied(value), overwrite=copy.overwrite)

    return run


def moving(move: Move) -> Operation:
    """Return what moves a field: it is taken out first, so that it may go into its own place."""
    source, target = Path.parse(move.from_field), Path.parse(move.to_field)
    around, to_rest = target.split
    from_rest = source.split[1]
    on_missing = _policy(move.if_missing)

    def run(box: Box, warn: Warn | None) -> None:
        for part in matches(box, around, on_missing):
            value = taken(box, part, from_rest)
            if value is not MISSING:
                put(box, (*part, *to_rest), value, overwrite=move.overwrite)

    def spread(box: Box, warn: Warn | None) -> None:
        nowhere = Refused("has no part to be moved to", (0, *from_rest))
        if not matches(box, around, on_missing):
            on_missing(nowhere)
            return
        value = taken(box, (0,), from_rest)
        if value is not MISSING:
            parts = matches(box, around, on_missing)
            if not parts:  # it was the only part itself
                raise nowhere
            for part in parts:
                put(box, (*part, *to_rest), copied(value), overwrite=move.overwrite)

    def taken(box: Box, part: Place, rest: Place) -> Any:
        place = (*part, *rest)
        value = find(box, place)
        if value is MISSING:
            on_missing(missing(box, place))
        else:
            delete(box, place)
            if move.drop_empty:
                drop_empty(box, place, len(part))
        return value

    return spread if around and not source.wildcards else run


def removing(remove: Remove) -> Operation:
    """Return what removes a field, the last element of a list first."""
    around, rest = Path.parse(remove.field).split
    on_missing = _policy(remove.if_missing)

    def run(box: Box, warn: Warn | None) -> None:
        for part in reversed(matches(box, around, on_missing)):
            place = (*part, *rest)
            if find(box, place) is MISSING:
                on_missing(missing(box, place))
                continue
            delete(box, place)
            if remove.drop_empty:
                drop_empty(box, place, len(part))

    return run


def default(default: Default) -> Operation:
    """Return what sets a field that is not there."""
    around, rest = Path.parse(default.field).split
    on_missing = _policy("skip")

    def run(box: Box, warn: Warn | None) -> None:
        for part in matches(box, around, on_missing):
            place = (*part, *rest)
            there = find(box, place)
            if there is MISSING or (there is None and default.when_null):
                put(box, place, copied(default.value), overwrite=True)

    return run


def custom(custom: Custom, convert: Convert) -> Operation:
    """Return what makes fields of others; the sources go before the results come."""
    sources = {text: Path.parse(text) for text in custom.from_fields}
    targets = [Path.parse(text).split[1] for text in custom.to_fields]
    around = Path.parse(custom.to_fields[0]).split[0]
    gone = set(sources) - set(custom.to_fields) if custom.remove_from else set()
    # What each part was given can go only when all have had it.
    shared = [
        (0, *sources[text].split[1]) for text in gone if around and not sources[text].wildcards
    ]
    own = [text for text in gone if not around or sources[text].wildcards]
    on_missing = _policy(custom.if_missing)

    def run(box: Box, warn: Warn | None) -> None:
        parts = matches(box, around, on_missing)
        for part in parts:
            places = {
                text: (*(part if path.wildcards else (0,)), *path.split[1])
                for text, path in sources.items()
            }
            given = _given(box, places, on_missing, is_skipped=custom.if_missing == "skip")
            if given is None:
                continue
            results = _results(convert, given, places[custom.from_fields[0]], custom.to_fields)
            _delete_all(box, [places[text] for text in own])
            for rest, result in zip(targets, results, strict=True):
                put(box, (*part, *rest), result, overwrite=True)
        if parts:
            _delete_all(box, shared)

    return run


def _given(
    box: Box, places: dict[str, Place], on_missing: Callable[[Refused], None], *, is_skipped: bool
) -> dict[str, Any] | None:
    """Return what a transformer gets, ``None`` where something is missing and nothing is done."""
    given = {text: find(box, place) for text, place in places.items()}
    for text, value in given.items():
        if value is MISSING:
            on_missing(missing(box, places[text]))
            if is_skipped:
                return None
            given[text] = None
    return given


def _delete_all(box: Box, places: list[Place]) -> None:
    """Remove parts, later elements of a list before earlier ones, whose removal moves them."""
    for place in sorted(places, key=lambda place: [(str(type(step)), step) for step in place])[
        ::-1
    ]:
        if find(box, place) is not MISSING:
            delete(box, place)


def _results(
    convert: Convert, given: dict[str, Any], place: Place, to_fields: tuple[str, ...]
) -> list[Any]:
    """Call a transformer with one value or a map of them; return one result for each target."""
    try:
        result = convert(next(iter(given.values())) if len(given) == 1 else given)
    except Refused as refused:
        raise Refused(refused.why, refused.place or place, hint=refused.hint) from None
    if len(to_fields) == 1:
        return [result]
    if type(result) is not dict or result.keys() != set(to_fields):
        wanted = ", ".join(to_fields)
        raise Refused(
            "cannot be converted: for several to_fields a transformer returns a map of exactly "
            f"{wanted}",
            place,
        )
    return [result[text] for text in to_fields]


def validating(validation: Validation, check: Check, label: str) -> Operation:
    """Return what checks a field and does what the transform says about one that is refused.

    ``label`` begins its warnings.
    """
    around, rest = Path.parse(validation.field).split
    on_missing = _policy(validation.if_missing)
    action = validation.error_action

    def run(box: Box, warn: Warn | None) -> None:
        places = [(*part, *rest) for part in matches(box, around, on_missing)]
        for place in reversed(places) if action == "remove" else places:
            value = find(box, place)
            if value is MISSING:
                on_missing(missing(box, place))
                continue
            why = _checked(check, value, place)
            if why is not None:
                refused(box, place, why, warn)

    def refused(box: Box, place: Place, why: str, warn: Warn | None) -> None:
        if action == "fail":
            raise Refused(why, place)
        if action == "remove":
            delete(box, place)
        elif action == "set_default":
            put(box, place, copied(validation.default), overwrite=True)
        if warn is not None:
            warn(f"{label}: {Path(*place[1:])} {why}; {_DONE[action]}")

    return run


_DONE = {
    "remove": "it was removed",
    "set_default": "it was set to its default",
    "skip": "it was left as it is",
}


def _checked(check: Check, value: Any, place: Place) -> str | None:
    try:
        return check(value)
    except Refused as refused:
        raise Refused(refused.why, place, hint=refused.hint) from None
