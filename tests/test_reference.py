"""The reference of State names the errors its functions really raise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmspell import Runtime, ScriptError
from llmspell.migration.step import MigrationStep
from llmspell.reference.scripting import ERRORS_BY_PARAMETER, place_of
from llmspell_bridges.api import Function
from llmspell_stdlib.state_migration import MIGRATION, STATE

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
    function: Function, index: int, code: str, wrong: str
) -> None:
    arguments = [USUAL[param.name] for param in function.by_form()[0].params]
    arguments[index] = wrong
    script = f"State.sync.{function.name}({', '.join(arguments)})"
    steps = STEPS if function.gate == MIGRATION else ()
    with Runtime(profile="minimal", migrations=steps) as runtime:
        runtime.state.checkpoint()  # it is c1
        if steps:
            runtime.state.save("global", "k", {"a": 1}, schema_version=1)
        with pytest.raises(ScriptError) as caught:
            runtime.execute(script, engine="js")
    assert caught.value.code == code


def test_every_error_of_the_reference_is_provoked_or_explained() -> None:
    named = {(where, code) for where, codes in ERRORS_BY_PARAMETER.items() for code in codes}
    assert named == set(WRONG) | CONTENTION
