"""Whether values fit one version of a schema: its JSON Schema, then its validators."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from llmspell.errors import SchemaError
from llmspell.schema.fields import (
    ArrayField,
    CustomField,
    EnumField,
    FieldBase,
    ObjectField,
    StringField,
    TimestampField,
    UuidField,
)
from llmspell.schema.functions import Function, Functions, failure
from llmspell.schema.json_schema import to_json_schema
from llmspell.schema.models import StateSchema
from llmspell.schema.patterns import compiled
from llmspell.schema.places import EACH_ITEM, Step, found, joined, steps_of
from llmspell.schema.validators import check_config, refusal
from llmspell.schema.versions import SchemaId
from llmspell.security.validation import Problem
from llmspell.security.validation.json_form import json_form
from llmspell_bridges.values import canonical, member_path

if TYPE_CHECKING:
    from llmspell.schema.lookup import Schemas

__all__ = ["Checker"]

_Resolve: TypeAlias = Callable[[str], StateSchema]
_DEEPEST: Final = 1024

#: What timestamps and bytes are to JSON Schema is text; these fields do not take them for it.
_TEXTUAL: Final = (StringField, UuidField, EnumField)


class _Question(NamedTuple):
    """What a validator is asked, and about which parts of a value."""

    steps: tuple[Step, ...]
    function: Function
    config: dict[str, Any]
    message: str
    rule: str
    is_plain: bool
    """Whether the path is names and nothing else."""


class Checker:
    """Tells whether values fit a schema. Raises ``SchemaError`` for validators there are not."""

    def __init__(self, schema: StateSchema, registry: Schemas, functions: Functions) -> None:
        self._schema = schema
        self._registry = registry
        self._functions = functions
        self._prefix = f"schema.{schema.id}"
        self._questions = tuple(self._asked(schema, (), schema.source))

    def fits(self, value: Any) -> bool:
        """Tell whether a canonical value fits."""
        form = json_form(value)
        if not self._valid.is_valid(form):
            return False
        if form is not value and any(_misplaced(self._schema, value, "$", self._resolve)):
            return False
        return all(map(self._accepts, self._questions, repeat(value)))

    def problems(self, value: Any) -> Iterator[Problem]:
        """Yield what is wrong with a value. Validators are asked once its structure is right."""
        form = json_form(value)
        is_right = True
        if not self._valid.is_valid(form):
            is_right = False
            yield from map(self._renamed, _structural(self._valid.iter_errors(form)))
        if form is not value:
            for problem in _misplaced(self._schema, value, "$", self._resolve):
                is_right = False
                yield self._renamed(problem)
        if is_right:
            yield from self._refused(value)

    @cached_property
    def _valid(self) -> Any:
        return compiled(to_json_schema(self._schema, self._registry))

    def _renamed(self, problem: Problem) -> Problem:
        return problem._replace(rule=f"{self._prefix}.{problem.rule.removeprefix('schema.')}")

    def _resolve(self, name: str) -> StateSchema:
        return self._registry.get(*SchemaId.parse(name))

    def _refused(self, value: Any) -> Iterator[Problem]:
        for question in self._questions:
            for path, part in found(value, question.steps):
                try:
                    said = _answer(question, part)
                except Exception as error:
                    yield Problem(path, f"has a validator that {failure(error)}", question.rule)
                    continue
                if said is not None:
                    yield Problem(path, question.message or said, question.rule)

    def _accepts(self, question: _Question, value: Any) -> bool:
        """Do what ``_refused`` does, without the paths of what is right."""
        try:
            if question.is_plain:
                for step in question.steps:
                    if type(value) is not dict or step not in value:
                        return True
                    value = value[step]
                return _answer(question, value) is None
            return all(_answer(question, part) is None for _, part in found(value, question.steps))
        except Exception:  # a validator that fails accepts nothing; ``_refused`` tells of it
            return False

    def _asked(
        self, schema: StateSchema, within: tuple[Step, ...], source: Path | None
    ) -> Iterator[_Question]:
        yield from self._asked_of_fields(schema, within, source)
        for rule in schema.validation_rules:
            name = f"the validation rule for {rule.field!r} of {schema.id}"
            function = self._function(rule.validator, rule.config, name, source)
            kind = f"{self._prefix}.{rule.validator}"
            steps = (*within, *steps_of(rule.field))
            yield _question(steps, function, rule.config, kind, message=rule.message)

    def _asked_of_fields(
        self, owner: StateSchema | ObjectField, within: tuple[Step, ...], source: Path | None
    ) -> Iterator[_Question]:
        for name, field in owner.fields.items():
            yield from self._asked_of(field, (*within, name), source)

    def _asked_of(
        self, field: FieldBase, steps: tuple[Step, ...], source: Path | None
    ) -> Iterator[_Question]:
        if isinstance(field, CustomField):
            name = f"the field {joined(steps)!r} of {self._schema.id}"
            function = self._function(field.validator, field.config, name, source)
            rule = f"{self._prefix}.{field.type_name}"
            yield _question(steps, function, field.config, rule)
        elif isinstance(field, ArrayField) and field.items is not None:
            yield from self._asked_of(field.items, (*steps, EACH_ITEM), source)
        elif isinstance(field, ObjectField):
            if field.schema_id is None:
                yield from self._asked_of_fields(field, steps, source)
            else:
                referred = self._resolve(field.schema_id)
                yield from self._asked(referred, steps, referred.source)

    def _function(
        self, name: str, config: dict[str, Any], what: str, source: Path | None
    ) -> Function:
        try:
            function = self._functions.find(name, source)
            check_config(function, config, f"validator {name!r}")
        except SchemaError as error:
            raise SchemaError(
                f"{what}: {error.message}",
                hint=error.hint,
                file=None if source is None else str(source),
                schema=self._schema.name,
            ) from error
        return function


def _question(
    steps: tuple[Step, ...],
    function: Function,
    config: dict[str, Any],
    rule: str,
    *,
    message: str = "",
) -> _Question:
    is_plain = all(isinstance(step, str) for step in steps)
    return _Question(steps, function, config, message, rule, is_plain)


def _answer(question: _Question, part: Any) -> str | None:
    """Return why a validator refuses a part of a value. Null is for the structure to judge."""
    if part is None:
        return None
    given = canonical(part, max_depth=_DEEPEST) if type(part) in (dict, list) else part
    answer = question.function(given, question.config)
    return None if answer is None else refusal(answer)


def _structural(errors: Iterable[Any]) -> Iterator[Problem]:
    from llmspell.security.validation.schema_words import schema_problems

    for error in errors:
        if error.kind.name == "anyOf":
            # Only a schema that may be null is an alternative, and null would have been right.
            for inner in error.kind.context[0]:
                yield from schema_problems(inner)
        else:
            yield from schema_problems(error)


def _misplaced(
    place: StateSchema | FieldBase, value: Any, path: str, resolve: _Resolve
) -> Iterator[Problem]:
    """Yield where timestamps or bytes stand for text."""
    if isinstance(place, _TEXTUAL) and isinstance(value, dt.datetime | bytes):
        kind = "bytes" if isinstance(value, bytes) else "a timestamp"
        yield Problem(path, f"must be {place.kind}, not {kind}", "type")
    elif isinstance(place, TimestampField) and isinstance(value, bytes):
        yield Problem(path, "must be a timestamp, not bytes", "type")
    elif isinstance(place, ArrayField) and isinstance(value, list) and place.items is not None:
        for at, item in enumerate(value):
            yield from _misplaced(place.items, item, f"{path}[{at}]", resolve)
    elif isinstance(place, StateSchema | ObjectField) and isinstance(value, dict):
        if isinstance(place, ObjectField) and place.schema_id is not None:
            place = resolve(place.schema_id)
        for name, field in place.fields.items():
            if name in value:
                yield from _misplaced(field, value[name], member_path(path, name), resolve)
