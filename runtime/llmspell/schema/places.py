"""Where a rule looks: paths such as ``items[].price``, and the parts of a value they lead to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias

from llmspell_bridges.values import is_unicode, member_path

__all__ = ["EACH_ITEM", "EACH_MEMBER", "Step", "found", "joined", "steps_of"]

EACH_ITEM: Final = ("[]",)
EACH_MEMBER: Final = ("*",)

_MAX_CHARACTERS: Final = 1024

Step: TypeAlias = str | int | tuple[Literal["[]"]] | tuple[Literal["*"]]
"""A member's name, an item's index, each item or each member."""

_STEP: Final = re.compile(
    r"""(?P<dot>\.)?(?:
        (?P<each>\[\]) | \[(?P<index>\d{1,9})\] | \[(?P<quoted>"(?:[^"\\]|\\.)*")\]
        | (?P<all>\*) | (?P<name>[^.\[\]"*$\s]+)
    )""",
    re.VERBOSE,
)
_PLAIN: Final = re.compile(r'[^.\[\]"*$\s]+')


def steps_of(text: str) -> tuple[Step, ...]:
    """Return the steps of a path. Raises ``ValueError`` for what is none."""
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"must be a path of at most {_MAX_CHARACTERS} characters")
    rest = text.removeprefix("$")
    is_rooted = rest != text
    steps: list[Step] = []
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        is_bracket = step is not None and step[0].startswith("[")
        needs_dot = bool(steps) or is_rooted
        if step is None or (not is_bracket and needs_dot is not bool(step["dot"])):
            raise ValueError("must be a path such as contact.email, items[].price or users.*.name")
        steps.append(_step(step))
        at = step.end()
    if not steps and not is_rooted:
        raise ValueError("must be a path such as contact.email; $ is the whole value")
    return tuple(steps)


def _step(step: re.Match[str]) -> Step:
    if step["each"]:
        return EACH_ITEM
    if step["all"]:
        return EACH_MEMBER
    if step["index"]:
        return int(step["index"])
    return _unquoted(step["quoted"]) if step["quoted"] else step["name"]


def _unquoted(text: str) -> str:
    try:
        name = str(json.loads(text))
    except ValueError:
        name = "\ud800"
    if not is_unicode(name):
        raise ValueError('must be a path whose names in quotes are as in JSON: ["a.b"]')
    return name


def joined(steps: Sequence[Step]) -> str:
    """Return the text of a path: names with odd characters are quoted, ``$`` is no steps."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step == EACH_ITEM:
            text += "[]"
        elif step == EACH_MEMBER:
            text += ".*" if text else "*"
        elif isinstance(step, str) and _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text or "$"


def found(value: Any, steps: Sequence[Step], path: str = "$") -> Iterator[tuple[str, Any]]:
    """Yield the parts of a value that a path leads to, each with its own path."""
    if not steps:
        yield path, value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(value, list):
        if step == EACH_ITEM:
            for at, item in enumerate(value):
                yield from found(item, rest, f"{path}[{at}]")
        elif isinstance(step, int) and step < len(value):
            yield from found(value[step], rest, f"{path}[{step}]")
    elif isinstance(value, dict):
        if step == EACH_MEMBER:
            for name, member in value.items():
                yield from found(member, rest, member_path(path, name))
        elif isinstance(step, str) and step in value:
            yield from found(value[step], rest, member_path(path, step))
