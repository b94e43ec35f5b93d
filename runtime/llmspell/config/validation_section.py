"""The tables ``[state.validation]``: what is checked before a value is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from llmspell.config.section import Bytes, Count, PathOnDisk, Section
from llmspell.security.validation import ExternalBounds, Transitions, Where

__all__ = ["External", "SchemaRule", "TransitionRule", "Validation", "VerifierRule"]

_BOUNDS = ExternalBounds()
_T = TypeVar("_T")


def _tables(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list of tables: [[state.validation.{info.field_name}]]")
    return tuple(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def _following(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of lists of texts")
    try:
        return {str(state): _texts(following) for state, following in value.items()}
    except ValueError:
        raise PydanticCustomError("entry", "must be a table of lists of texts") from None


_States: TypeAlias = Annotated[tuple[str, ...], PlainValidator(_texts)]
_Following: TypeAlias = Annotated[dict[str, tuple[str, ...]], PlainValidator(_following)]
_Tables: TypeAlias = Annotated[tuple[_T, ...], BeforeValidator(_tables)]


class External(Section):
    """Bounds on each part of a value of class external; its size and depth are the class's own."""

    max_string_bytes: Bytes = Field(
        _BOUNDS.max_string_bytes, description="Longest text, in bytes of UTF-8; bytes count too."
    )
    max_items: Count = Field(_BOUNDS.max_items, description="Items of a list at most.")
    max_members: Count = Field(_BOUNDS.max_members, description="Members of a map at most.")
    max_name_bytes: Bytes = Field(
        _BOUNDS.max_name_bytes, description="Longest name of a member, in bytes of UTF-8."
    )
    max_total_nodes: Count = Field(
        _BOUNDS.max_total_nodes, description="Members and items in the whole value at most."
    )
    allow_bytes: bool = Field(_BOUNDS.allow_bytes, description="Whether bytes may be in it.")

    def bounds(self) -> ExternalBounds:
        """Return the bounds as the validator takes them."""
        return ExternalBounds(**self.model_dump())


class _RuleSection(Section):
    scope: str = Field("*", description="The scopes it holds for; * stands for any text.")
    key: str = Field("*", description="The keys it holds for; * stands for any text.")

    @model_validator(mode="after")
    def _makes_sense(self) -> _RuleSection:
        _told(lambda: Where(self.scope, self.key))
        return self


class SchemaRule(_RuleSection):
    """A JSON Schema for values: in a file, or written out here."""

    file: PathOnDisk | None = Field(
        None,
        json_schema_extra={"values": "path"},
        description="JSON file that holds the schema; relative paths start at the current folder.",
    )
    inline: dict[str, Any] | None = Field(
        None,
        json_schema_extra={"values": "table"},
        description="The schema itself, instead of a file.",
    )
    every_class: bool = Field(
        False, description="Check values of class trusted and ephemeral as well."
    )

    @model_validator(mode="after")
    def _has_one_schema(self) -> SchemaRule:
        if (self.file is None) == (self.inline is None):
            raise PydanticCustomError("entry", "must have either file or inline")
        return self


class TransitionRule(_RuleSection):
    """A state machine: which values a field may have one after the other."""

    field: str = Field(
        json_schema_extra={"values": "text"},
        description="The member of the value that holds the state; order.status: one within it.",
    )
    initial: _States = Field(
        json_schema_extra={"values": "list of texts"},
        description="States in which a new entry may begin.",
    )
    allowed: _Following = Field(
        json_schema_extra={"values": "table of lists of texts"},
        description="For each state those that may follow it.",
    )
    terminal: _States = Field(
        (),
        json_schema_extra={"values": "list of texts"},
        description="States that are never left.",
    )
    strict: bool = Field(False, description="Refuse a write that leaves the state as it is.")
    keep: bool = Field(False, description="Refuse to delete an entry in a terminal state.")

    @model_validator(mode="after")
    def _is_a_machine(self) -> TransitionRule:
        _told(self.rule)
        return self

    def rule(self) -> Transitions:
        """Return the rule. Raises ``ValueError`` for a machine that contradicts itself."""
        return Transitions(**self.model_dump())


class VerifierRule(_RuleSection):
    """A script that returns a function, which decides whether a value may be kept."""

    script: PathOnDisk = Field(
        json_schema_extra={"values": "path"},
        description="Lua or JavaScript file; relative paths start at the current folder.",
    )
    name: str | None = Field(
        None,
        min_length=1,
        json_schema_extra={"values": "text"},
        description="What errors call it; left out: the name of the file.",
    )
    every_class: bool = Field(
        False, description="Ask it about values of class trusted and ephemeral as well."
    )


class Validation(Section):
    """What is checked before a value is kept; see validation.md."""

    external: External = External()
    schemas: _Tables[SchemaRule] = Field(
        (),
        json_schema_extra={"values": "list of tables"},
        description="JSON Schemas, each for the scopes and keys it names.",
    )
    transitions: _Tables[TransitionRule] = Field(
        (),
        json_schema_extra={"values": "list of tables"},
        description="State machines, each for the scopes and keys it names.",
    )
    verifiers: _Tables[VerifierRule] = Field(
        (),
        json_schema_extra={"values": "list of tables"},
        description="Scripts that decide whether a value may be kept.",
    )


def _told(make: Callable[[], object]) -> None:
    """Make something, and tell what is wrong with it as being wrong with the whole table."""
    try:
        make()
    except ValueError as error:
        raise PydanticCustomError("entry", "is wrong: {reason}", {"reason": str(error)}) from None
