"""What migrations cost: ``python -m benchmarks.migrations`` on a quiet machine.

Prints one line for each figure: the median of some rounds, and the least.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from llmspell import Config, Runtime
from llmspell.migration import Custom, Default, MigrationStep, Move, Planner, Remove, Validation
from llmspell.migration.conditions import FieldExists
from llmspell.migration.transformers import TRANSFORMERS
from llmspell.schema import AppliesTo, Functions, SchemaRegistry, StateSchema
from llmspell.schema.validators import VALIDATORS
from llmspell.state.manager import StateManager

__all__ = ["main"]

ENTRIES: Final = 100_000
VALUES: Final = 20_000
ROUNDS: Final = 7
VERSIONS: Final = 50

#: The user profile of the reference: four fields, nested by the migration.
PROFILE: Final = {
    "user_id": "user123",
    "email": "john@example.com",
    "notifications": True,
    "legacy_setting": "x",
}
STEP: Final = MigrationStep(
    schema="user_profile",
    from_version=1,
    to_version=2,
    name="restructure_user_profile",
    pre_conditions=[FieldExists(field="email")],
    transformations=[
        Move(from_field="email", to_field="contact_info.email"),
        Default(field="contact_info.verified", value=False),
        Custom(
            from_fields=["notifications"],
            to_fields=["notification_level"],
            transformer="boolean_to_enum",
            config={"true_value": "all", "false_value": "none"},
            remove_from=True,
        ),
        Remove(field="legacy_setting"),
        Validation(
            field="contact_info.email",
            validator="email_format",
            error_action="set_default",
            default="",
        ),
    ],
    post_conditions=[
        FieldExists(field="contact_info.email"),
        FieldExists(field="contact_info.verified"),
    ],
)


def main() -> None:
    """Measure and print everything."""
    _transform()
    _plan()
    _migrate("sqlite", "off")
    _migrate("sqlite", "strict")


def _planner(steps: list[MigrationStep]) -> Planner:
    return Planner(
        SchemaRegistry(),
        steps,
        transformers=Functions("transformer", TRANSFORMERS),
        validators=Functions("validator", VALIDATORS),
    )


def _transform() -> None:
    """Make and transform one value after the other; making it is taken off."""
    apply = _planner([STEP]).plan("user_profile", 1, 2).compile().apply
    make = PROFILE.copy

    def once() -> float:
        started = time.perf_counter()
        for _ in range(VALUES):
            apply(make())
        between = time.perf_counter()
        for _ in range(VALUES):
            make()
        return (2 * between - started - time.perf_counter()) / VALUES * 1e6

    _tell("transform of a value in memory (goal 2.07)", once, "us")


def _plan() -> None:
    """Plan a way over fifty versions, and compile it: each step moves a field and checks it."""
    steps = [_next_step(version) for version in range(1, VERSIONS)]

    def once() -> float:
        planner = _planner(steps)
        started = time.perf_counter()
        planner.plan("user_profile", 1, VERSIONS).compile()
        return (time.perf_counter() - started) * 1e3

    _tell(f"plan over {VERSIONS} versions, compiled (goal 5)", once, "ms")


def _next_step(version: int) -> MigrationStep:
    former, field = f"contact.email_{version}", f"contact.email_{version + 1}"
    return MigrationStep(
        schema="user_profile",
        from_version=version,
        to_version=version + 1,
        pre_conditions=[FieldExists(field="user_id")],
        transformations=[
            Move(from_field=former, to_field=field),
            Validation(field=field, validator="email_format", error_action="skip"),
        ],
    )


def _migrate(backend: str, level: str) -> None:
    """Migrate 100,000 entries and roll them back, in turns."""
    with tempfile.TemporaryDirectory() as folder, _runtime(backend, level, folder) as runtime:
        state = runtime.state
        numbers = range(ENTRIES)
        for begin in range(0, ENTRIES, 10_000):
            part = {f"p{number:06}": PROFILE for number in numbers[begin : begin + 10_000]}
            state.import_entries((("user:all", key, value, 1) for key, value in part.items()))
        back: list[float] = []

        def once() -> float:
            result = state.migrate_all(2)
            assert result.items_migrated == ENTRIES
            back.append(_rollback(state))
            return result.duration_ms / ENTRIES * 1e3

        what = f"{backend}, validation {level}"
        _tell(f"migrate {ENTRIES:,} entries, {what} (goal 12)", once, "us/entry", rounds=3)
        print(f"{'  roll them back':62} {median(back):9.2f} us/entry")
        tracemalloc.start()
        state.migrate_all(2)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"{'  most memory at a time':62} {peak / 2**20:9.2f} MiB")


def _rollback(state: StateManager) -> float:
    result = state.rollback_migration()
    assert result.items_migrated == ENTRIES, result
    return result.duration_ms / ENTRIES * 1e3


def _runtime(backend: str, level: str, folder: str) -> Runtime:
    config = Config(
        state={
            "backend": backend,
            "path": str(Path(folder) / "state.db"),
            "migration": {"enabled": True, "validation_level": level},
            "journal": {"max_changes": 0},
            "performance": {"cache_size": 0},
        }
    )
    text: dict[str, Any] = {"type": "string"}
    first = StateSchema(
        name="user_profile",
        version=1,
        fields=dict.fromkeys(PROFILE, text) | {"notifications": {"type": "boolean"}},
        applies_to=[AppliesTo(scope="user:*")],
    )
    contact = {"type": "object", "fields": {"email": text, "verified": {"type": "boolean"}}}
    second = StateSchema(
        name="user_profile",
        version=2,
        fields={
            "user_id": text,
            "contact_info": contact,
            "notification_level": {"type": "enum", "variants": ["all", "none"]},
        },
        required=["user_id", "contact_info"],
    )
    return Runtime(config, schemas=[first, second], migrations=[STEP])


def _tell(what: str, once: Callable[[], float], unit: str, *, rounds: int = ROUNDS) -> None:
    figures = [once() for _ in range(rounds)]
    print(f"{what:62} {median(figures):9.2f} {unit} (least {min(figures):.2f})")


if __name__ == "__main__":
    main()
