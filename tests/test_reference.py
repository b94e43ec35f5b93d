"""The reference of State names the errors its functions really raise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmspell import Runtime, ScriptError
from llmspell.config import load_config
from llmspell.migration.step import MigrationStep
from llmspell.reference.scripting import ERRORS_BY_PARAMETER, place_of
from llmspell_bridges.api import Function
from llmspell_stdlib.state_backup import BACKUP, STATE
from llmspell_stdlib.state_migration import MIGRATION

# JavaScript expressions: what to pass usually, and what each error is provoked with. To lose an
# update or an increment a thousand times over, the other version_conflict, takes real contention.
USUAL = {
    "scope": "'global'",
    "id": "'writer'",
    "key": "'k'",
    "keys": "['k']",
    "value": "1",
    "values": "({ k: 1 })",
    "fn": "() => 1",
    "default": "1",
    "by": "1",
    "options": "({})",
    "prefix": "''",
    "version": "1",
    "old": "1",
    "new": "1",
    "checkpoint": "'c1'",
    "target": "1",
    "type": "'full'",
    "dry_run": "true",
    "create_backup.type": "'scope'",
    "restore_backup.id": "State.sync.listBackups()[0].id",
}
WRONG = {
    ("scope", "invalid_scope"): "'agent:'",
    ("id", "invalid_scope"): "'x'.repeat(300)",
    ("key", "invalid_key"): "''",
    ("keys", "invalid_key"): "['']",
    ("value", "invalid_value"): "NaN",
    ("value", "limit_exceeded"): "'x'.repeat(9e6)",
    ("values", "invalid_key"): "({ '': 1 })",
    ("values", "invalid_value"): "({ k: NaN })",
    ("values", "limit_exceeded"): "({ k: 'x'.repeat(9e6) })",
    ("default", "invalid_value"): "NaN",
    ("fn", "invalid_value"): "() => NaN",
    ("fn", "limit_exceeded"): "() => 'x'.repeat(9e6)",
    ("by", "invalid_value"): "NaN",
    ("SaveOptions", "version_conflict"): "({ if_version: 9 })",
    ("ListOptions", "invalid_value"): "({ limit: -1 })",
    ("HistoryOptions", "invalid_value"): "({ limit: 0 })",
    ("LockOptions", "invalid_value"): "({ ttl: 0 })",
    ("load_version.version", "version_not_found"): "9",
    ("revert.version", "version_not_found"): "9",
    ("diff.old", "version_not_found"): "9",
    ("diff.new", "version_not_found"): "9",
    ("checkpoint", "checkpoint_not_found"): "'none'",
    ("transaction.fn", "version_conflict"): "tx => tx.save('global', 'k', 1, { if_version: 9 })",
    ("migrate.key", "invalid_key"): "''",
    ("migrate.key", "key_not_found"): "'none'",
    ("migrate.target", "unsupported_version"): "9",
    ("migrate.target", "migration_failed"): "2",
    ("migrate.target", "unsafe_migration"): "4",
    ("migrate.target", "migration_path_missing"): "5",
    ("create_backup.type", "backup_base_missing"): "'differential'",
    ("BackupOptions", "invalid_scope"): "({ scope: 'agent:' })",
    ("validate_backup.id", "backup_not_found"): "'20260131T120000Z-0a1b2c'",
    ("restore_backup.id", "backup_not_found"): "'20260131T120000Z-0a1b2c'",
    ("restore_backup.id", "backup_damaged"): "State.sync.listBackups()[0].id",
    ("RestoreOptions", "invalid_scope"): "({ scope: 'agent:' })",
    ("RestoreOptions", "invalid_key"): "({ scope: 'global', keys: [''] })",
    ("RestoreOptions", "checkpoint_not_found"): "({ checkpoint: 'none' })",
    ("RestoreOptions", "point_unreachable"): "({ at: '1999-01-31' })",
    ("lock.fn", "lock_unavailable"): "() => State.sync.lock('global', 'k', { wait: 0 }, () => 1)",
    ("lock.fn", "lock_lost"): "lock => { lock.extend(1e-6); for (let i = 0; i < 1e5; i++); }",
}
#: Ways from version 1 that end in each of the errors, for whatever there is.
STEPS = tuple(
    MigrationStep(schema="any", **facts)
    for facts in (
        {
            "from_version": 1,
            "to_version": 2,
            "pre_conditions": [{"type": "field_exists", "field": "none"}],
        },
        {
            "from_version": 4,
            "to_version": 1,
            "transformations": [{"type": "default", "field": "a", "value": 1}],
        },
        {
            "from_version": 5,
            "to_version": 1,
            "transformations": [{"type": "remove", "field": "a"}],
        },
    )
)
CONTENTION = {("fn", "version_conflict"), ("by", "version_conflict")}


def mistakes() -> Iterator[tuple[Function, int, str, str]]:
    for function in STATE.functions:
        if function.internal:
            continue
        for index, param in enumerate(function.by_form()[0].params):
            if (function.name, param.name) == ("update", "default"):
                continue  # handed to the function unseen; what that returns is checked
            name = place_of(function, param)
            for code in ERRORS_BY_PARAMETER.get(name, ()):
                if (name, code) not in CONTENTION:
                    yield function, index, code, WRONG[name, code]


def describe(part: object) -> str | None:
    return part.name if isinstance(part, Function) else None


@pytest.mark.parametrize(("function", "index", "code", "wrong"), list(mistakes()), ids=describe)
def test_a_function_raises_the_error_its_reference_names(
    function: Function, index: int, code: str, wrong: str, tmp_path: Path
) -> None:
    params = function.by_form()[0].params
    own = [f"{function.name}.{param.name}" for param in params]
    arguments = [USUAL.get(name, USUAL.get(name.partition(".")[2])) for name in own]
    arguments[index] = wrong
    script = f"State.sync.{function.name}({', '.join(arguments)})"
    steps = STEPS if function.gate == MIGRATION else ()
    backup = {"enabled": function.gate == BACKUP, "backup_dir": str(tmp_path)}
    config = load_config(profile="minimal", overrides={"state.backup": backup})
    with Runtime(config, migrations=steps) as runtime:
        runtime.state.checkpoint()  # it is c1
        if steps:
            runtime.state.save("global", "k", {"a": 1}, schema_version=1)
        if function.gate == BACKUP:
            runtime.state.save("global", "k", 1)
        if function.name in ("validate_backup", "restore_backup"):
            runtime.state.create_backup()
        if code == "backup_damaged":
            next(tmp_path.glob("*/chunk-*")).write_bytes(b"")
        with pytest.raises(ScriptError) as caught:
            runtime.execute(script, engine="js")
    assert caught.value.code == code


def test_every_error_of_the_reference_is_provoked_or_explained() -> None:
    named = {(where, code) for where, codes in ERRORS_BY_PARAMETER.items() for code in codes}
    assert named == set(WRONG) | CONTENTION
