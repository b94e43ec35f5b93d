"""Steps, schemas and planners for tests, in few words."""

from typing import Any

from llmspell.migration.plan import Plan
from llmspell.migration.planner import Planner
from llmspell.migration.step import MigrationStep
from llmspell.migration.transformers import TRANSFORMERS
from llmspell.schema.functions import Functions
from llmspell.schema.models import StateSchema
from llmspell.schema.registry import SchemaRegistry
from llmspell.schema.validators import VALIDATORS

__all__ = [
    "AFTER_REMOVAL",
    "FINAL",
    "LOSSY",
    "MOVE",
    "TEXT",
    "planner",
    "schema",
    "step",
    "way",
]

TEXT = {"type": "string"}
MOVE = {"type": "move", "from_field": "a", "to_field": "b"}
LOSSY = {"type": "default", "field": "c", "value": 1}
FINAL = {"type": "remove", "field": "legacy"}
AFTER_REMOVAL = {"type": "copy", "from_field": "legacy", "to_field": "d"}


def step(from_version: int, to_version: int, *transforms: Any, **more: Any) -> MigrationStep:
    ends = {"schema": "user", "from_version": from_version, "to_version": to_version}
    return MigrationStep.model_validate({**ends, "transformations": list(transforms), **more})


def schema(version: int, fields: dict[str, Any], **more: Any) -> StateSchema:
    data = {"name": "user", "version": version, "fields": fields, "required": list(fields)}
    return StateSchema.model_validate(data | more)


def planner(*parts: MigrationStep | StateSchema) -> Planner:
    return Planner(
        SchemaRegistry(part for part in parts if isinstance(part, StateSchema)),
        (part for part in parts if isinstance(part, MigrationStep)),
        transformers=Functions("transformer", TRANSFORMERS),
        validators=Functions("validator", VALIDATORS),
    )


def way(plan: Plan) -> list[tuple[int, int, str]]:
    return [(part.from_version, part.to_version, part.kind) for part in plan.steps]
