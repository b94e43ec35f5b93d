"""What can be said of a migration step before any data is seen.

The transforms are followed over what the schemas say of values: a part that is certain to be
missing when it is needed is an error, one that may be missing for some entries a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from llmspell.migration.fitting import misfits
from llmspell.migration.paths import Path, Wildcard
from llmspell.migration.shape import Found, Part, Presence, shape_of

if TYPE_CHECKING:
    from llmspell.migration.step import MigrationStep
    from llmspell.migration.transforms import Copy, Custom, Default, Move, Remove, Validation
    from llmspell.schema.models import StateSchema

__all__ = ["Checked", "check_step"]


class Checked(NamedTuple):
    """What is wrong with a step: ``errors`` make it unsafe, ``warnings`` may concern entries."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check_step(
    step: MigrationStep,
    *,
    old: StateSchema | None = None,
    new: StateSchema | None = None,
    shape: Callable[[StateSchema], Part] = shape_of,
) -> Checked:
    """Return what is wrong with a step from the schema ``old`` to ``new``, as far as it shows.

    Without a schema nothing is known of the values on that side. ``shape`` tells what is known
    with one; what it returns is not changed.
    """
    root = Part() if old is None else shape(old).copied()
    following = _Following(step, root, None if new is None else shape(new))
    following.follow()
    return Checked(tuple(following.errors), tuple(following.warnings))


