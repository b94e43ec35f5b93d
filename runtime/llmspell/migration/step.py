"""A migration step: what leads values from one version of a schema to another."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from llmspell.migration.conditions import Condition
from llmspell.migration.definition import Definition, Label, Version, listed
from llmspell.migration.transforms import Transform

__all__ = ["MigrationStep"]


def _family(name: str) -> str:
    if "@" in name:
        raise ValueError('must be the name alone, without "@" and a version')
    return name


_Transforms = Annotated[tuple[Transform, ...], BeforeValidator(listed), Field(max_length=1000)]
_Conditions = Annotated[tuple[Condition, ...], BeforeValidator(listed), Field(max_length=1000)]


class MigrationStep(Definition):
    """One step of a schema, from a version to another, up or down.

    ``pre_conditions`` must hold before anything is changed, ``post_conditions`` afterwards.
    ``rollback_transformations`` lead back; ``None`` derives them where each transform can be
    undone, and an empty list says that nothing has to be done. ``name`` defaults to
    ``<schema>_v1_to_v2``. Raises ``SchemaError`` for what is no such step.
    """

    schema_name: Annotated[Label, AfterValidator(_family)] = Field(alias="schema")
    from_version: Version
    to_version: Version
    name: Label = ""
    description: str = ""
    transformations: _Transforms = ()
    pre_conditions: _Conditions = ()
    post_conditions: _Conditions = ()
    rollback_transformations: _Transforms | None = None

    _source: FilePath | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _name_it(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("name") is None:
            schema = data.get("schema", data.get("schema_name"))
            versions = data.get("from_version"), data.get("to_version")
            return {**data, "name": f"{schema}_v{versions[0]}_to_v{versions[1]}"[:128]}
        return data

    @model_validator(mode="after")
    def _check_versions(self) -> Self:
        if self.from_version == self.to_version:
            raise ValueError(f"from_version and to_version are both {self.from_version}")
        return self

    @property
    def source(self) -> FilePath | None:
        """The file it came from; functions in files are named relative to its folder."""
        return self._source

    def from_file(self, source: FilePath) -> Self:
        """Return the same step with the file that it came from."""
        copy = self.model_copy()
        copy._source = source
        return copy

    def __str__(self) -> str:
        return f"{self.name} ({self.schema_name} {self.from_version} -> {self.to_version})"
