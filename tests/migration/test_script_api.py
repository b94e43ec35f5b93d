"""``State.migrate`` and what scripts see of schemas, the same in Lua and JavaScript."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmspell import Runtime
from llmspell.errors import ScriptError

LANGUAGES = ["lua", "js"]
V1 = {
    "name": "user_profile",
    "version": 1,
    "required": ["email"],
    "fields": {
        "email": {"type": "string"},
        "notifications": {"type": "boolean"},
        "legacy_setting": {"type": "string"},
    },
    "applies_to": [{"scope": "user:*", "key": "profile"}],
}
V2 = {
    "name": "user_profile",
    "version": 2,
    "description": "The address stands among the contacts.",
    "compatibility": "breaking",
    "required": ["contact_info", "notification_level"],
    "additional_fields": False,
    "fields": {
        "contact_info": {
            "type": "object",
            "required": ["email", "verified"],
            "fields": {"email": {"type": "string"}, "verified": {"type": "boolean"}},
        },
        "notification_level": {"type": "enum", "variants": ["all", "none"]},
    },
    "applies_to": V1["applies_to"],
}
STEP = {
    "schema": "user_profile",
    "from_version": 1,
    "to_version": 2,
    "name": "restructure_user_profile",
    "description": "Move email to contact_info and add verification status",
    "transformations": [
        {"type": "move", "from_field": "email", "to_field": "contact_info.email"},
        {"type": "default", "field": "contact_info.verified", "value": False},
        {
            "type": "custom",
            "from_fields": ["notifications"],
            "to_fields": ["notification_level"],
            "transformer": "boolean_to_enum",
            "config": {"true_value": "all", "false_value": "none"},
            "remove_from": True,
        },
        {"type": "remove", "field": "legacy_setting"},
        {
            "type": "validation",
            "field": "contact_info.email",
            "validator": "email_format",
            "error_action": "set_default",
            "default": "",
        },
    ],
    "pre_conditions": [{"type": "field_exists", "field": "email"}],
    "post_conditions": [
        {"type": "field_exists", "field": "contact_info.email"},
        {"type": "field_exists", "field": "contact_info.verified"},
    ],
    "rollback_transformations": [
        {"type": "move", "from_field": "contact_info.email", "to_field": "email"},
        {"type": "remove", "field": "contact_info"},
    ],
}
OLD = {"email": "ann@example.com", "notifications": True, "legacy_setting": "x"}
NEW = {
    "contact_info": {"email": "ann@example.com", "verified": False},
    "notification_level": "all",
}
FUNCTIONS = {
    "levels.lua": """
      local function to_level(value, config)
        if value then return config.true_value end
        return config.false_value
      end
      return {
        to_level = to_level,
        endless = function() while true do end end,
        throws = function(value)
          error("hunter2 " .. tostring(value))
        end,
        forgetful = function(value) value = not value end,
      }
    """,
    "levels.js": """
      module.exports = {
        toLevel: (value, config) => value ? config.true_value : config.false_value,
        throws: (value) => {
          throw new Error("hunter2 " + value);
        },
      };
    """,
}
Open = Callable[..., Runtime]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Open a runtime over a folder of schemas and migrations, with two users of version 1."""
    runtimes = []

    def open_it(transformer: str = "boolean_to_enum", **options: Any) -> Runtime:
        write_project(tmp_path, transformer)
        runtime = Runtime(tmp_path / "llmspell.toml", **options)
        runtimes.append(runtime)
        for user, facts in (("1", {}), ("2", {"notifications": False, "email": "none"})):
            runtime.state.save(f"user:{user}", "profile", OLD | facts, schema_version=1)
        runtime.state.save("user:1", "other", 5)
        return runtime

    yield open_it
    for runtime in runtimes:
        runtime.close()