class _Following:
    """The transforms of a step, followed one by one over the shape of its values."""

    def __init__(self, step: MigrationStep, root: Part, goal: Part | None) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._step = step
        self._place = f"step '{step.name}' ({step.from_version} -> {step.to_version})"
        self._old = f"version {step.from_version}"
        self._root = root
        self._goal = goal

    def follow(self) -> None:
        for condition in self._step.pre_conditions:
            self._assume(condition.type, Path.parse(condition.field), condition.words)
        for transform in self._step.transformations:
            _FOLLOWED[transform.type](self, transform)
        for condition in self._step.post_conditions:
            self._expect(condition.type, Path.parse(condition.field), condition.words)
        if self._goal is None:
            return
        for misfit in misfits(self._root, self._goal, version=self._step.to_version):
            self._note(misfit.text, is_error=misfit.is_error)

    def _note(self, text: str, *, is_error: bool, of: str = "") -> None:
        said = f"{self._place}, {of}: {text}" if of else f"{self._place}: {text}"
        (self.errors if is_error else self.warnings).append(said)

    def _assume(self, kind: str, path: Path, words: str) -> None:
        """Take what a pre-condition says for true; it is checked before anything is changed."""
        found = self._root.find(path)
        if kind == "field_absent":
            if found.presence is Presence.CERTAIN and not path.wildcards:
                text = f"every value of {self._old} has {path}, so this never holds; take it out"
                self._note(text, is_error=True, of=f"pre-condition {words}")
            elif path.steps:
                self._root.drop(path, by=f"pre-condition {words}")
        elif found.presence is Presence.ABSENT:
            if not path.wildcards:
                text = f"{self._absent(found, path)}, so this never holds; correct the field"
                self._note(text, is_error=True, of=f"pre-condition {words}")
        elif path.steps:
            self._root.put(path, _certain(found.part))

    def _expect(self, kind: str, path: Path, words: str) -> None:
        found = self._root.find(path)
        if path.wildcards:
            return
        if kind == "field_absent" and found.presence is Presence.CERTAIN:
            text = f"{path} is always there afterwards; remove it, or take this out"
            self._note(text, is_error=True, of=f"post-condition {words}")
        elif kind != "field_absent" and found.presence is Presence.ABSENT:
            text = f"{self._absent(found, path)} afterwards; make it, or take this out"
            self._note(text, is_error=True, of=f"post-condition {words}")

    def _needed(self, text: str, words: str, *, if_missing: str) -> Found:
        """Return what is at a path that a transform uses, after noting what is wrong with it."""
        path = Path.parse(text)
        found = self._root.find(path)
        fails = if_missing == "fail"
        if found.presence is Presence.ABSENT:
            mended = "correct the path or the order of the transforms"
            text = f"{self._absent(found, path)}{self._meant(found)}; {mended}"
            self._note(text, is_error=fails, of=words)
        elif (
            found.presence is Presence.UNKNOWN
            and found.within.is_described
            and (meant := self._meant(found))
        ):
            text = f"{path} is no declared field of {self._old}{meant}"
            self._note(text, is_error=False, of=words)
        elif found.presence is Presence.POSSIBLE and fails:
            mended = 'set if_missing = "skip", or set a default before'
            text = f"not every value has {path}, and those without it will fail; {mended}"
            self._note(text, is_error=False, of=words)
        return found

    def _absent(self, found: Found, path: Path) -> str:
        if found.part.by is not None:
            return f"{found.path} is no longer there after '{found.part.by}'"
        if found.within.type is not None and not found.within.members:
            inside = Path(*found.path.steps[:-1])
            if found.within.type != "object":
                return f"{inside} is of type {found.within.type} and has no part {found.path}"
        return f"{self._old} has no field {found.path}"

    def _meant(self, found: Found) -> str:
        last = found.path.steps[-1] if found.path.steps else None
        there = [
            name for name, part in found.within.members.items() if part.presence > Presence.UNKNOWN
        ]
        guess = get_close_matches(last, there, n=1) if isinstance(last, str) else []
        return f" (did you mean {Path(*found.path.steps[:-1], guess[0])}?)" if guess else ""

    def _made(self, text: str, part: Part, words: str, *, overwrite: bool = True) -> None:
        """Put a part at a path that a transform writes to."""
        path = Path.parse(text)
        part.by = words
        if not path.steps:
            self._root = part
            return
        for length in range(1, len(path.steps)):
            around = self._root.find(Path(*path.steps[:length]))
            holds = "array" if isinstance(path.steps[length], int | Wildcard) else "object"
            if around.presence is Presence.CERTAIN and around.part.type not in (None, holds):
                if path.steps[length] is Wildcard.MEMBERS and around.part.type == "object":
                    continue
                text = f"{around.path} is of type {around.part.type} and can have no part {path}"
                self._note(f"{text}; correct the path", is_error=True, of=words)
                return
        before = self._root.find(path)
        if not overwrite and before.presence > Presence.UNKNOWN:
            text = f"{path} is there already" + (
                "" if before.presence is Presence.CERTAIN else " in some values"
            )
            text += "; remove it before, or set overwrite = true"
            self._note(text, is_error=before.presence is Presence.CERTAIN, of=words)
        part.presence = max(part.presence, before.presence)
        self._root.put(path, part)

    def _copy(self, transform: Copy | Move) -> None:
        words = transform.words
        found = self._needed(transform.from_field, words, if_missing=transform.if_missing)
        part = found.part.copied()
        is_there = transform.if_missing == "fail" or found.presence is Presence.CERTAIN
        part.presence = Presence.CERTAIN if is_there else Presence.POSSIBLE
        if transform.type == "move":
            self._dropped(transform.from_field, words)
        if found.presence is not Presence.ABSENT or is_there:
            self._made(transform.to_field, part, words, overwrite=transform.overwrite)

    def _dropped(self, text: str, words: str) -> None:
        path = Path.parse(text)
        if not path.steps:
            self._root = Part(type="object", is_open=False)
        elif not isinstance(path.steps[-1], int):
            self._root.drop(path, by=words)

    def _remove(self, transform: Remove) -> None:
        self._needed(transform.field, transform.words, if_missing=transform.if_missing)
        path = Path.parse(transform.field)
        self._dropped(transform.field, transform.words)
        while transform.drop_empty and len(path.steps) > 1:
            path = Path(*path.steps[:-1])
            part = self._root.find(path).part
            if any(member.presence is Presence.CERTAIN for member in part.members.values()):
                return
            part.presence = min(part.presence, Presence.POSSIBLE)

    def _default(self, transform: Default) -> None:
        found = self._root.find(Path.parse(transform.field))
        if found.presence is Presence.CERTAIN and not transform.when_null:
            text = f"{transform.field} is always there, so this never does anything; take it out"
            self._note(text, is_error=False, of=transform.words)
            return
        part = found.part
        if found.presence <= Presence.UNKNOWN:
            kind = _type_of(transform.value) if found.presence is Presence.ABSENT else None
            part = Part(type=kind, is_open=kind is None or isinstance(transform.value, dict))
        if not isinstance(transform.value, dict | list):  # what is in these may be made later
            part.constant = (transform.value, transform.words)
        self._made(transform.field, _certain(part), transform.words)

    def _custom(self, transform: Custom) -> None:
        words = transform.words
        sources = [
            self._needed(text, words, if_missing=transform.if_missing)
            for text in transform.from_fields
        ]
        is_sure = transform.if_missing != "skip" or all(
            found.presence is Presence.CERTAIN for found in sources
        )
        for text in transform.from_fields:
            if transform.remove_from and text not in transform.to_fields:
                self._dropped(text, words)
        for text in transform.to_fields:
            self._made(text, Part(Presence.CERTAIN if is_sure else Presence.POSSIBLE), words)

    def _validation(self, transform: Validation) -> None:
        found = self._needed(transform.field, transform.words, if_missing=transform.if_missing)
        if found.presence is Presence.CERTAIN and transform.error_action == "remove":
            found.part.presence = Presence.POSSIBLE


_FOLLOWED: Final[Mapping[str, Callable[[_Following, Any], None]]] = {
    "copy": _Following._copy,
    "move": _Following._copy,
    "remove": _Following._remove,
    "default": _Following._default,
    "custom": _Following._custom,
    "validation": _Following._validation,
}

_TYPES: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    list: "array",
    dict: "object",
}


def _type_of(value: Any) -> str | None:
    return _TYPES.get(type(value))


def _certain(part: Part) -> Part:
    part.presence = Presence.CERTAIN
    return part
