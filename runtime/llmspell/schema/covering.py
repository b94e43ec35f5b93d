"""Whether every value that fits one schema fits another; each reason against it names a field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from llmspell.schema.field import fits_alone
from llmspell.schema.fields import (
    AnyField,
    ArrayField,
    BooleanField,
    CustomField,
    EnumField,
    FieldBase,
    FloatField,
    IntegerField,
    ObjectField,
    StringField,
    TimestampField,
    UuidField,
)
from llmspell.schema.models import StateSchema, ValidationRule
from llmspell.schema.places import EACH_ITEM, EACH_MEMBER, Step, joined, steps_of
from llmspell.schema.versions import SchemaId
from llmspell.security.validation import Problem

if TYPE_CHECKING:
    from llmspell.schema.lookup import Schemas

__all__ = ["Covering"]

_Steps: TypeAlias = tuple[Step, ...]
_Map: TypeAlias = StateSchema | ObjectField
_Problems: TypeAlias = Iterator[Problem]

#: The bounds of a field: attribute, whether it is a lower one, and what it is a number of.
_BOUNDS: Final[Mapping[type[FieldBase], tuple[tuple[str, bool, str], ...]]] = {
    StringField: (("min_length", True, " characters"), ("max_length", False, " characters")),
    IntegerField: (("min", True, ""), ("max", False, "")),
    FloatField: (("min", True, ""), ("max", False, "")),
    ArrayField: (("min_items", True, " items"), ("max_items", False, " items")),
}
#: What a UUID is as text.
_UUID_AS_TEXT: Final = StringField(format="uuid", min_length=36, max_length=36)


class Covering:
    """Finds what fits the schema ``given`` and not the schema ``taking``."""

    def __init__(
        self,
        given: StateSchema,
        taking: StateSchema,
        registry: Schemas | None,
        *,
        fills_defaults: bool,
    ) -> None:
        self._given = given
        self._taking = taking
        self._registry = registry
        self._fills_defaults = fills_defaults
        self._rules: list[_Steps] = []
        """Where validators look: what a default changes there they may not like."""
        if given.name == taking.name:
            self._names = f"version {given.version}", f"version {taking.version}"
        else:
            self._names = given.id, taking.id

    def problems(self) -> _Problems:
        """Yield why not every value that fits the one schema fits the other."""
        yield from self._map(self._given, self._taking, (), is_unique=False)

    def _problem(self, steps: _Steps, rule: str, allowed: str, taken: str) -> Problem:
        given, taking = self._names
        said = f"{given} allows {allowed}, {taking} {taken}"
        return Problem(joined(steps), said, f"compatibility.{rule}")

    # -- maps ---------------------------------------------------------------------------------

    def _map(self, given: _Map, taking: _Map, at: _Steps, *, is_unique: bool) -> _Problems:
        known = len(self._rules)
        yield from self._rules_of(given, taking, at)
        given_names, taken_names = _names(given), _names(taking)
        if given.additional_fields and not taking.additional_fields:
            yield self._problem(at, "additional_fields", "additional fields", "does not")
        for name in dict.fromkeys((*given_names, *taken_names)):
            here = (*at, name)
            if name in taking.required and name not in given.required:
                yield from self._required(taking.fields.get(name), here, is_unique=is_unique)
            if name not in taken_names:
                if not taking.additional_fields:
                    takes = "has no such field and takes no additional ones"
                    yield self._problem(here, "removed", "the field", takes)
            elif name in given_names:
                pair = given.fields.get(name), taking.fields.get(name)
                yield from self._field(*pair, here, is_unique=is_unique)
        del self._rules[known:]

    def _required(self, field: FieldBase | None, at: _Steps, *, is_unique: bool) -> _Problems:
        has_default = field is not None and field.has_default
        if self._fills_defaults and has_default:
            if is_unique:
                takes = "requires it, and with its default items of the list may be equal"
            elif any(_touch(at, steps) for steps in self._rules):
                takes = "requires it, and a validator looks there: its default may be refused"
            else:
                return
        else:
            takes = "requires it"
            if self._fills_defaults:
                takes += " and has no default for it"
        yield self._problem(at, "required", "that it is missing", takes)

    def _rules_of(self, given: _Map, taking: _Map, at: _Steps) -> _Problems:
        if not isinstance(taking, StateSchema):
            return
        former = given.validation_rules if isinstance(given, StateSchema) else ()
        asked = [_asked(rule) for rule in former]
        for rule in taking.validation_rules:
            steps = (*at, *steps_of(rule.field))
            self._rules.append(steps)
            if _asked(rule) not in asked:
                takes = f"has validator {rule.validator!r} check it"
                yield self._problem(steps, "validation_rules", "what its validators do", takes)

    # -- fields -------------------------------------------------------------------------------

    def _field(
        self, given: FieldBase | None, taking: FieldBase | None, at: _Steps, *, is_unique: bool
    ) -> _Problems:
        if taking is None:
            return
        if (given is None or given.nullable) and not taking.nullable:
            yield self._problem(at, "nullable", "null", "does not")
        if isinstance(taking, AnyField):
            return
        if isinstance(given, BooleanField) and isinstance(taking, EnumField):
            given = EnumField(variants=(True, False))
        if isinstance(given, EnumField):
            yield from self._variants(given, taking, at)
            return
        given, taking = _comparable(given, taking)
        if given is None or not self._is_kindred(given, taking):
            said = "anything" if given is None else given.kind
            yield self._problem(at, "type", said, f"only {taking.kind}")
            return
        yield from self._bounds(given, taking, at)
        check = self._CHECKS.get(type(taking))
        if check is not None:
            yield from check(self, given, taking, at, is_unique)

    def _is_kindred(self, given: FieldBase, taking: FieldBase) -> bool:
        if isinstance(taking, TimestampField) and isinstance(given, StringField):
            return given.format == "date-time"
        if isinstance(taking, FloatField) and isinstance(given, IntegerField):
            return True
        return type(given) is type(taking)

    def _variants(self, given: EnumField, taking: FieldBase, at: _Steps) -> _Problems:
        if isinstance(taking, CustomField):
            yield self._problem(at, "type", given.kind, f"only {taking.kind}")
            return
        for variant in given.variants:
            if not fits_alone(taking, variant):
                yield self._problem(at, "variants", f"the value {variant!r}", "does not")

    def _bounds(self, given: FieldBase, taking: FieldBase, at: _Steps) -> _Problems:
        for name, is_lower, unit in _BOUNDS.get(type(taking), ()):
            bound, former = getattr(taking, name), getattr(given, name)
            if bound is None or (is_lower and unit and bound == 0):
                continue
            if former is not None and (former >= bound if is_lower else former <= bound):
                continue
            allowed = ("less" if is_lower else "more") if former is None else f"{former}{unit}"
            limit = "at least" if is_lower else "at most"
            yield self._problem(at, name, allowed, f"{limit} {bound}{unit}")

    def _text(self, given: Any, taking: Any, at: _Steps, is_unique: bool) -> _Problems:
        for name in ("pattern", "format"):
            demanded, former = getattr(taking, name), getattr(given, name)
            if demanded is not None and demanded != former:
                allowed = f"any {name}" if former is None else f"another {name}"
                yield self._problem(at, name, allowed, f"demands {name} {demanded!r}")

    def _list(self, given: Any, taking: Any, at: _Steps, is_unique: bool) -> _Problems:
        if taking.unique and not given.unique:
            yield self._problem(at, "unique", "equal items", "does not")
        inside = (*at, EACH_ITEM)
        unique = is_unique or taking.unique
        yield from self._field(given.items, taking.items, inside, is_unique=unique)

    def _object(self, given: Any, taking: Any, at: _Steps, is_unique: bool) -> _Problems:
        if taking.schema_id is not None and given.schema_id == taking.schema_id:
            return
        maps = self._resolved(given), self._resolved(taking)
        if maps[0] is None or maps[1] is None:
            known = f"a {given.schema_id or 'map'}"
            takes = f"a {taking.schema_id or 'map'}, and without a registry they cannot be compared"
            yield self._problem(at, "schema", known, takes)
            return
        yield from self._map(maps[0], maps[1], at, is_unique=is_unique)

    def _custom(self, given: Any, taking: Any, at: _Steps, is_unique: bool) -> _Problems:
        if (given.validator, given.config) != (taking.validator, taking.config):
            takes = f"demands that of {taking.validator!r} as it is configured there"
            yield self._problem(at, "validator", f"what {given.validator!r} accepts", takes)

    def _resolved(self, field: ObjectField) -> _Map | None:
        if field.schema_id is None:
            return field
        if self._registry is None:
            return None
        return self._registry.get(*SchemaId.parse(field.schema_id))

    _Check: TypeAlias = Callable[["Covering", Any, Any, _Steps, bool], _Problems]
    _CHECKS: Final[Mapping[type[FieldBase], _Check]] = {
        StringField: _text,
        ArrayField: _list,
        ObjectField: _object,
        CustomField: _custom,
    }


def _names(owner: _Map) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*owner.fields, *owner.required, *owner.optional)))


def _asked(rule: ValidationRule) -> tuple[_Steps, str, dict[str, Any]]:
    return steps_of(rule.field), rule.validator, rule.config


def _comparable(given: FieldBase | None, taking: FieldBase) -> tuple[FieldBase | None, FieldBase]:
    """Return two fields as text if one is a UUID and the other text."""
    if isinstance(given, UuidField) and isinstance(taking, StringField):
        return _UUID_AS_TEXT, taking
    if isinstance(given, StringField) and isinstance(taking, UuidField):
        return given, StringField(format="uuid")
    return given, taking


def _touch(one: _Steps, other: _Steps) -> bool:
    """Tell whether one path may lead into what the other leads to."""
    return all(
        a == b or EACH_ITEM in (a, b) or EACH_MEMBER in (a, b) or int in (type(a), type(b))
        for a, b in zip(one, other, strict=False)
    )
