"""The user profile that most tests migrate: version 1, version 2, and the step between them."""

from __future__ import annotations

from typing import Any

from llmspell.migration import Custom, Default, MigrationStep, Move, Remove, Validation
from llmspell.migration.conditions import FieldExists
from llmspell.schema import AppliesTo, StateSchema

V1 = StateSchema(
    name="user_profile",
    version=1,
    fields={
        "user_id": {"type": "string"},
        "email": {"type": "string"},
        "notifications": {"type": "boolean"},
        "legacy_setting": {"type": "string"},
    },
    required=["user_id", "email", "notifications"],
    applies_to=[AppliesTo(scope="user:*")],
)
V2 = StateSchema(
    name="user_profile",
    version=2,
    fields={
        "user_id": {"type": "string"},
        "contact_info": {
            "type": "object",
            "fields": {"email": {"type": "string"}, "verified": {"type": "boolean"}},
            "required": ["email", "verified"],
        },
        "notification_level": {"type": "enum", "variants": ["all", "none"]},
    },
    required=["user_id", "contact_info", "notification_level"],
)
STEP = MigrationStep(
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
    post_conditions=[FieldExists(field="contact_info.email")],
)


def old(number: int = 1, **members: Any) -> dict[str, Any]:
    """Return a profile of version 1."""
    facts = {"user_id": f"u{number}", "email": f"u{number}@example.com", "notifications": True}
    return facts | {"legacy_setting": "x"} | members


def new(number: int = 1, email: str | None = None) -> dict[str, Any]:
    """Return what the step makes of it."""
    contact = {"email": f"u{number}@example.com" if email is None else email, "verified": False}
    return {"user_id": f"u{number}", "contact_info": contact, "notification_level": "all"}
