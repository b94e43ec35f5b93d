"""Semantic versions, and names of schemas with their version."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

__all__ = ["MAX_VERSION", "NAME", "SchemaId", "SemanticVersion"]

MAX_VERSION: Final = 2**31 - 1
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

_SEMANTIC: Final = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
_ID: Final = re.compile(rf"({NAME.pattern})@([1-9]\d{{0,9}})", re.ASCII)
_Part = Annotated[int, Field(ge=0, lt=10**9)]


@total_ordering
class SemanticVersion(BaseModel):
    """A version as people write it, such as ``2.1.0``; text is read as one, too."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    major: _Part
    minor: _Part = 0
    patch: _Part = 0

    @classmethod
    def parse(cls, text: str) -> SemanticVersion:
        """Return the version in a text. Raises ``ValueError`` for any other."""
        found = _SEMANTIC.fullmatch(text)
        if found is None:
            raise ValueError("must be a semantic version such as 2.1.0")
        major, minor, patch = map(int, found.groups())
        return cls(major=major, minor=minor, patch=patch)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        if isinstance(data, str):
            found = _SEMANTIC.fullmatch(data)
            if found is None:
                raise ValueError("must be a semantic version such as 2.1.0")
            return dict(zip(("major", "minor", "patch"), map(int, found.groups()), strict=True))
        if isinstance(data, int | float):
            raise ValueError('must be a semantic version in quotes, such as "2.1.0"')
        return data

    @model_serializer
    def _as_text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, SemanticVersion):
            return NotImplemented
        return self._parts() < other._parts()

    def _parts(self) -> tuple[int, int, int]:
        return self.major, self.minor, self.patch


class SchemaId(NamedTuple):
    """A schema: the name of its family and the version."""

    name: str
    version: int

    @classmethod
    def parse(cls, text: str) -> SchemaId:
        """Return what ``name@version`` stands for. Raises ``ValueError`` for any other text."""
        found = _ID.fullmatch(text)
        if found is None or int(found[2]) > MAX_VERSION:
            raise ValueError("must be a schema and its version, such as address@1")
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"
