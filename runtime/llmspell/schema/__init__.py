"""Schemas of stored values: versions, field types, compatibility, and checks of values.

These modules know values and files, no store and no StateManager.
"""

from __future__ import annotations

from llmspell.schema.compatibility import Comparison, compare
from llmspell.schema.difference import FieldChange, differences
from llmspell.schema.fields import (
    AnyField,
    ArrayField,
    BooleanField,
    CustomField,
    EnumField,
    FieldSchema,
    FloatField,
    IntegerField,
    ObjectField,
    StringField,
    TimestampField,
    UuidField,
)
from llmspell.schema.files import parse_schema, read_schema, read_schemas
from llmspell.schema.functions import Functions
from llmspell.schema.json_schema import to_json_schema
from llmspell.schema.models import AppliesTo, StateSchema, ValidationRule
from llmspell.schema.registry import SchemaRegistry
from llmspell.schema.rule import SchemaVersionRule
from llmspell.schema.versions import SemanticVersion

__all__ = [
    "AnyField",
    "AppliesTo",
    "ArrayField",
    "BooleanField",
    "Comparison",
    "CustomField",
    "EnumField",
    "FieldChange",
    "FieldSchema",
    "FloatField",
    "Functions",
    "IntegerField",
    "ObjectField",
    "SchemaRegistry",
    "SchemaVersionRule",
    "SemanticVersion",
    "StateSchema",
    "StringField",
    "TimestampField",
    "UuidField",
    "ValidationRule",
    "compare",
    "differences",
    "parse_schema",
    "read_schema",
    "read_schemas",
    "to_json_schema",
]
