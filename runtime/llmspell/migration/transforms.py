"""The transforms a migration step is made of: each changes one thing of a value."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from llmspell.migration.definition import Constant, Definition, FunctionName, Options, listed
from llmspell.migration.paths import FieldPath, Path

__all__ = ["Copy", "Custom", "Default", "Move", "Remove", "Transform", "Validation"]

_Paths = Annotated[tuple[FieldPath, ...], BeforeValidator(listed), Field(min_length=1)]
_USE_CUSTOM = "use a custom transform"


class Copy(Definition):
    """Copy a field to another place, making the maps on the way there.

    With ``[]`` or ``*`` in both paths they are alike up to the last one, and each part is copied
    within itself; with wildcards in ``to_field`` alone each part gets the field. A field that
    is there already is an error unless ``overwrite`` is set.
    """

    type: Literal["copy"] = "copy"
    from_field: FieldPath
    to_field: FieldPath
    if_missing: Literal["fail", "skip"] = "fail"
    overwrite: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_pair(self.from_field, self.to_field)
        return self

    @property
    def words(self) -> str:
        return f"copy {self.from_field} -> {self.to_field}"


class Move(Definition):
    """Move a field to another place: as ``Copy``, and what was there before is gone.

    ``drop_empty`` takes the maps along that are left empty behind it. ``$`` moves the whole value
    into a field; moving a field to ``$`` puts it in the place of the whole value, which must hold
    nothing else unless ``overwrite`` is set.
    """

    type: Literal["move"] = "move"
    from_field: FieldPath
    to_field: FieldPath
    if_missing: Literal["fail", "skip"] = "fail"
    overwrite: bool = False
    drop_empty: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_pair(self.from_field, self.to_field)
        source, target = Path.parse(self.from_field), Path.parse(self.to_field)
        if target.wildcards and not source.wildcards and source.leads_into(target):
            raise ValueError(f"{source} holds all of {target} and cannot be moved there")
        return self

    @property
    def words(self) -> str:
        return f"move {self.from_field} -> {self.to_field}"


class Remove(Definition):
    """Remove a field. ``drop_empty`` removes the maps as well that are left empty by it."""

    type: Literal["remove"] = "remove"
    field: FieldPath
    if_missing: Literal["fail", "skip"] = "skip"
    drop_empty: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_part(self.field)
        return self

    @property
    def words(self) -> str:
        return f"remove {self.field}"


class Default(Definition):
    """Set a field that is missing, making the maps on the way; ``when_null`` one of null too."""

    type: Literal["default"] = "default"
    field: FieldPath
    value: Constant
    when_null: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_part(self.field)
        return self

    @property
    def words(self) -> str:
        return f"default {self.field}"


class Custom(Definition):
    """Make fields out of others with a function, which is called ``transformer(value, config)``.

    With one ``from_fields`` the function gets its value, with several a map of path to value;
    with one ``to_fields`` it returns the value, with several a map of path to value. What was at
    ``to_fields`` is replaced. ``if_missing = "null"`` hands null over for a field that is not
    there. ``remove_from`` removes those ``from_fields`` that are no ``to_fields``. Wildcards are
    as in ``Copy``: the function is called for each part.
    """

    type: Literal["custom"] = "custom"
    from_fields: _Paths
    to_fields: _Paths
    transformer: FunctionName
    config: Options = Field(default_factory=dict)
    if_missing: Literal["fail", "skip", "null"] = "fail"
    remove_from: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        sources = [Path.parse(text) for text in self.from_fields]
        targets = [Path.parse(text) for text in self.to_fields]
        for one, other in combinations(targets, 2):
            if one.leads_into(other) or other.leads_into(one):
                raise ValueError(f"to_fields {one} and {other} are the same or within each other")
        if len(set(sources)) < len(sources):
            raise ValueError("from_fields names a field twice")
        among = {path.split[0] for path in targets}
        if len(among) > 1:
            raise ValueError("all to_fields must have the same wildcards; make it two transforms")
        if not among >= {path.split[0] for path in sources if path.wildcards}:
            raise ValueError(
                "from_fields and to_fields must be alike up to their last wildcard; to make one "
                "value of many, name the list itself"
            )
        if self.remove_from:
            _check_removable([path for path in sources if path not in targets], targets)
        return self

    @property
    def words(self) -> str:
        sources, targets = ", ".join(self.from_fields), ", ".join(self.to_fields)
        return f"custom {self.transformer} {sources} -> {targets}"


class Validation(Definition):
    """Check a field with a validator, and fail, set ``default``, remove it or leave it be.

    ``error_action = "skip"`` leaves it with a warning. What is missing is no error unless
    ``if_missing = "fail"``.
    """

    type: Literal["validation"] = "validation"
    field: FieldPath
    validator: FunctionName
    config: Options = Field(default_factory=dict)
    error_action: Literal["fail", "set_default", "remove", "skip"] = "fail"
    default: Constant = None
    if_missing: Literal["fail", "skip"] = "skip"

    @model_validator(mode="after")
    def _check(self) -> Self:
        has_default = "default" in self.model_fields_set
        if self.error_action == "set_default" and not has_default:
            raise ValueError('error_action "set_default" needs a default')
        if has_default and self.error_action != "set_default" and self.default is not None:
            raise ValueError('default is for error_action "set_default" only')
        if self.error_action == "remove":
            _check_part(self.field)
        return self

    @property
    def words(self) -> str:
        return f"validation {self.validator} {self.field}"


Transform: TypeAlias = Annotated[
    Copy | Move | Remove | Default | Custom | Validation, Field(discriminator="type")
]


def _check_removable(sources: list[Path], targets: list[Path]) -> None:
    for path in sources:
        if not path.steps:
            raise ValueError("remove_from cannot remove $, the whole value")
        if path.wildcards and not path.split[1]:
            raise ValueError(f"remove_from cannot remove {path}: remove it in another transform")
        holds_targets = any(path.leads_into(target) for target in targets)
        if holds_targets and not path.wildcards and targets[0].wildcards:
            raise ValueError(f"remove_from cannot remove {path}: the to_fields are in it")


def _check_part(text: str) -> None:
    if text == "$":
        raise ValueError("field must name a part, not $, the whole value")


def _check_pair(source_text: str, target_text: str) -> None:
    source, target = Path.parse(source_text), Path.parse(target_text)
    if source == target:
        raise ValueError(f"from_field and to_field are both {source}")
    for path in (source, target):
        if path.wildcards and not path.split[1]:
            raise ValueError(f"{path} ends in a wildcard and names no field; {_USE_CUSTOM}")
    if source.wildcards and source.split[0] != target.split[0]:
        raise ValueError(
            f"{source} and {target} are not alike up to their last wildcard; {_USE_CUSTOM}"
        )
