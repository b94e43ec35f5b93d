"""What a schema demands, in words made of the schema alone: they never hold the value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from llmspell.security.validation.candidate import Problem
from llmspell.security.validation.json_form import json_path
from llmspell_bridges.values import member_path

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

__all__ = ["schema_problems"]

_SHOWN: Final = 80
_TOO_LONG: Final = "must match a pattern that takes too long on it"

#: By the library's kind of error; names in braces are facts of the schema.
_SAID: Final = {
    "Type": "must be of type {types}",
    "Enum": "must be one of {options}",
    "Constant": "must be {expected_value}",
    "Format": "must be a valid {format}",
    "Pattern": "must match the pattern {pattern}",
    "BacktrackLimitExceeded": _TOO_LONG,
    "RegexEngineFailure": _TOO_LONG,
    "MinLength": "must have {limit} or more characters",
    "MaxLength": "must have {limit} or fewer characters",
    "Minimum": "must be at least {limit}",
    "Maximum": "must be at most {limit}",
    "ExclusiveMinimum": "must be more than {limit}",
    "ExclusiveMaximum": "must be less than {limit}",
    "MultipleOf": "must be a multiple of {multiple_of}",
    "MinItems": "must have {limit} or more items",
    "MaxItems": "must have {limit} or fewer items",
    "AdditionalItems": "must have {limit} or fewer items",
    "UnevaluatedItems": "has items that are not allowed",
    "UniqueItems": "must not have equal items",
    "Contains": "has too few or too many items of the kind it must contain",
    "MinProperties": "must have {limit} or more members",
    "MaxProperties": "must have {limit} or fewer members",
    "Required": "must have the member {property}",
    "AnyOf": "fits none of the alternatives",
    "OneOfNotValid": "fits none of the alternatives",
    "OneOfMultipleValid": "fits more than one of the alternatives",
    "Not": "is what it must not be",
    "FalseSchema": "must not be there",
}
_MEMBERS: Final = frozenset({"AdditionalProperties", "UnevaluatedProperties"})


def schema_problems(error: ValidationError) -> Iterator[Problem]:
    """Yield what one error of the library means: more than one for members that are too many."""
    kind = error.kind
    name, facts = type(kind).__name__, kind.as_dict()
    path, rule = json_path(error.instance_path), f"schema.{kind.name}"
    if name in _MEMBERS:
        for member in facts["unexpected"]:
            yield Problem(member_path(path, member), "must not be there", rule)
    elif name == "PropertyNames":
        of = facts["error"]
        said = _said(of)
        yield Problem(member_path(path, str(of.instance)), f"has a name that {said}", rule)
    elif name == "FalseSchema" and error.schema_path[-1:] == ["additionalProperties"]:
        yield Problem(path, "has members that are not allowed", "schema.additionalProperties")
    else:
        yield Problem(path, _said(error), rule)


def _said(error: ValidationError) -> str:
    kind = error.kind
    template = _SAID.get(type(kind).__name__)
    if template is None:
        return f"breaks {kind.name} of its schema"
    return template.format(**{name: _shown(fact) for name, fact in kind.as_dict().items()})


def _shown(fact: Any) -> str:
    if isinstance(fact, list):
        return " or ".join(map(_shown, fact)) if len(fact) <= 10 else f"{len(fact)} values"
    text = json.dumps(fact, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
