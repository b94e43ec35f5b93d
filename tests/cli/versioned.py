"""A folder with two versions of a schema, the migration between them, and how to fill its store."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from .conftest import Program

CONFIG = "[state.migration]\nenabled = true\n"

USER_1 = """\
name = "user_profile"
version = 1
description = "Who a user is"
required = ["name", "email"]
[[applies_to]]
scope = "user:*"
key = "profile"
[fields.name]
type = "string"
max_length = 40
[fields.email]
type = "string"
[fields.notifications]
type = "boolean"
"""

USER_2 = """\
name = "user_profile"
version = 2
semantic_version = "2.1.0"
compatibility = "breaking"
required = ["name", "contact"]
additional_fields = false
[[applies_to]]
scope = "user:*"
key = "profile"
[[validation_rules]]
field = "contact.email"
validator = "email"
[fields.name]
type = "string"
[fields.contact]
type = "object"
required = ["email"]
fields.email = { type = "string", description = "where to write to" }
[fields.level]
type = "enum"
variants = ["all", "none"]
"""

STEP = """\
schema = "user_profile"
from_version = 1
to_version = 2
name = "restructure"
description = "contact data of its own"
[[transformations]]
type = "move"
from_field = "email"
to_field = "contact.email"
[[transformations]]
type = "custom"
from_fields = ["notifications"]
to_fields = ["level"]
transformer = "boolean_to_enum"
config = { true_value = "all", false_value = "none" }
if_missing = "skip"
remove_from = true
[[transformations]]
type = "validation"
field = "contact.email"
validator = "email"
"""

OLD = {"name": "Ada", "email": "ada@example.com", "notifications": True}
NEW = {"name": "Ada", "contact": {"email": "ada@example.com"}, "level": "all"}
BAD = {"name": "Bob", "email": "nowhere"}
"""Fits version 1, and fails in the step to version 2."""


def prepare(llmspell: Program) -> Program:
    """Write the files; the store is not there yet."""
    llmspell.write("m.toml", CONFIG)
    llmspell.write("schemas/user_1.toml", USER_1)
    llmspell.write("schemas/user_2.toml", USER_2)
    llmspell.write("migrations/user_1_2.toml", STEP)
    return llmspell


def run(llmspell: Program, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with migrations on."""
    return llmspell.here("-c", "m.toml", *arguments)


def report(llmspell: Program, *arguments: str) -> dict[str, Any]:
    """Run a command with --json and return its object."""
    done = run(llmspell, *arguments, "--json")
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["ok"] is (done.returncode == 0), done
    return told


def store(llmspell: Program, *values: Any, version: int = 1) -> None:
    """Store values as the profiles of users 0, 1, 2, ..."""
    entries = [
        {
            "scope": f"user:{number}",
            "key": "profile",
            "value": value,
            "metadata": {"schema_version": version},
        }
        for number, value in enumerate(values)
    ]
    document = {"format": "llmspell-state", "version": 1, "entries": entries}
    llmspell.write("entries.json", json.dumps(document))
    done = run(llmspell, "state", "import", "entries.json")
    assert done.returncode == 0, done.stderr


def stored(llmspell: Program) -> list[Any]:
    """Return the values of all profiles with their versions, by user."""
    document = json.loads(run(llmspell, "state", "export", "-").stdout)
    return [(entry["value"], entry["metadata"]["schema_version"]) for entry in document["entries"]]
