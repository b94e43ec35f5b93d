"""The user profile of the examples: migrated from wherever it may be, it becomes the same value."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmspell import Config, Runtime
from llmspell.migration.files import read_step
from llmspell.schema import read_schemas

EXAMPLES = Path(__file__).parents[2] / "examples"
MIGRATION = "user_profile_v1_to_v2.toml"
S = "example:profiles"
OLD = {
    "ada": {
        "user_id": "ada",
        "email": "ada@example.com",
        "notifications": True,
        "legacy_setting": "beep",
    },
    "bob": {"user_id": "bob", "email": "bob at home", "notifications": False},
}
NEW = {
    "ada": {
        "user_id": "ada",
        "contact_info": {"email": "ada@example.com", "verified": False},
        "notification_level": "all",
    },
    "bob": {
        "user_id": "bob",
        "contact_info": {"email": "", "verified": False},
        "notification_level": "none",
    },
}
BACK = {
    "ada": {"user_id": "ada", "email": "ada@example.com", "notifications": True},
    "bob": {"user_id": "bob", "email": "", "notifications": False},
}
#: The names that stand for the transformers of both directions in the migration's file.
IN_LUA = ("levels.lua:to_level", "levels.lua:to_switch")
TRANSFORMERS = {"lua": IN_LUA, "js": ("levels.js:toLevel", "levels.js:toSwitch")}


def to_level(value: Any, config: dict[str, Any]) -> Any:
    return config["true_value"] if value else config["false_value"]


def to_switch(value: Any, config: dict[str, Any]) -> Any:
    return bool(value != config["false_value"])


REGISTERED = {"to_level": to_level, "to_switch": to_switch}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the schemas and the migration of the examples in its own folders."""
    for name in ("schemas", "migrations"):
        shutil.copytree(EXAMPLES / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_transformers(folder: Path, names: tuple[str, str]) -> Path:
    """Write other names of transformers into the migration; return its file."""
    file = folder / "migrations" / MIGRATION
    text = file.read_text()
    for old, new in zip(IN_LUA, names, strict=True):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return file


def opened(**given: Any) -> Runtime:
    runtime = Runtime(Config(state={"backend": "memory", "migration": {"enabled": True}}), **given)
    for key, profile in OLD.items():
        runtime.state.save(S, key, profile, schema_version=1)
    return runtime


def check(runtime: Runtime, migrate: Callable[[str, str, int], object]) -> None:
    """Migrate each profile up and down, and look at what is stored."""
    state = runtime.state
    for target, expected in ((2, NEW), (1, BACK)):
        for key in OLD:
            migrate(S, key, target)
        assert {key: state.load(S, key) for key in OLD} == expected
        known = [state.get_metadata(S, key) for key in OLD]
        assert [each and each.schema_version for each in known] == [target, target]


@pytest.mark.parametrize("language", ["lua", "js"])
def test_a_migration_in_a_file_takes_transformers_of_both_languages(
    folder: Path, language: str
) -> None:
    with_transformers(folder, TRANSFORMERS[language])
    with opened() as runtime:
        check(runtime, runtime.state.migrate)


def test_a_migration_and_transformers_in_python_come_to_the_same(folder: Path) -> None:
    schemas = read_schemas("schemas")
    step = read_step(with_transformers(folder, ("to_level", "to_switch")))
    for name in ("schemas", "migrations"):
        shutil.rmtree(folder / name)
    with opened(schemas=schemas, migrations=[step], transformers=REGISTERED) as runtime:
        check(runtime, runtime.state.migrate)


SCRIPTS = {
    "lua": "State.migrate(INPUT.scope, INPUT.key, INPUT.target)",
    "js": "await State.migrate(INPUT.scope, INPUT.key, INPUT.target)",
}


@pytest.mark.parametrize("language", ["lua", "js"])
@pytest.mark.usefixtures("folder")
def test_a_script_migrates_to_the_same(language: str) -> None:
    with opened() as runtime:

        def migrate(scope: str, key: str, target: int) -> None:
            given = {"scope": scope, "key": key, "target": target}
            runtime.execute(SCRIPTS[language], engine=language, input=given)

        check(runtime, migrate)


@pytest.mark.parametrize("language", ["lua", "js"])
@pytest.mark.usefixtures("folder")
def test_a_script_migrates_everything_to_the_same(language: str) -> None:
    code = {"lua": "return State.migrate('2.0.0')", "js": "return await State.migrate('2.0.0')"}
    with opened() as runtime:
        result = runtime.execute(code[language], engine=language).value
        assert (result["status"], result["items_migrated"]) == ("completed", len(OLD))
        assert {key: runtime.state.load(S, key) for key in OLD} == NEW


SHOWN = """\
mal: validation_failed
dry_run: 3 of 3
ada: completed, 1 -> 2
  ada <ada@example.com> all, verified: false
completed: 2, failed: 0
  ada <ada@example.com> all, verified: false
  bob <> none, verified: false
  eve <eve@example.org> all, verified: false
version 2: 3, to migrate: 0
  1.0.0 one address and one switch
  2.0.0 contact data of their own, notifications at a level
ada again: ada@example.com, notifications: true
unsupported_version
"""


@pytest.mark.parametrize("language", ["lua", "js"])
def test_the_example_with_its_configuration_prints_the_same_in_both_languages(
    tmp_path: Path, language: str
) -> None:
    for name in ("examples", "configs"):
        (tmp_path / name).symlink_to(EXAMPLES.parent / name)
    example = f"examples/{language}/schema_migration.{language}"
    options = ["-c", "configs/schema-migration.toml", "run", example]
    done = subprocess.run(
        [sys.executable, "-m", "llmspell.cli", *options],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (SHOWN, "")
