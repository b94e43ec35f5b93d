"""``llmspell migrate validate --value``: what one value becomes, without a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from llmspell.cli.options import Settings
    from llmspell.migration.plan import Plan
    from llmspell.migration.planner import Planner
    from llmspell.schema.registry import SchemaRegistry
    from llmspell.security.validation import Problem

__all__ = ["show_value"]


def show_value(
    settings: Settings,
    file: str,
    schema: str | None,
    old: str | None,
    new: str | None,
    *,
    as_json: bool,
) -> int:
    """Print what the value in a JSON file becomes; "-" is the standard input.

    Raises ``MigrationFailed`` where a step fails, and ``ValidationFailed`` for a result that does
    not fit its schema.
    """
    from llmspell.cli.commands.schema_files import migration_section
    from llmspell.migration.versioning import open_versioning
    from llmspell.script_function import ScriptFunction

    value = _read(file)
    planner = open_versioning(migration_section(settings), scripts=ScriptFunction).planner
    plan = _plan(planner, schema, old, new)
    warnings = [*plan.issues, *plan.warnings]
    for problem in _problems(planner.registry, plan.schema, plan.from_version, value):
        place = f"does not fit version {plan.from_version}"
        warnings.append(f"the value {place}: {problem.path}: {problem.message}")
    value = plan.apply(value, warnings.append)
    if misfits := _problems(planner.registry, plan.schema, plan.to_version, value):
        raise _misfit(plan, misfits)
    _tell(plan, value, warnings, as_json)
    return 0


def _read(file: str) -> Any:
    from llmspell.cli.exchange import parse_json
    from llmspell.cli.textfile import read_bytes
    from llmspell.portable import untag

    return untag(parse_json(read_bytes(file, what="value"), what="the value"))


def _plan(planner: Planner, schema: str | None, old: str | None, new: str | None) -> Plan:
    if schema is None:
        if len(planner.names) != 1:
            there = ", ".join(planner.names) or "none"
            raise click.UsageError(f"name the schema with --schema; there are {there}")
        schema = planner.names[0]
    target = planner.resolve(schema, new)
    if old is None:
        before = [version for version in planner.versions(schema) if version < target]
        if not before:
            raise click.UsageError(f"there is no version before {target}; name one with --from")
        source = before[-1]
    else:
        source = planner.resolve(schema, old)
    return planner.plan(schema, source, target)


def _problems(registry: SchemaRegistry, name: str, version: int, value: Any) -> list[Problem]:
    if version not in registry.versions(name):
        return []
    return registry.problems(name, version, value)


def _misfit(plan: Plan, problems: list[Problem]) -> Exception:
    from llmspell.errors import ValidationFailed

    said = "; ".join(f"{problem.path}: {problem.message}" for problem in problems[:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return ValidationFailed(
        f"what the steps make of it does not fit {plan.schema}@{plan.to_version}: {said}{more}",
        hint="correct the steps, or the schema",
        schema=plan.schema,
        version=plan.to_version,
        problems=[problem._asdict() for problem in problems],
    )


def _tell(plan: Plan, value: Any, warnings: list[str], as_json: bool) -> None:
    from llmspell.cli.jsontext import print_json, to_json
    from llmspell.portable import tag

    if as_json:
        facts = {
            "schema": plan.schema,
            "from_version": plan.from_version,
            "to_version": plan.to_version,
            "steps": [step.name for step in plan.steps],
        }
        print_json({"ok": True, **facts, "value": tag(value), "warnings": warnings})
        return
    from llmspell.cli.commands.migrate_telling import print_warnings

    print_warnings(warnings)
    click.echo(to_json(tag(value), indent=2, ascii_only=False).encode(errors="replace"))
