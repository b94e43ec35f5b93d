"""Compiling a step: names are looked up and paths taken apart once, not for every value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from llmspell.migration import operations as does
from llmspell.migration import shortcuts as quick
from llmspell.migration.calling import bind_transformer, bind_validator
from llmspell.migration.checking import asking
from llmspell.migration.conditions import Condition, FieldExists, FieldValid
from llmspell.migration.operations import Operation, Warn
from llmspell.migration.parts import Box
from llmspell.migration.paths import Path
from llmspell.migration.refusal import Refused, blamed
from llmspell.migration.shortcuts import Shortcut
from llmspell.migration.step import MigrationStep
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

__all__ = ["CompiledStep", "compile_step"]


class _Apply(Protocol):
    def __call__(self, value: Any, warn: Warn | None = None) -> Any: ...


class CompiledStep:
    """A step ready to be applied to any number of values, by any thread.

    ``apply(value, warn=None)`` changes a value that nobody else has, and returns it, or another
    where ``$`` is replaced. ``warn`` is told of what a validation did not accept. Raises
    ``MigrationFailed``, which says nothing of the data but paths and kinds; the value is then
    half-changed and to be thrown away.
    """

    __slots__ = ("apply", "step")

    def __init__(self, step: MigrationStep, apply: _Apply) -> None:
        self.step = step
        self.apply = apply


def compile_step(
    step: MigrationStep, *, transformers: Functions, validators: Functions
) -> CompiledStep:
    """Prepare a step. Raises ``SchemaError`` for an unknown function or a wrong config."""
    compiler = _Compiler(step, transformers, validators)
    parts = [
        *(compiler.condition("pre-condition", each) for each in step.pre_conditions),
        *(compiler.transform(each) for each in step.transformations),
        *(compiler.condition("post-condition", each) for each in step.post_conditions),
    ]
    complete = tuple(operation for operation, _ in parts)
    shortcuts = tuple(shortcut or _through(operation) for operation, shortcut in parts)
    if any(map(_replaces_all, step.transformations)):
        return CompiledStep(step, _complete_way(complete))
    return CompiledStep(step, _quick_way(shortcuts, complete))


def _quick_way(shortcuts: tuple[Shortcut, ...], complete: tuple[Operation, ...]) -> _Apply:
    slowly = _complete_way(complete)

    def apply(value: Any, warn: Warn | None = None) -> Any:
        if type(value) is not dict:
            return slowly(value, warn)
        for shortcut in shortcuts:
            shortcut(value, warn)
        return value

    return apply


def _complete_way(complete: tuple[Operation, ...]) -> _Apply:
    def apply(value: Any, warn: Warn | None = None) -> Any:
        box = [value]
        for operation in complete:
            operation(box, warn)
        return box[0]

    return apply


def _through(operation: Operation) -> Shortcut:
    return lambda value, warn: operation([value], warn)


def _replaces_all(transform: Transform) -> bool:
    """Return whether a transform may put another object in the place of the whole value."""
    if isinstance(transform, Copy | Move):
        return "$" in (transform.from_field, transform.to_field)
    if isinstance(transform, Custom):
        return "$" in transform.to_fields
    return isinstance(transform, Validation | Default) and transform.field == "$"


class _Compiler:
    """What the parts of one step are made with."""

    def __init__(self, step: MigrationStep, transformers: Functions, validators: Functions) -> None:
        self._step, self._transformers, self._validators = step, transformers, validators

    def transform(self, transform: Transform) -> tuple[Operation, Shortcut | None]:
        """Return the complete operation and, where there is one, the quick way."""
        return _MAKERS[type(transform)](self, transform)

    def condition(self, when: str, condition: Condition) -> tuple[Operation, Shortcut | None]:
        words = f"{when} {condition.words}"
        check = None
        if isinstance(condition, FieldValid):
            check = bind_validator(
                self._validators, condition.validator, condition.config, self._step, words
            )
        path, slow = Path.parse(condition.field), self._blaming(asking(condition, check), words)
        if not path.is_plain:
            return slow, None
        if check is not None:
            return slow, quick.validator(path, check, slow, may_be_missing=False)
        return slow, quick.presence(path, slow) if isinstance(condition, FieldExists) else None

    def _blaming(self, operation: Operation, words: str) -> Operation:
        step = self._step

        def run(box: Box, warn: Warn | None) -> None:
            try:
                operation(box, warn)
            except Refused as refused:
                raise blamed(refused, step, words) from None

        return run

    def _copy(self, copy: Copy) -> tuple[Operation, Shortcut | None]:
        return self._blaming(does.copying(copy), copy.words), None

    def _move(self, move: Move) -> tuple[Operation, Shortcut | None]:
        source, target = Path.parse(move.from_field), Path.parse(move.to_field)
        slow = self._blaming(does.moving(move), move.words)
        is_within = source.leads_into(target) or target.leads_into(source)
        drops = move.drop_empty and len(source.steps) > 1
        if not (source.is_plain and target.is_plain) or is_within or drops:
            return slow, None
        return slow, quick.mover(source, target, slow)

    def _remove(self, remove: Remove) -> tuple[Operation, Shortcut | None]:
        path, slow = Path.parse(remove.field), self._blaming(does.removing(remove), remove.words)
        if not path.is_plain or (remove.drop_empty and len(path.steps) > 1):
            return slow, None
        return slow, quick.remover(path, slow, may_be_missing=remove.if_missing == "skip")

    def _default(self, default: Default) -> tuple[Operation, Shortcut | None]:
        path, slow = Path.parse(default.field), self._blaming(does.default(default), default.words)
        if not path.is_plain:
            return slow, None
        return slow, quick.defaulter(path, default.value, slow, when_null=default.when_null)

    def _custom(self, custom: Custom) -> tuple[Operation, Shortcut | None]:
        words, step = custom.words, self._step
        convert = bind_transformer(
            self._transformers, custom.transformer, custom.config, step, words
        )
        slow = self._blaming(does.custom(custom, convert), words)
        source, target = Path.parse(custom.from_fields[0]), Path.parse(custom.to_fields[0])
        is_single = len(custom.from_fields) == len(custom.to_fields) == 1
        is_within = source != target and (source.leads_into(target) or target.leads_into(source))
        if not is_single or not (source.is_plain and target.is_plain) or is_within:
            return slow, None

        def blame(refused: Refused) -> Exception:
            return blamed(refused, step, words)

        removes = custom.remove_from and source != target
        return slow, quick.converter(source, target, convert, slow, blame, remove=removes)

    def _validation(self, validation: Validation) -> tuple[Operation, Shortcut | None]:
        words = validation.words
        check = bind_validator(
            self._validators, validation.validator, validation.config, self._step, words
        )
        label = f"step '{self._step.name}' ({self._step.from_version} -> {self._step.to_version})"
        path = Path.parse(validation.field)
        slow = self._blaming(does.validating(validation, check, label), words)
        if not path.is_plain:
            return slow, None
        may_be_missing = validation.if_missing == "skip"
        return slow, quick.validator(path, check, slow, may_be_missing=may_be_missing)


_MAKERS: dict[type, Callable[[_Compiler, Any], tuple[Operation, Shortcut | None]]] = {
    Copy: _Compiler._copy,
    Move: _Compiler._move,
    Remove: _Compiler._remove,
    Default: _Compiler._default,
    Custom: _Compiler._custom,
    Validation: _Compiler._validation,
}