def write_project(folder: Path, transformer: str) -> None:
    step = json.loads(json.dumps(STEP).replace("boolean_to_enum", transformer))
    files = {
        "schemas/user_profile_v1.json": json.dumps(V1),
        "schemas/user_profile_v2.json": json.dumps(V2),
        "migrations/user_profile.json": json.dumps(step),
        **{f"migrations/{name}": text for name, text in FUNCTIONS.items()},
        "llmspell.toml": '[state]\nbackend = "memory"\n[state.migration]\nenabled = true\n'
        f'schemas_dir = "{folder}/schemas"\nmigrations_dir = "{folder}/migrations"\n',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def run(runtime: Runtime, language: str, call: str) -> Any:
    """Return what a call of State returns; ``{a: 1}`` stands for a map in both languages."""
    if language == "lua":
        return runtime.execute(f"return State.{call.replace(': ', ' = ')}", engine="lua").value
    return runtime.execute(f"(State.{call})", engine="js").value


def told(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result without what no two migrations have in common."""
    assert result.pop("duration_ms") >= 0
    assert result.pop("id")
    return result


def users(runtime: Runtime) -> list[tuple[Any, int]]:
    refs = [("user:1", "profile"), ("user:2", "profile")]
    return [
        (runtime.state.load(*ref), runtime.state.get_metadata(*ref).schema_version) for ref in refs
    ]


# The user profile -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transformer", ["boolean_to_enum", "levels.lua:to_level", "levels.js:toLevel", "in_python"]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_one_entry_is_migrated_whatever_language_asks_and_converts(
    opened: Open, language: str, transformer: str
) -> None:
    runtime = opened(
        transformer,
        transformers={
            "in_python": lambda on, config: config["true_value" if on else "false_value"]
        },
    )
    result = told(run(runtime, language, 'migrate("user:1", "profile", 2)'))
    assert {name: result[name] for name in ("success", "status", "from_version", "to_version")} == {
        "success": True,
        "status": "completed",
        "from_version": 1,
        "to_version": 2,
    }
    assert (result["items_checked"], result["items_migrated"], result["errors"]) == (1, 1, [])
    assert result["steps"] == ["restructure_user_profile"]
    assert users(runtime)[0] == (NEW, 2)
    assert users(runtime)[1][1] == 1


def test_results_are_the_same_in_both_languages(opened: Open) -> None:
    calls = (
        'migrate("user:1", "profile", 2, {dry_run: true})',
        'migrate(2, {dry_run: true, schema: "user_profile"})',
        'migrate("user:1", "profile", "2.0.0")',
        'migrate("2.0.0")',
        'migrate("user:1", "profile", 2)',
        "get_schema_versions()",
    )
    seen = {}
    for language in LANGUAGES:
        runtime = opened()
        results = [run(runtime, language, call) for call in calls]
        seen[language] = [told(each) if "id" in each else each for each in results]
    assert seen["lua"] == seen["js"]
    assert [each["status"] for each in seen["lua"][:-1]] == [
        "dry_run", "dry_run", "completed", "completed", "nothing_to_do",
    ]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("target", ["2", '"2"', '"2.0.0"'])
def test_a_target_alone_migrates_all_a_schema_applies_to(
    opened: Open, language: str, target: str
) -> None:
    runtime = opened()
    result = run(runtime, language, f"migrate({target})")
    assert (result["success"], result["items_migrated"], result["schemas"]) == (
        True, 2, ["user_profile"],
    )  # fmt: skip
    bad_address = {"contact_info": {"email": "", "verified": False}, "notification_level": "none"}
    assert users(runtime) == [(NEW, 2), (bad_address, 2)]
    assert runtime.state.load("user:1", "other") == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_options_choose_what_is_migrated(opened: Open, language: str) -> None:
    runtime = opened()
    result = run(runtime, language, 'migrate(2, {scope: "user:2", key: "pro*", atomic: true})')
    assert result["items_migrated"] == 1
    assert [version for _, version in users(runtime)] == [1, 2]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("call", ['"user:1", "profile", 2', "2"])
def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(
    opened: Open, language: str, call: str
) -> None:
    runtime = opened()
    before = users(runtime)
    result = run(runtime, language, f"migrate({call}, {{dry_run: true}})")
    assert (result["status"], result["success"]) == ("dry_run", True)
    assert result["items_migrated"] == (2 if call == "2" else 1)
    assert users(runtime) == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_scope_that_reads_like_a_version_is_a_scope_where_a_key_follows(
    opened: Open, language: str
) -> None:
    with pytest.raises(ScriptError) as caught:
        run(opened(), language, 'migrate("2.0.0", "profile", 2)')
    assert caught.value.details["scope"] == "2.0.0"


@pytest.mark.parametrize("language", LANGUAGES)
def test_status_counts_the_entries_of_each_version(opened: Open, language: str) -> None:
    runtime = opened()
    run(runtime, language, 'migrate(2, {scope: "user:2"})')
    status = run(runtime, language, "get_migration_status()")
    assert status["schemas"]["user_profile"]["entries"] == {"1": 1, "2": 1}
    assert (status["pending"], status["up_to_date"], status["running"]) == (1, False, False)
    assert status["last"]["items_migrated"] == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_schema_versions_are_told_with_what_is_known_of_them(opened: Open, language: str) -> None:
    assert run(opened(), language, "get_schema_versions()") == {
        "user_profile": {
            "latest": 2,
            "semantic_version": "2.0.0",
            "versions": [
                {"version": 1, "semantic_version": "1.0.0"},
                {
                    "version": 2,
                    "semantic_version": "2.0.0",
                    "description": V2["description"],
                    "compatibility": "breaking",
                },
            ],
        }
    }


def test_javascript_has_names_of_its_own_which_return_promises(opened: Open) -> None:
    code = (
        "const told = await State.migrate(2);\n"
        "const status = await State.getMigrationStatus();\n"
        "return [told.items_migrated, status.up_to_date,"
        " Object.keys(State.sync.getSchemaVersions())];"
    )
    assert opened().execute(code, engine="js").value == [2, True, ["user_profile"]]


# Misuse -----------------------------------------------------------------------------------------

FORMS = (
    "call it as State.migrate(scope, key, target [, options]) or State.migrate(target [, options])"
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ("", "argument 'scope' is missing", FORMS),
        ('"user:1"', "argument 'key' is missing", FORMS),
        ('"user:1", "profile"', "argument 'target' is missing", FORMS),
        ('"user:1", "profile", true', "'target' must be an integer or text, not a boolean", FORMS),
        ('"user:1", "profile", 2.5', "'target' must be an integer or text, not a float", FORMS),
        ('"user:1", 2', "'key' must be text, not an integer", FORMS),
        ("2.5", "'target' must be an integer or text, not a float", FORMS),
        ("true", "'scope' must be text, not a boolean", FORMS),
        ('2, "profile"', "'options' must be a map, not text", FORMS),
        ('"2.0.0", 5', "'options' must be a map, not an integer", FORMS),
        ("2, {}, 3", "3 arguments, but it takes at most 2", FORMS),
        ('"user:1", "profile", 2, {}, 5', "5 arguments, but it takes at most 4", FORMS),
        ("2, {dryrun: true}", "unknown option 'dryrun'", "did you mean 'dry_run'?"),
        ('"user:1", "profile", 2, {atomic: true}', "unknown option 'atomic'", "options: dry_run"),
        ("2, {dry_run: 1}", "argument 'dry_run' must be a boolean, not an integer", FORMS),
        ("0", "argument 'target' must be a version", None),
    ],
)
def test_a_call_of_neither_form_shows_both(
    opened: Open, language: str, arguments: str, message: str, hint: str | None
) -> None:
    runtime = opened()
    before = users(runtime)
    with pytest.raises(ScriptError) as caught:
        run(runtime, language, f"migrate({arguments})")
    error = caught.value
    assert error.code == "invalid_argument"
    assert message in error.message
    assert error.message.startswith("State.migrate")
    assert hint is None or str(error.hint).startswith(hint)
    assert users(runtime) == before


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('"user:3", "profile", 2', "key_not_found"),
        ('"user:1", "other", 2', "schema_error"),
        ('"user:1", "profile", 9', "unsupported_version"),
        ('"user:1", "profile", "later"', "unsupported_version"),
        ('"agent:", "profile", 2', "invalid_scope"),
        ('"user:1", "", 2', "invalid_key"),
        ('"9.9.9"', "unsupported_version"),
        ('2, {schema: "none"}', "schema_error"),
    ],
)
def test_what_cannot_be_migrated_is_an_error_with_a_code(
    opened: Open, language: str, call: str, code: str
) -> None:
    runtime = opened()
    before = users(runtime)
    with pytest.raises(ScriptError) as caught:
        run(runtime, language, f"migrate({call})")
    assert caught.value.code == code
    assert users(runtime) == before


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        ("levels.lua:throws", "failed with ScriptError ("),
        ("levels.js:throws", "failed with ScriptError ("),
        ("levels.lua:endless", "timeout_s"),
    ],
)
def test_a_transformer_that_fails_is_told_with_step_and_place_and_changes_nothing(
    opened: Open, language: str, transformer: str, message: str
) -> None:
    runtime = opened(transformer)
    before = users(runtime)
    with pytest.raises(ScriptError) as caught:
        run(runtime, language, 'migrate("user:1", "profile", 2)')
    error = caught.value
    assert error.code == "migration_failed"
    for part in ("restructure_user_profile", transformer, "'user:1'", message):
        assert part in error.message
    assert "hunter2" not in error.message
    assert error.details["key"] == "profile"
    assert users(runtime) == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_many_entries_those_that_fail_are_listed(opened: Open, language: str) -> None:
    runtime = opened("levels.js:throws")
    result = run(runtime, language, "migrate(2)")
    assert (result["success"], result["status"], result["items_failed"]) == (False, "partial", 2)
    assert [each["scope"] for each in result["errors"]] == ["user:1", "user:2"]
    assert {each["code"] for each in result["errors"]} == {"migration_failed"}
    assert "hunter2" not in str(result)


# When it is off -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["migrate", "get_migration_status", "get_schema_versions"])
def test_without_the_feature_the_functions_are_absent_and_calls_name_the_key(
    language: str, name: str
) -> None:
    with Runtime(profile="minimal") as runtime:
        asked = (
            f"return State.{name} == nil" if language == "lua" else f"State.{name} === undefined"
        )
        assert runtime.execute(asked, engine=language).value is True
        with pytest.raises(ScriptError) as caught:
            runtime.execute(f"State.{name}(2)", engine=language)
    assert caught.value.hint == (
        f"State.{name} needs state.migration.enabled = true in the configuration"
    )


@pytest.mark.parametrize("call", ["migrate(4/2)", "migrate('user:1', 'profile', 2.0)"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_version_may_be_a_whole_number_that_came_of_a_division(
    opened: Open, language: str, call: str
) -> None:
    assert run(opened(), language, call)["to_version"] == 2


@pytest.mark.parametrize("target", ["2.5", "1e20"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_other_number_is_a_version_and_the_target_is_what_is_wrong(
    opened: Open, language: str, target: str
) -> None:
    with pytest.raises(ScriptError, match="argument 'target' must be"):
        run(opened(), language, f"migrate({target})")
