"""Undoing a step: the transforms that lead back, as far as there are such."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, NamedTuple

from llmspell.migration.paths import Path
from llmspell.migration.step import MigrationStep
from llmspell.migration.transformer import Transformer, Undo
from llmspell.migration.transforms import (
    Copy,
    Custom,
    Default,
    Move,
    Remove,
    Transform,
    Validation,
)
from llmspell.schema.functions import Functions

__all__ = ["Inverse", "invert"]


class Inverse(NamedTuple):
    """What undoes a step: its transforms, or ``None`` with the reasons why there are none.

    ``losses`` say what does not come back as it was although the transforms can be done. Where
    a step found something at the place of what it makes, that is not told apart: what undoes it
    takes it for what the step made.
    """

    transforms: tuple[Transform, ...] | None
    reasons: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()


_GONE: Final = "what has been saved there since, or was there before, is gone"


class _Undone(NamedTuple):
    transforms: tuple[Transform, ...] = ()
    reason: str | None = None
    loss: str | None = None


def invert(step: MigrationStep, transformers: Functions) -> Inverse:
    """Derive what undoes a step, the last transform first. Ignores what the step declares.

    Raises ``SchemaError`` for a transformer that does not exist.
    """
    found: list[Transform] = []
    reasons: list[str] = []
    losses: list[str] = []
    for transform in reversed(step.transformations):
        undone = _UNDOING[type(transform)](transform, step, transformers)
        found.extend(undone.transforms)
        if undone.reason:
            reasons.append(f"{transform.words} {undone.reason}")
        if undone.loss:
            losses.append(f"{transform.words}: {undone.loss}")
    return Inverse(None if reasons else tuple(found), tuple(reasons), tuple(losses))


def _copy(copy: Copy, step: MigrationStep, transformers: Functions) -> _Undone:
    if copy.overwrite:
        return _Undone(reason="has no inverse: what it overwrites is gone")
    if not _is_named(Path.parse(copy.to_field)):
        return _Undone(reason="has no inverse: an element of a list cannot be taken out again")
    loss = None
    if copy.if_missing == "skip":
        loss = f"where there was no {copy.from_field}, a {copy.to_field} is removed all the same"
    back = Remove(field=copy.to_field, drop_empty=True)
    return _Undone((back,), loss=loss)


def _move(move: Move, step: MigrationStep, transformers: Functions) -> _Undone:
    source, target = Path.parse(move.from_field), Path.parse(move.to_field)
    if target.wildcards and not source.wildcards:
        return _Undone(reason="has no inverse: of what was given to many, none can be chosen")
    if any(path.steps and isinstance(path.steps[-1], int) for path in (source, target)):
        return _Undone(reason="has no inverse: an element of a list cannot be put back")
    back = Move(
        from_field=move.to_field,
        to_field=move.from_field,
        if_missing=move.if_missing,
        drop_empty=True,
    )
    loss = f"what {move.to_field} held before is gone" if move.overwrite else None
    return _Undone((back,), loss=loss)


def _remove(remove: Remove, step: MigrationStep, transformers: Functions) -> _Undone:
    return _Undone(reason="has no inverse: what it removes is gone")


def _default(default: Default, step: MigrationStep, transformers: Functions) -> _Undone:
    if not _is_named(Path.parse(default.field)):
        return _Undone(reason="has no inverse: it cannot be told which elements it set")
    back = Remove(field=default.field, drop_empty=True)
    return _Undone((back,), loss=_GONE)


def _custom(custom: Custom, step: MigrationStep, transformers: Functions) -> _Undone:
    function = transformers.find(custom.transformer, step.source)
    sources = [Path.parse(text) for text in custom.from_fields]
    targets = [Path.parse(text) for text in custom.to_fields]
    undo = None
    if isinstance(function, Transformer):
        function.check(custom.config)
        undo = function.undo(custom.config)
    if undo is not None and len(sources) == len(targets) == 1:
        return _undone_by(custom, undo, sources[0], targets[0])
    if not custom.remove_from and _are_apart(sources, targets) and all(map(_is_named, targets)):
        back = [Remove(field=text, drop_empty=True) for text in reversed(custom.to_fields)]
        return _Undone(tuple(back), loss=_GONE)
    return _Undone(reason="has no inverse: nothing undoes its transformer exactly")


def _undone_by(custom: Custom, undo: Undo, source: Path, target: Path) -> _Undone:
    """Convert back in place, then move back: a move takes along the maps that were made."""
    if target.wildcards and not source.wildcards:
        return _Undone(reason="has no inverse: of what was given to many, none can be chosen")
    if source != target and not (_is_named(target) and (_is_named(source) or not source.steps)):
        return _Undone(reason="has no inverse: what stood around it cannot be put back")
    if_missing: Literal["fail", "skip"] = "fail" if custom.if_missing == "fail" else "skip"
    back: list[Transform] = [
        Custom(
            from_fields=custom.to_fields,
            to_fields=custom.to_fields,
            transformer=undo.transformer,
            config=undo.config,
            if_missing=if_missing,
        )
    ]
    if source != target:
        returned = Move(
            from_field=str(target),
            to_field=str(source),
            if_missing=if_missing,
            overwrite=not custom.remove_from,
            drop_empty=True,
        )
        back.append(returned)
    if custom.if_missing == "null":
        return _Undone(tuple(back), loss=f"there is a {source} even where there was none")
    return _Undone(tuple(back), loss=undo.loss and f"does not come back as it was: {undo.loss}")


def _is_named(path: Path) -> bool:
    """Return whether a path ends in the name of a member, which can be removed and put back."""
    return bool(path.steps) and isinstance(path.steps[-1], str)


def _are_apart(sources: Iterable[Path], targets: Iterable[Path]) -> bool:
    return not any(
        one.leads_into(other) or other.leads_into(one) for one in sources for other in targets
    )


def _validation(validation: Validation, step: MigrationStep, transformers: Functions) -> _Undone:
    if validation.error_action in ("set_default", "remove"):
        return _Undone(loss=f"where {validation.field} was refused, it does not come back")
    return _Undone()


_UNDOING: Final[dict[type, Callable[[Any, MigrationStep, Functions], _Undone]]] = {
    Copy: _copy,
    Move: _move,
    Remove: _remove,
    Default: _default,
    Custom: _custom,
    Validation: _validation,
}
