"""Migrate stored profiles to a new version of their schema: look, migrate, look again, undo.

    python examples/python/migration_example.py

The database is in a folder of its own, which is removed at the end.
"""

import tempfile
from pathlib import Path
from typing import Any

from llmspell import Config, Runtime
from llmspell.migration import (
    Custom,
    Default,
    FieldExists,
    MigrationStep,
    Move,
    Remove,
    Validation,
)
from llmspell.schema import (
    AppliesTo,
    BooleanField,
    EnumField,
    ObjectField,
    StateSchema,
    StringField,
)
from llmspell.state.migrating.result import MigrationEvent

V1 = StateSchema(
    name="user_profile",
    version=1,
    applies_to=[AppliesTo(scope="user:*", key="profile")],
    fields={
        "email": StringField(),
        "notifications": BooleanField(),
        "legacy_setting": StringField(),
    },
    required=["email", "notifications"],
)
V2 = StateSchema(
    name="user_profile",
    version=2,
    fields={
        "contact_info": ObjectField(
            fields={"email": StringField(), "verified": BooleanField()},
            required=["email", "verified"],
        ),
        "notification_level": EnumField(variants=["all", "mentions", "none"]),
    },
    required=["contact_info", "notification_level"],
)
STEP = MigrationStep(
    schema="user_profile",
    from_version=1,
    to_version=2,
    name="restructure_user_profile",
    description="Move email to contact_info and add verification status",
    pre_conditions=[FieldExists(field="email")],
    transformations=[
        Move(from_field="email", to_field="contact_info.email"),
        Default(field="contact_info.verified", value=False),
        Custom(
            from_fields=["notifications"],
            to_fields=["notification_level"],
            transformer="boolean_to_notification_level",
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
OLD = [
    {"email": "ada@example.com", "notifications": True, "legacy_setting": "beep"},
    {"email": "bob at home", "notifications": False},
]


def to_level(value: Any, config: dict[str, Any]) -> Any:
    """Return the level that a switch stands for."""
    return config["true_value" if value else "false_value"]


def show(event: MigrationEvent) -> None:
    """Print what would change in an entry, and what a migration has done."""
    if event.kind == "entry":
        changes = ", ".join(f"{each.path} {each.kind}" for each in event.differences)
        print(f"  {event.scope}: {changes}")
    elif event.kind == "step":
        print(f"  step {event.step}")
    elif event.kind == "batch":
        print(f"  {event.done} of {event.total}")


def main() -> None:
    """Store old profiles, migrate them, and bring them back."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(state={"path": str(Path(folder, "app.db"))})
        with Runtime(
            config,
            schemas=[V1, V2],
            migrations=[STEP],
            transformers={"boolean_to_notification_level": to_level},
        ) as runtime:
            state = runtime.state
            for number, profile in enumerate(OLD, 1):
                state.save(f"user:{number}", "profile", profile, schema_version=1)

            for step in state.migrations.plan("user_profile", 1, 2).steps:
                print(f"{step.name}:", *step.transforms, sep="\n  ")
            print("dry run")
            state.migrate_all(dry_run=True, on_event=show)

            print("migration")
            done = state.migrate_all(on_event=show)
            print(f"{done.status}: {done.items_migrated} of {done.items_checked}")
            print("user:1", state.load("user:1", "profile"))
            print("user:2", state.load("user:2", "profile"))

            # The very bytes come back, what the step removed included.
            undone = state.rollback_migration(done.id)
            print(f"{undone.status}: {undone.items_migrated}")
            print("as before:", state.load("user:1", "profile") == OLD[0])
            print("history:", [run.status for run in state.migration_history()])


if __name__ == "__main__":
    main()
