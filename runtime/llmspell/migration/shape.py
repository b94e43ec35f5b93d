"""What can be known of a value before any is seen: which parts it has, by its schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from llmspell.errors import UnsupportedVersion
from llmspell.migration.paths import Path, PathStep, Wildcard
from llmspell.schema.versions import SchemaId

if TYPE_CHECKING:
    from llmspell.schema.fields import FieldSchema, ObjectField
    from llmspell.schema.models import StateSchema
    from llmspell.schema.registry import SchemaRegistry

__all__ = ["Found", "Part", "Presence", "shape_of"]

_SCALARS: Final = frozenset(
    {"string", "integer", "float", "boolean", "enum", "timestamp", "uuid"},
)
_DEEPEST: Final = 32


class Presence(IntEnum):
    """Whether a part is there: ``UNKNOWN`` where nothing forbids it and nothing speaks of it."""

    ABSENT = 0
    UNKNOWN = 1
    POSSIBLE = 2
    CERTAIN = 3


@dataclass(slots=True)
class Part:
    """A part of a value: whether it is there (in what it is part of), and its own parts.

    ``is_open``: it may have members that are not named. ``is_described``: its schema names some,
    so that no others can be counted on. ``by``: the transform that made it, or took it away.
    ``spec``: what the schema says of it. ``constant``: a value it is given, and by what.
    """

    presence: Presence = Presence.CERTAIN
    type: str | None = None
    members: dict[str, Part] = field(default_factory=dict)
    each: Part | None = None
    is_open: bool = True
    is_described: bool = False
    by: str | None = None
    spec: FieldSchema | None = None
    constant: tuple[str | int | float | bool | None, str] | None = None

    def child(self, step: PathStep) -> Part:
        """Return the part one step down; a new one, which is not kept, where none is known."""
        found = self.members.get(step) if isinstance(step, str) else self.each
        if found is not None:
            return found
        may_be_there = self.is_open if isinstance(step, str) else self.type not in _SCALARS
        return Part(Presence.UNKNOWN if may_be_there else Presence.ABSENT)

    def copied(self) -> Part:
        """Return a part that knows the same and shares nothing."""
        return Part(
            self.presence,
            self.type,
            {name: member.copied() for name, member in self.members.items()}
            if self.members
            else {},
            None if self.each is None else self.each.copied(),
            self.is_open,
            self.is_described,
            self.by,
            self.spec,
            self.constant,
        )

    def find(self, path: Path) -> Found:
        """Return what is known of the part a path leads to."""
        within, at, presence = self, self, Presence.CERTAIN
        for number, step in enumerate(path.steps):
            within, at = at, at.child(step)
            if at.presence is Presence.ABSENT:
                return Found(Presence.ABSENT, at, within, Path(*path.steps[: number + 1]))
            if at.presence < presence:
                presence = at.presence
            if isinstance(step, int) and presence is Presence.CERTAIN:
                # The list may be too short for it.
                presence = Presence.POSSIBLE
        return Found(presence, at, within, path)

    def put(self, path: Path, part: Part) -> None:
        """Put a part where a path leads, making the maps on the way."""
        if _is_one_of_many(path):
            self._blur(path, least=part.presence)
        else:
            self._put(path.steps, part)

    def drop(self, path: Path, *, by: str) -> None:
        """Take away the part a path leads to, if it may be there."""
        if _is_one_of_many(path):
            self._blur(path, least=Presence.POSSIBLE)
        else:
            self._drop(path.steps, by)

    def _put(self, steps: Sequence[PathStep], part: Part) -> None:
        if len(steps) == 1:
            self._keep(steps[0], part)
            return
        for child in self._ensured(steps[0], part):
            child._put(steps[1:], part.copied())

    def _drop(self, steps: Sequence[PathStep], by: str) -> None:
        if len(steps) == 1:
            self._keep(steps[0], Part(Presence.ABSENT, by=by))
            return
        for child in self._children(steps[0]):
            if child.presence is not Presence.ABSENT:
                child._drop(steps[1:], by)

    def _blur(self, path: Path, *, least: Presence) -> None:
        """Forget what is known of a part of all elements, for one of them is changed."""
        steps = [Wildcard.ELEMENTS if isinstance(step, int) else step for step in path.steps]
        before = self.find(Path(*steps)).presence
        if before is not Presence.ABSENT and not isinstance(steps[-1], Wildcard):
            is_certain = before is least is Presence.CERTAIN
            self._put(steps, Part(Presence.CERTAIN if is_certain else Presence.POSSIBLE))

    def _ensured(self, step: PathStep, part: Part) -> list[Part]:
        """Return what is one step down, as maps that are there if ``part`` is."""
        if isinstance(step, str) and self.child(step).presence is Presence.ABSENT:
            self.members[step] = Part(part.presence, "object", is_open=False, by=part.by)
        children = self._children(step)
        if isinstance(step, str):
            for child in children:
                child.presence = max(child.presence, part.presence)
        return children

    def _children(self, step: PathStep) -> list[Part]:
        """Return the parts one step down, of which what is changed is known from now on."""
        found = self.child(step)
        if isinstance(step, str):
            self.members[step] = found
            return [found]
        self.each = found
        return [found, *self.members.values()] if step is Wildcard.MEMBERS else [found]

    def _keep(self, step: PathStep, part: Part) -> None:
        if isinstance(step, str):
            self.members[step] = part
            return
        self.each = part
        if step is Wildcard.MEMBERS:
            self.members = {name: part.copied() for name in self.members}


def _is_one_of_many(path: Path) -> bool:
    return any(isinstance(step, int) for step in path.steps)


class Found(NamedTuple):
    """What a path leads to, what that is part of, and how far the path is known to lead."""

    presence: Presence
    part: Part
    within: Part
    path: Path


def shape_of(schema: StateSchema, registry: SchemaRegistry | None = None) -> Part:
    """Return what values that fit a schema look like; ``registry`` has those it refers to."""
    root = _map_of(schema, registry, _DEEPEST)
    root.type = "object"
    return root


def _map_of(of: StateSchema | ObjectField, registry: SchemaRegistry | None, room: int) -> Part:
    members = {name: _part_of(spec, registry, room - 1) for name, spec in of.fields.items()}
    for name in (*of.required, *of.optional):
        members.setdefault(name, Part())
    for name, part in members.items():
        part.presence = Presence.CERTAIN if name in of.required else Presence.POSSIBLE
    return Part(members=members, is_open=of.additional_fields, is_described=bool(members))


def _part_of(spec: FieldSchema, registry: SchemaRegistry | None, room: int) -> Part:
    kind = spec.type
    if kind in _SCALARS:
        return Part(type=kind, is_open=False, spec=spec)
    if room <= 0 or kind in ("any", "custom"):
        return Part(spec=spec)
    part = Part(is_open=False)
    if spec.type == "object":
        part = _map_of(_referred(spec, registry) or spec, registry, room)
    elif spec.type == "array" and spec.items is not None:
        part.each = _part_of(spec.items, registry, room - 1)
    part.type, part.spec = kind, spec
    return part


def _referred(spec: ObjectField, registry: SchemaRegistry | None) -> StateSchema | None:
    """Return the schema an object field refers to, if it does and that is known."""
    if registry is None or spec.schema_id is None:
        return None
    try:
        return registry.get(*SchemaId.parse(spec.schema_id))
    except UnsupportedVersion:
        return None
