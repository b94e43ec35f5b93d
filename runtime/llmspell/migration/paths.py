"""Paths: how a migration names a part of a value, such as ``items[].price``."""

from __future__ import annotations

import enum
import json
import re
from functools import cached_property, lru_cache
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator

from llmspell.errors import SchemaError
from llmspell_bridges.values import MAX_DEPTH, is_unicode

__all__ = ["FieldPath", "Path", "PathStep", "Wildcard"]

_MAX_CHARACTERS: Final = 1024
_EXAMPLES: Final = 'paths look like email, contact_info.email, items[].price, users.*.name, ["a.b"]'
# No spaces: a plain name with one at its end would look like one without.
_PLAIN: Final = re.compile(r"""[^\s.\[\]"'*$\\\x00-\x1f\x7f]+""")
_BRACKETS: Final = re.compile(
    r"""
    \[ (?: (?P<each>\*?) | (?P<index>\d{1,9}) |
        (?P<json>"(?:[^"\\]|\\.)*") | '(?P<raw>[^']*)' ) \]
    """,
    re.VERBOSE,
)


class Wildcard(enum.Enum):
    """A step that stands for every part: the elements of a list or the members of a map."""

    ELEMENTS = "[]"
    MEMBERS = "*"


PathStep: TypeAlias = str | int | Wildcard
"""One step down: a member's name, an element's index from 0, or all of them."""


class Path:
    """The way from a whole value to a part, or to several with ``[]`` and ``*``.

    ``a.b`` is a member of a member, ``items[2]`` an element counted from 0, ``items[]`` each
    element, ``users.*`` each member of a map, ``["a.b"]`` a member whose name is no plain word,
    ``$`` the whole value. ``str()`` gives the canonical text. ``names`` are the members' names
    on the way, ``wildcards`` the positions in ``steps`` that stand for many.
    """

    __slots__ = ("__dict__", "steps")

    def __init__(self, *steps: PathStep) -> None:
        self.steps = steps

    @classmethod
    def parse(cls, text: str) -> Path:
        """Read a path. Raises ``SchemaError`` that says what is wrong with it and where."""
        if not isinstance(text, str):
            raise SchemaError(f"a path is text, not {type(text).__name__}", hint=_EXAMPLES)
        return _parsed(text)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(step for step in self.steps if isinstance(step, str))

    @cached_property
    def wildcards(self) -> tuple[int, ...]:
        return tuple(at for at, step in enumerate(self.steps) if isinstance(step, Wildcard))

    @cached_property
    def split(self) -> tuple[tuple[PathStep, ...], tuple[str | int, ...]]:
        """What comes up to the last wildcard and with it, and the steps behind."""
        cut = self.wildcards[-1] + 1 if self.wildcards else 0
        behind = tuple(step for step in self.steps[cut:] if not isinstance(step, Wildcard))
        return self.steps[:cut], behind

    @property
    def is_plain(self) -> bool:
        """Whether it has at least one step, and all are names of members."""
        return bool(self.steps) and len(self.names) == len(self.steps)

    def leads_into(self, other: Path) -> bool:
        """Return whether ``other`` is this part or lies within it."""
        return other.steps[: len(self.steps)] == self.steps

    def __str__(self) -> str:
        text = ""
        for step in self.steps:
            if isinstance(step, int) or step is Wildcard.ELEMENTS:
                text += f"[{step}]" if isinstance(step, int) else "[]"
            else:
                word = "*" if isinstance(step, Wildcard) else step
                if word is step and not _PLAIN.fullmatch(word):
                    text += f"[{json.dumps(word, ensure_ascii=not word.isprintable())}]"
                else:
                    text += f".{word}" if text else word
        return text or "$"

    def __repr__(self) -> str:
        return f"Path.parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.steps == other.steps

    def __hash__(self) -> int:
        return hash(self.steps)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Path:
    shown = text if len(text) <= 60 else text[:59] + "…"
    if len(text) > _MAX_CHARACTERS:
        raise _no_path(shown, f"it is longer than {_MAX_CHARACTERS} characters")
    if not text:
        raise _no_path(shown, "it is empty; the whole value is $")
    if not is_unicode(text):
        raise _no_path(ascii(shown), "it is not valid Unicode text")
    steps: list[PathStep] = []
    at = 1 if text == "$" or text.startswith(("$.", "$[")) else 0
    while at < len(text):
        step, at = _step(text, at, shown)
        steps.append(step)
    if len(steps) > MAX_DEPTH:
        raise _no_path(shown, f"it is more than {MAX_DEPTH} levels deep")
    return Path(*steps)


def _step(text: str, at: int, shown: str) -> tuple[PathStep, int]:
    """Read the step that begins at a position; return it and the position behind it."""
    if text[at] == "[":
        return _in_brackets(text, at, shown)
    if text[at] == ".":
        if at == 0:
            raise _no_path(shown, "it begins with a dot")
        at += 1
    elif at > 0:
        raise _no_path(shown, f"a dot or [ is missing at character {at + 1}")
    if text[at : at + 1] == "*" and text[at + 1 : at + 2] in ("", ".", "["):
        return Wildcard.MEMBERS, at + 1
    plain = _PLAIN.match(text, at)
    if plain is None:
        raise _no_path(shown, f"a name is missing at character {at + 1}")
    end = plain.end()
    if end < len(text) and text[end] not in ".[":
        raise _no_path(
            shown, f"character {end + 1} cannot stand in a plain name", f"quote it: {_QUOTED}"
        )
    return plain[0], end


_QUOTED: Final = 'contact["e mail"].work'


def _in_brackets(text: str, at: int, shown: str) -> tuple[PathStep, int]:
    found = _BRACKETS.match(text, at)
    if found is None:
        raise _no_path(
            shown, f'what is in brackets at character {at + 1} is no [], [0] or ["name"]'
        )
    if found["each"] is not None:
        return Wildcard.ELEMENTS, found.end()
    if found["index"] is not None:
        return int(found["index"]), found.end()
    if found["raw"] is not None:
        return found["raw"], found.end()
    try:
        name = json.loads(found["json"])
    except ValueError:
        raise _no_path(
            shown, f"the name in quotes at character {at + 1} is not as in JSON"
        ) from None
    if not is_unicode(name):
        raise _no_path(shown, f"the name in quotes at character {at + 1} is not valid Unicode")
    return name, found.end()


def _no_path(shown: str, why: str, hint: str = _EXAMPLES) -> SchemaError:
    return SchemaError(f"'{shown}' is no path: {why}", hint=hint, path=shown)


FieldPath = Annotated[str, AfterValidator(lambda text: str(Path.parse(text)))]
"""The text of a path in a model, as ``str(Path.parse(...))`` gives it."""
