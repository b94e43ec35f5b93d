"""Conditions: what must hold before a migration step, and after it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from llmspell.migration.definition import Constant, Definition, FunctionName, Options
from llmspell.migration.paths import FieldPath

__all__ = [
    "Condition",
    "FieldAbsent",
    "FieldEquals",
    "FieldExists",
    "FieldType",
    "FieldValid",
    "Kind",
]

Kind: TypeAlias = Literal[
    "string",
    "integer",
    "float",
    "number",
    "boolean",
    "array",
    "object",
    "timestamp",
    "bytes",
    "null",
]
"""What a value can be; ``number`` is an integer or a float."""


class _OnField(Definition):
    """A condition on a field. With wildcards it must hold for every part; none is as good."""

    type: str
    field: FieldPath

    @property
    def words(self) -> str:
        return f"{self.type} {self.field}"


class FieldExists(_OnField):
    """The field is there, be it null."""

    type: Literal["field_exists"] = "field_exists"


class FieldAbsent(_OnField):
    """The field is not there; null is there."""

    type: Literal["field_absent"] = "field_absent"


class FieldType(_OnField):
    """The field is there and of a kind."""

    type: Literal["field_type"] = "field_type"
    expected: Kind


class FieldEquals(_OnField):
    """The field is there and equal to a value; 1 equals 1.0 and does not equal true."""

    type: Literal["field_equals"] = "field_equals"
    value: Constant


class FieldValid(_OnField):
    """The field is there and a validator accepts it."""

    type: Literal["field_valid"] = "field_valid"
    validator: FunctionName
    config: Options = Field(default_factory=dict)

    @property
    def words(self) -> str:
        return f"{self.type} {self.validator} {self.field}"


Condition: TypeAlias = Annotated[
    FieldExists | FieldAbsent | FieldType | FieldEquals | FieldValid, Field(discriminator="type")
]
