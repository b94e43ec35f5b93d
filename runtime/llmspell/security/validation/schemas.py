"""JSON Schemas as rules. The only file that imports jsonschema_rs, when it makes one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmspell.errors import ConfigError
from llmspell.security.validation.candidate import Candidate, Problem
from llmspell.security.validation.json_form import json_form, json_path
from llmspell.security.validation.rule import Where
from llmspell.security.validation.schema_files import read_schema, retriever
from llmspell.security.validation.schema_words import schema_problems

__all__ = ["Schema"]


class Schema:
    """A JSON Schema that values must satisfy: draft 2020-12 unless its ``$schema`` says another.

    ``schema`` is the schema itself, or the path of a file that holds it. Formats are checked. It
    sees timestamps as ISO 8601 text and bytes as base64 text. References lead to the schema
    itself or to files in its folder; nothing is fetched. ``every_class`` checks values of class
    trusted and ephemeral as well. Raises ``ConfigError`` naming file and place for what is no
    schema, and ``ValueError`` for a wrong pattern.
    """

    stage = 1
    needs_former = False
    guards_deletion = False
    judges_changes = False

    def __init__(
        self,
        schema: dict[str, Any] | bool | str | Path,
        *,
        scope: str = "*",
        key: str = "*",
        every_class: bool = False,
    ) -> None:
        self.where = Where(scope, key)
        self.every_class = every_class
        file = Path(schema) if isinstance(schema, str | Path) else None
        self._validator = _compiled(schema if file is None else read_schema(file), file)

    def problems(self, candidate: Candidate) -> Iterator[Problem]:
        """Yield where the value does not fit, and what the schema demands there."""
        form = json_form(candidate.value)
        if not self._validator.is_valid(form):
            for error in self._validator.iter_errors(form):
                yield from schema_problems(error)

    def deletion_problems(self, candidate: Candidate) -> Iterator[Problem]:
        """Yield nothing: a schema says what values are like."""
        yield from ()


def _compiled(schema: Any, file: Path | None) -> Any:
    import jsonschema_rs

    base = None if file is None else file.resolve()
    retrieve, failures = retriever(None if base is None else base.parent)
    try:
        return jsonschema_rs.validator_for(
            schema,
            validate_formats=True,
            retriever=retrieve,
            base_uri=None if base is None else base.as_uri(),
        )
    except ValueError as error:
        reason = failures[0] if failures else None
        hint = reason.hint if reason else None
        text = reason.message if reason else _first_line(error)
        place = json_path(getattr(error, "instance_path", ()))
        shown = "the schema" if file is None else str(file)
        raise ConfigError(
            f"{shown}: {place}: {text}", hint=hint, file=None if file is None else shown
        ) from None


def _first_line(error: ValueError) -> str:
    text = str(getattr(error, "message", error)).split("\n", 1)[0]
    return text if len(text) <= 200 else text[:199] + "…"
