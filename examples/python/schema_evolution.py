"""Follow a schema through three versions: how compatible each is, and what leads between them.

    python examples/python/schema_evolution.py

Everything is in memory. Version 2 only adds to version 1, so no migration need be written for
it; version 3 changes a type, and has one.
"""

from llmspell import Config, Runtime
from llmspell.errors import IncompatibleSchema
from llmspell.migration import Custom, MigrationStep, Planner
from llmspell.schema import (
    AppliesTo,
    ArrayField,
    SchemaRegistry,
    StateSchema,
    StringField,
    differences,
)

V1 = StateSchema(
    name="note",
    version=1,
    applies_to=[AppliesTo(scope="notes")],
    fields={"text": StringField(), "tags": StringField()},
    required=["text", "tags"],
)
V2 = StateSchema(
    name="note",
    version=2,
    semantic_version="2.0.0",
    compatibility="full",
    fields={**V1.fields, "language": StringField(default="en")},
    required=["text", "tags", "language"],
)
V3 = StateSchema(
    name="note",
    version=3,
    compatibility="breaking",
    fields={**V2.fields, "tags": ArrayField(items=StringField())},
    required=["text", "tags", "language"],
)
SPLIT = MigrationStep(
    schema="note",
    from_version=2,
    to_version=3,
    name="split_tags",
    transformations=[
        Custom(
            from_fields=["tags"],
            to_fields=["tags"],
            transformer="split",
            config={"separator": ","},
        )
    ],
    # How it is undone follows from that: the opposite of split is join.
)


def show_ways(migrations: Planner) -> None:
    """Print which steps lead from one version to another."""
    for old, new in ((1, 2), (1, 3), (3, 1)):
        plan = migrations.plan("note", old, new)
        steps = " then ".join(f"{step.name} ({step.kind})" for step in plan.steps)
        print(f"{old} -> {new}: {steps}, safe: {plan.is_safe}")


def main() -> None:
    """Compare the versions, plan, and migrate a note up and down."""
    registry = SchemaRegistry([V1, V2, V3])
    for old, new in ((V1, V2), (V2, V3)):
        comparison = registry.compare("note", old.version, new.version)
        print(f"{old.version} -> {new.version} is {comparison.level}")
        for change in differences(old, new):
            print(f"  {change.kind} {change.path}: {change.what}")
        for problem in comparison.backward:
            print(f"  not backward compatible: {problem.path}: {problem.message}")

    # What is declared is checked: version 3 cannot pass for a compatible one.
    try:
        SchemaRegistry([V2, V3.model_copy(update={"compatibility": "backward"})])
    except IncompatibleSchema as error:
        print(error.code)

    config = Config(state={"backend": "memory"})
    with Runtime(config, schemas=[V1, V2, V3], migrations=[SPLIT]) as runtime:
        state = runtime.state
        show_ways(state.migrations)

        state.save("notes", "a", {"text": "Hello", "tags": "new,short"}, schema_version=1)
        for target in (2, 3, 1):
            result = state.migrate("notes", "a", target)
            print(f"version {target} by {', '.join(result.steps)}: {state.load('notes', 'a')}")

        # From version 1 to the latest in one go is the same as step by step.
        state.migrate("notes", "a")
        print("version", state.get_metadata("notes", "a").schema_version)


if __name__ == "__main__":
    main()
