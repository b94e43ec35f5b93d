"""Whether what a step makes fits the schema it leads to, as far as that can be known."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final, NamedTuple

from llmspell.migration.paths import Path, PathStep, Wildcard
from llmspell.migration.shape import Part, Presence
from llmspell.schema.field import fits_alone

__all__ = ["TRANSFORMERS", "Misfit", "may_be", "misfits"]

#: Types one value may be of: text in an enum may be a UUID, a float may be whole.
_ALIKE: Final = (
    frozenset({"string", "enum", "uuid", "timestamp"}),
    frozenset({"integer", "float", "enum"}),
    frozenset({"boolean", "enum"}),
)
#: The built-in transformer that makes a value of a type.
TRANSFORMERS: Final = {
    "string": "to_text",
    "integer": "to_integer",
    "float": "to_float",
    "boolean": "to_boolean",
    "timestamp": "parse_timestamp",
}


class Misfit(NamedTuple):
    """What does not fit: for certain, or in some values only."""

    text: str
    is_error: bool


def misfits(
    part: Part, goal: Part, *, version: int, path: tuple[PathStep, ...] = (), is_sure: bool = True
) -> Iterator[Misfit]:
    """Yield what of ``part`` does not fit ``goal``, which is the shape of a schema's values.

    ``is_sure``: every value has the part, and so has to have what is required in it.
    """
    if not may_be(part.type, goal.type):
        yield Misfit(_wrong_type(part, goal, version, path), is_error=True)
        return
    if part.constant is not None and goal.spec is not None:
        value, words = part.constant
        if not fits_alone(goal.spec, value):
            text = f"the value that '{words}' sets does not fit {Path(*path)} of version {version}"
            yield Misfit(f"{text}; change it, or what the schema allows", is_error=True)
    for name, wanted in goal.members.items():
        found = part.child(name)
        if found.presence > Presence.UNKNOWN and not _is_same_leaf(found, wanted):
            is_inside_sure = is_sure and found.presence is Presence.CERTAIN
            inside = (*path, name)
            yield from misfits(found, wanted, version=version, path=inside, is_sure=is_inside_sure)
        if wanted.presence is Presence.CERTAIN and found.presence is not Presence.CERTAIN:
            yield from _missing(part, found, version, Path(*path, name), is_sure)
    if not goal.is_open and goal.type == "object":
        for name, member in part.members.items():
            if name not in goal.members and member.presence > Presence.UNKNOWN:
                yield Misfit(_too_much(member, goal, version, (*path, name)), is_error=True)
    if part.each is not None and goal.each is not None:
        inside = (*path, Wildcard.ELEMENTS)
        yield from misfits(part.each, goal.each, version=version, path=inside, is_sure=is_sure)


def _is_same_leaf(found: Part, wanted: Part) -> bool:
    """Tell at once of what most parts are: of the type that is wanted, with nothing in it."""
    has_parts = found.members or wanted.members or found.each or wanted.each
    return found.type == wanted.type and not has_parts and found.constant is None


def _missing(part: Part, found: Part, version: int, where: Path, is_sure: bool) -> Iterator[Misfit]:
    wants = f"version {version} requires {where}"
    mended = f"add a transform of type default for {where}"
    if found.presence is Presence.POSSIBLE:
        yield Misfit(f"{wants}, which not every value has; {mended}", is_error=False)
    elif found.by is not None:
        yield Misfit(f"{wants}, and '{found.by}' takes it away; {mended}", is_error=is_sure)
    elif found.presence is Presence.ABSENT or part.is_described:
        text = f"{wants}, and nothing makes it; {mended}, or a move or custom that makes it"
        yield Misfit(text, is_error=is_sure)


def may_be(kind: str | None, wanted: str | None) -> bool:
    """Tell whether a value of one type may be of another, too; ``None`` stands for any type."""
    if kind is None or wanted is None or kind == wanted:
        return True
    return any(kind in alike and wanted in alike for alike in _ALIKE)


def _wrong_type(part: Part, goal: Part, version: int, path: tuple[PathStep, ...]) -> str:
    transformer = TRANSFORMERS.get(goal.type or "")
    mended = (
        f"convert it with a custom transform (transformer {transformer})"
        if transformer
        else "convert it with a custom transform"
    )
    made = f" by '{part.by}'" if part.by else ""
    where = Path(*path)
    return f"{where} is of type {part.type}{made}, version {version} wants {goal.type}; {mended}"


def _too_much(member: Part, goal: Part, version: int, path: tuple[PathStep, ...]) -> str:
    where, name = Path(*path), str(path[-1])
    if member.by is None:
        return (
            f"{where} is left, and version {version} has no such field; "
            "add a transform of type remove for it, or move it"
        )
    guess = get_close_matches(name, goal.members, n=1)
    meant = f" (did you mean {Path(*path[:-1], guess[0])}?)" if guess else ""
    return (
        f"'{member.by}' makes {where}, and version {version} has no such field{meant}; "
        "correct the path, or declare the field in the schema"
    )
