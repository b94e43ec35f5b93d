"""Test a migration before it meets what is stored: its plan, samples, and a dry run.

    python examples/python/migration_validation.py

The first two need no store at all, and belong into the tests of a program. Everything here is
in memory.
"""

from typing import Any

from llmspell import Config, Runtime
from llmspell.errors import LlmSpellError, MigrationFailed, UnsafeMigration
from llmspell.migration import Custom, MigrationStep, Move, Planner, Remove
from llmspell.migration.transformers import TRANSFORMERS
from llmspell.schema import Functions, IntegerField, SchemaRegistry, StateSchema, StringField
from llmspell.schema.validators import VALIDATORS

V1 = StateSchema(name="reading", version=1, fields={"temp": StringField()}, required=["temp"])
V2 = StateSchema(
    name="reading",
    version=2,
    fields={"celsius": IntegerField(min=-273)},
    required=["celsius"],
)
ENDS: dict[str, Any] = {"schema": "reading", "from_version": 1, "to_version": 2}
#: It moves what it has removed, and would leave text where version 2 has a number.
CARELESS = MigrationStep(
    **ENDS,
    name="careless",
    transformations=[
        Remove(field="temp"),
        Move(from_field="temp", to_field="celsius"),
    ],
)
CAREFUL = MigrationStep(
    **ENDS,
    name="careful",
    transformations=[
        Custom(
            from_fields=["temp"],
            to_fields=["celsius"],
            transformer="to_integer",
            remove_from=True,
        ),
    ],
)
#: What is stored somewhere, and what is to become of it; None where it must be refused.
SAMPLES: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({"temp": "20"}, {"celsius": 20}),
    ({"temp": "-4", "by": "sensor 7"}, {"celsius": -4, "by": "sensor 7"}),
    ({"temp": "warm"}, None),
]


def planner(step: MigrationStep) -> Planner:
    """Return what plans with one step, without a store."""
    return Planner(
        SchemaRegistry([V1, V2]),
        [step],
        transformers=Functions("transformer", TRANSFORMERS),
        validators=Functions("validator", VALIDATORS),
    )


def outcome(value: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the careful step makes of a value, ``None`` if it refuses it."""
    known = planner(CAREFUL)
    try:
        made = known.plan("reading", 1, 2).apply(value)
    except MigrationFailed as error:
        print("  refused:", error.message)
        return None
    assert known.registry.fits("reading", 2, made)
    return made


def main() -> None:
    """Look at both steps, try the better one with samples, and with what is stored."""
    print("what is wrong before any data is seen")
    for step in (CARELESS, CAREFUL):
        plan = planner(step).plan("reading", 1, 2)
        print(f"  {step.name}: safe: {plan.is_safe}", *plan.issues, sep="\n    ")

    print("samples")
    for before, after in SAMPLES:
        print(f"  {before} as expected: {outcome(dict(before)) == after}")

    print("what is stored")
    config = Config(state={"backend": "memory"})
    with Runtime(config, schemas=[V1, V2], migrations=[CAREFUL]) as runtime:
        state = runtime.state
        for number, (before, _) in enumerate(SAMPLES):
            state.save("sensor:1", f"r{number}", before, schema_version=1)
        found = state.migrate_all(dry_run=True)
        print(f"  {found.items_migrated} would be migrated, {found.items_failed} would fail")
        for error in found.errors:
            print(f"  {error['code']}: {error['message']}")

        # One entry is migrated or stays as it is.
        try:
            state.migrate("sensor:1", "r2")
        except LlmSpellError as error:
            print(f"  {error.code}, still there: {state.load('sensor:1', 'r2')}")

    with Runtime(config, schemas=[V1, V2], migrations=[CARELESS]) as runtime:
        runtime.state.save("sensor:1", "r0", {"temp": "20"}, schema_version=1)
        try:
            runtime.state.migrate_all()
        except UnsafeMigration as error:
            print(f"  {error.code}, still there: {runtime.state.load('sensor:1', 'r0')}")


if __name__ == "__main__":
    main()
