"""From the configuration of checks to a validator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmspell.security.validation.candidate import Candidate
from llmspell.security.validation.external import ExternalBounds
from llmspell.security.validation.rule import Rule
from llmspell.security.validation.validator import Validator
from llmspell.security.validation.verifiers import Verifier

if TYPE_CHECKING:
    from llmspell.config.validation_section import SchemaRule, Validation, VerifierRule

__all__ = ["open_validator"]

#: What turns the path of a script into a function of a map.
ScriptRunner = Callable[[Path], Callable[[dict[str, Any]], Any]]


def open_validator(
    section: Validation | None, rules: Iterable[Rule] = (), *, scripts: ScriptRunner
) -> Validator | None:
    """Return what checks values as configured, and by further rules; ``None`` if there are none.

    ``scripts`` loads a verifier that is a script. Raises ``ConfigError`` for a schema or a script
    that cannot be used, naming its file.
    """
    found: list[Rule] = []
    bounds = ExternalBounds()
    if section is not None:
        bounds = section.external.bounds()
        found += map(_schema, section.schemas)
        found += (part.rule() for part in section.transitions)
        found += (_script(part, scripts) for part in section.verifiers)
    found += rules
    if not found and bounds == ExternalBounds():
        return None
    return Validator(found, external=bounds)


def _schema(part: SchemaRule) -> Rule:
    from llmspell.security.validation.schemas import Schema

    schema = part.file if part.inline is None else part.inline
    assert schema is not None  # the section sees to it
    return Schema(schema, scope=part.scope, key=part.key, every_class=part.every_class)


def _script(part: VerifierRule, scripts: ScriptRunner) -> Rule:
    run = scripts(part.script)

    def verify(candidate: Candidate) -> Any:
        scope, key, value, former, state_class, actor, schema_version = candidate
        asked = {"scope": scope, "key": key, "value": value, "former": former}
        about = {"class": state_class, "actor": actor, "schema_version": schema_version}
        return run(asked | about)

    name = part.name or part.script.name
    return Verifier(verify, scope=part.scope, key=part.key, name=name, every_class=part.every_class)
