"""One version of a schema: its fields, rules, and the entries it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from llmspell.schema.base import FieldName, Json, Model, Names, Words
from llmspell.schema.fields import Fields, Reference, check_listed
from llmspell.schema.places import steps_of
from llmspell.schema.versions import MAX_VERSION, NAME, SchemaId, SemanticVersion
from llmspell.security.validation.rule import Where

__all__ = ["AppliesTo", "Compatibility", "SchemaName", "StateSchema", "ValidationRule", "Version"]


def _schema_name(text: str) -> str:
    if not NAME.fullmatch(text) or not text.isascii():
        raise ValueError(
            "must be a name of at most 64 letters, digits, _, - and . that begins with a letter"
        )
    return text


def _path(text: str) -> str:
    steps_of(text)
    return text


SchemaName: TypeAlias = Annotated[str, AfterValidator(_schema_name)]
Version: TypeAlias = Annotated[int, Field(ge=1, le=MAX_VERSION)]
Compatibility: TypeAlias = Literal["breaking", "backward", "forward", "full"]


class ValidationRule(Model):
    """A validator for one field, beyond its type: ``field`` is a path such as ``items[].price``.

    It is asked about each value that the path leads to, and not where there is none or null.
    ``message`` is said instead of what the validator says.
    """

    field: Annotated[str, AfterValidator(_path)]
    validator: FieldName
    config: Annotated[dict[str, Json], Field(default_factory=dict)]
    message: Words = ""


class AppliesTo(Model):
    """The entries that a schema is for: patterns of scope and key, ``*`` stands for any text."""

    scope: Words = "*"
    key: Words = "*"

    @model_validator(mode="after")
    def _can_match(self) -> AppliesTo:
        Where(self.scope, self.key)
        return self


class StateSchema(Model):
    """One version of a schema. Fields in neither list are optional.

    ``semantic_version`` is ``<version>.0.0`` unless given. ``compatibility`` says how it is
    compatible with the version before it, and is held to that; ``None`` declares nothing.
    ``applies_to`` of the latest version that gives one decides for all versions: ``None`` says
    nothing, an empty list that the schema is only a part of others.
    """

    name: SchemaName
    version: Version
    semantic_version: SemanticVersion = cast(SemanticVersion, None)
    description: Words = ""
    fields: Fields = Field(default_factory=dict)
    required: Names = ()
    optional: Names = ()
    additional_fields: bool = True
    compatibility: Compatibility | None = None
    validation_rules: Annotated[tuple[ValidationRule, ...], Field(strict=False)] = ()
    dependencies: Annotated[tuple[Reference, ...], Field(strict=False)] = ()
    applies_to: Annotated[tuple[AppliesTo, ...], Field(strict=False)] | None = None
    metadata: Annotated[dict[str, Json], Field(default_factory=dict)]

    _source: Path | None = PrivateAttr(default=None)

    @property
    def id(self) -> str:
        """The name and the version: ``user_profile@2``."""
        return str(SchemaId(self.name, self.version))

    @property
    def source(self) -> Path | None:
        """The file that the schema was read from, if it was."""
        return self._source

    def located(self, source: Path | None) -> StateSchema:
        """Return the schema as one that was read from ``source``."""
        schema = self.model_copy()
        schema._source = source
        return schema

    @model_validator(mode="before")
    @classmethod
    def _with_semantic_version(cls, data: Any) -> Any:
        if isinstance(data, dict) and "semantic_version" not in data:
            version = data.get("version")
            if type(version) is int and 1 <= version <= MAX_VERSION:
                return data | {"semantic_version": f"{min(version, 10**9 - 1)}.0.0"}
        return data

    @field_validator("required", "optional")
    @classmethod
    def _are_fields(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return check_listed(names, info, is_listing=False)

    # Where it was read from is no part of a schema.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, StateSchema) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.name, self.version))
