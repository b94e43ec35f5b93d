"""JSON Schemas that are ready to be asked. Only this file imports jsonschema_rs, when needed."""

from __future__ import annotations

from typing import Any

__all__ = ["compiled", "pattern_problem"]


def compiled(schema: dict[str, Any]) -> Any:
    """Return what tells whether JSON fits a JSON Schema. Raises ``ValueError`` for a wrong one."""
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema, validate_formats=True)


def pattern_problem(pattern: str) -> str | None:
    """Return why a text is no pattern that can be used."""
    try:
        compiled({"pattern": pattern})
    except ValueError:
        import re
        import warnings

        try:
            with warnings.catch_warnings(action="ignore"):
                re.compile(pattern)
        except re.error as error:
            return error.msg
        except (RecursionError, OverflowError):
            return "it is nested or repeated too much"
        return "uses what patterns in JSON Schemas do not have"
    return None
